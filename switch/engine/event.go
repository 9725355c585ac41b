package engine

import (
	"time"

	"tongma/switch/payment"
)

// eventKind says what happened.
type eventKind uint8

const (
	eventAccept   eventKind = iota // A request asks to become a payment.
	eventAnswer                    // An institution answered, or the link gave up on it.
	eventLate                      // An answer came after the link had given up on it.
	eventDue                       // The time that a payment waited for has come.
	eventRecalled                  // A payment that ended long ago was read from the projection.
	eventDecided                   // People decided what became of a payment.
	eventInquire                   // People want an institution asked how a leg stands.
	eventPost                      // People decided on a chargeback or an adjustment.

	// The runner's own; the core never sees them.
	eventLook
	eventRefused
	eventAct
	eventStand
	eventQueue
	eventTold
	eventOwe
	eventStop
)

// event is one input of the core. It is small: at the top rate four hundred thousand of them
// pass from processor to processor in a second.
type event struct {
	kind eventKind
	id   payment.ID // Of the payment; for accept, the id that it gets if it is new.

	request *Request           // accept
	calls   *call              // accept: who waits for the reply; nil in scripts
	op      *payment.Operation // answer, late
	answer  *payment.Answer    // answer, late; nobody changes it
	past    *life              // recalled; inquire: of a payment that has ended
	leg     int                // inquire
	moved   bool               // decided: all of it took place; otherwise none of it did.
}

// actionKind says what the runner has to do.
type actionKind uint8

const (
	actionRecord actionKind = iota // Write record; it is durable before the actions after it.
	actionSend                     // Give op to the institution's link.
	actionTimer                    // Wake the payment at life.due.
	actionReply                    // Answer everybody who waits for the payment.
	actionRefuse                   // Answer one request: refused, nothing was done.
	actionSame                     // Answer one request: it was asked before, this is its payment.
)

// action is one output of the core. life stays unchanged until the next step.
type action struct {
	kind    actionKind
	life    *life
	record  recordKind
	op      *payment.Operation
	refusal payment.Failure
	calls   *call  // refuse, same
	note    *event // record: the answer that is kept as evidence; valid until the next step

	postings []payment.Posting // record: of an outcome; valid until the next step
}

// Plan is how the engine brings one institution's undecided legs to an end.
type Plan struct {
	SendMax    time.Duration `yaml:"send_max"`    // The link answers within this time; later the engine asks.
	FirstQuery time.Duration `yaml:"first_query"` // From the lost answer to the first query.
	Spacing    time.Duration `yaml:"spacing"`     // Between queries, and between cancels.
	// QueriesMax is how often the switch asks before it cancels, or where it cannot, before it
	// leaves the leg to people. After a refused cancel it may ask as often again; an answer
	// that comes late is worth one question more.
	QueriesMax int           `yaml:"queries_max"`
	ResolveMax time.Duration `yaml:"resolve_max"` // From acceptance to people: after it the payment is manual.
	Cancel     bool          `yaml:"cancel"`      // The institution undoes a leg, also one it never saw.
}

// DefaultPlan asks four times within twenty seconds and cancels.
func DefaultPlan() Plan {
	return Plan{
		SendMax:    5 * time.Second,
		FirstQuery: time.Second,
		Spacing:    5 * time.Second,
		QueriesMax: 4,
		ResolveMax: 2 * time.Minute,
		Cancel:     true,
	}
}

// faults lists what is wrong with p.
func (p *Plan) faults() []string {
	var list []string
	positive := map[string]time.Duration{
		"SendMax": p.SendMax, "FirstQuery": p.FirstQuery,
		"Spacing": p.Spacing, "ResolveMax": p.ResolveMax,
	}
	for name, d := range positive {
		if d <= 0 {
			list = append(list, name+" is not above zero")
		}
	}
	if p.QueriesMax < 1 {
		list = append(list, "QueriesMax is below 1: an unknown outcome would never be asked for")
	}
	return list
}
