package engine

import (
	"time"

	"tongma/switch/journal"
	"tongma/switch/payment"
)

// phase is what is being done about the leg at hand.
type phase uint8

const (
	phaseSent       phase = iota // The operation is on its way.
	phaseAsking                  // The answer was lost: queries.
	phaseCancelling              // The leg stayed undecided, or the caller wants it undone: cancels.
	phaseUndoing                 // A later leg failed: the approved legs before it are undone.
	phaseFollowing               // A cancel waits for the payment that it cancels to come to an end.
	phaseManual                  // People decide.
)

var phaseNames = [...]string{"sent", "asking", "cancelling", "undoing", "following", "manual"}

// life is one payment while the engine works on it: the durable payment and, beside it,
// what a restart may forget.
type life struct {
	*payment.Payment
	positions []journal.Position  // Of its records, for the projection.
	two       [2]journal.Position // Room for those of nearly every payment: intent and outcome.

	leg     int // The leg at hand.
	phase   phase
	failure payment.Failure // Why the payment is being undone.

	// What follows is not in any record. After a restart the queries begin anew.
	cancelRefused bool
	replied       bool
	undoing       bool // A cancel is at work on it, or is in people's hands: no refund beside it.
	held          bool // Its moves are held in the book.
	queries       int
	dependants    int               // Refunds and cancels at work on this payment.
	request       *Request          // What it was made of; nil after a restart.
	next          time.Time         // When the engine acts again if nothing is heard.
	answerBy      time.Time         // When the caller is told that the outcome is unknown.
	resolveBy     time.Time         // When people take over.
	due           int64             // The newest time for which a timer was set, Unix nanoseconds.
	calls         *call             // Everybody who waits.
	followers     []*life           // Cancels that wait for the end of this payment.
	original      *life             // The payment that this one is linked to.
	reserved      payment.Fen       // Refunds in flight.
	posted        []payment.Posting // Of the outcome record read last; replay only.
	first         payment.Operation // Room for the one that nearly every payment needs.
}

// newLife is one that nothing is known of yet.
func newLife() *life { return &life{Payment: new(payment.Payment)} }

// current is the leg at hand.
func (l *life) current() *payment.Leg { return &l.Legs[l.leg] }

// ended reports whether l needs no more work.
func (l *life) ended() bool { return l.Status.Final() }

// deadline is the next instant at which l wants to be looked at.
func (l *life) deadline() time.Time {
	at := l.next
	if !l.replied && (at.IsZero() || l.answerBy.Before(at)) {
		at = l.answerBy
	}
	return at
}

// operation builds the call for the leg at hand: the leg's own operation, a query of it
// or its cancel.
func (l *life) operation(kind payment.OperationKind) *payment.Operation {
	leg, op := l.current(), &l.first
	if op.Kind != payment.OperationNone {
		op = new(payment.Operation)
	}
	*op = payment.Operation{
		Kind:        kind,
		Institution: leg.Institution,
		Caller:      l.Institution,
		Payment:     l.ID,
		Leg:         l.leg,
		Reference:   l.reference(),
		Original:    leg.Original,
		Amount:      leg.Amount,
		Currency:    l.Currency,
		Merchant:    l.Merchant,
		Scene:       l.Scene,
		Time:        l.Requested,
	}
	switch r := l.request; {
	case !kind.MovesMoney() || r == nil:
	case leg.Kind == payment.Debit && r.Account != "":
		op.Account = r.Account
	default:
		op.Code = r.Code
	}
	return op
}

// reference names the leg at hand towards its institution. A cancel's leg has no
// reference of its own: it is the reference of the leg that it undoes.
func (l *life) reference() string {
	if leg := l.current(); leg.Kind == payment.CancelLeg {
		return leg.Original
	}
	return l.Reference(l.leg)
}

// attach tells the original that l is at work on it: a refund reserves its amount, a
// cancel keeps refunds away. An entry reserves nothing: it ends in the step that begins it.
func (l *life) attach() {
	l.original.dependants++
	switch l.Kind {
	case payment.Refund:
		l.original.reserved += l.Amount
	case payment.Cancel:
		l.original.undoing = true
	}
}

// snapshot is a copy of the payment that stays as it is.
func (l *life) snapshot() *payment.Payment {
	p := *l.Payment
	p.Legs = append([]payment.Leg(nil), l.Legs...)
	return &p
}

// last is the payment as it stays from now on: no copy of it where nothing can change it any
// more. What has ended is changed only by a refund, a cancel or an entry that is at work on it;
// one that comes later recalls a copy of its own.
func (l *life) last() *payment.Payment {
	if l.ended() && l.dependants == 0 {
		return l.Payment
	}
	return l.snapshot()
}
