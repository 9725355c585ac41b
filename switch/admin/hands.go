package admin

import (
	"errors"
	"time"

	"tongma/switch/engine"
	"tongma/switch/payment"
)

// Hands is what people need for payments that the switch could not bring to an end; see
// engine.Engine.
type Hands interface {
	Queue(limit int) ([]engine.Undecided, error)
	Decide(id payment.ID, moved bool, act *engine.Act) (payment.Payment, error)
	Find(id payment.ID) (payment.Payment, error)
}

// Outcomes of a decision.
const (
	Moved   = "moved"   // All of it took place, by the institutions or by hand afterwards.
	Nothing = "nothing" // None of it did, or what did was undone.
)

// Proposal is one person's word on a payment; it waits for that of another.
type Proposal struct {
	Outcome string `json:"outcome"`
	Word
}

// String gives the outcome.
func (p *Proposal) String() string { return p.Outcome }

// OpenLine is one payment without an end.
type OpenLine struct {
	ID          payment.ID  `json:"id"`
	Kind        string      `json:"kind"`
	Caller      string      `json:"caller"`
	RequestID   string      `json:"request_id"`
	AmountFen   payment.Fen `json:"amount_fen"`
	Status      string      `json:"status"`
	Doing       string      `json:"doing"` // What the switch does about it; manual is left to people.
	Institution string      `json:"institution,omitempty"`
	AgeSeconds  int64       `json:"age_seconds"`
	Queries     int         `json:"queries"`
	NextAction  time.Time   `json:"next_action,omitzero"`
	Original    payment.ID  `json:"original,omitempty"`
	Legs        []OpenLeg   `json:"legs"`
	Proposal    *Proposal   `json:"proposal,omitempty"`
}

// OpenLeg is what is known of one leg.
type OpenLeg struct {
	Kind        string `json:"kind"`
	Institution string `json:"institution"`
	Reference   string `json:"reference"`
	Outcome     string `json:"outcome"`
	Cancelled   bool   `json:"cancelled,omitempty"`
}

// openShown bounds the queue that is shown.
const openShown = 500

func listOpen(c *call, _ *engine.Act) (any, error) {
	queue, err := c.options.Hands.Queue(openShown)
	if err != nil {
		return nil, &Refusal{JournalRefused, err.Error()}
	}
	lines := make([]OpenLine, len(queue))
	for i := range queue {
		if lines[i], err = c.openLine(&queue[i]); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

func (c *call) openLine(o *engine.Undecided) (OpenLine, error) {
	p := &o.Payment
	line := OpenLine{ID: p.ID, Kind: p.Kind.String(), Caller: p.Institution, RequestID: p.RequestID, AmountFen: p.Amount,
		Status: p.Status.String(), Doing: o.Doing, Institution: o.Institution, Queries: o.Queries, NextAction: o.Next,
		AgeSeconds: int64(c.now.Sub(p.Accepted).Seconds()), Original: p.Original, Legs: []OpenLeg{}}
	for i := range p.Legs {
		leg := &p.Legs[i]
		line.Legs = append(line.Legs, OpenLeg{Kind: leg.Kind.String(), Institution: leg.Institution,
			Reference: p.Reference(i), Outcome: leg.Outcome.String(), Cancelled: leg.Cancelled})
	}
	var err error
	line.Proposal, err = c.proposal(p.ID)
	return line, err
}

func proposalKey(id payment.ID) string { return "decision/" + string(id) }

// proposal gives what was proposed about a payment; nil where nothing was.
func (c *call) proposal(id payment.ID) (*Proposal, error) {
	p := new(Proposal)
	if found, err := c.proposed(proposalKey(id), p); err != nil || !found {
		return nil, err
	}
	return p, nil
}

// proposeOutcome keeps one person's word on a payment.
func proposeOutcome(c *call, a *engine.Act) (any, error) {
	c.deciding.Lock()
	defer c.deciding.Unlock()
	var p Proposal
	id, err := c.handed(a, &p)
	if err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	if err := c.propose(a, proposalKey(id), &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// handed reads what is said about the payment of the path, which must be in people's hands.
func (c *call) handed(a *engine.Act, p *Proposal) (payment.ID, error) {
	id := payment.ID(c.http.PathValue("id"))
	a.Subject = clip(string(id))
	if err := c.read(p); err != nil {
		return "", err
	}
	if p.Outcome != Moved && p.Outcome != Nothing {
		return "", &Refusal{BodyInvalid, "outcome is moved or nothing"}
	}
	found, err := c.options.Hands.Find(id)
	if err != nil {
		return "", &Refusal{PaymentUnknown, err.Error()}
	}
	if found.Status != payment.StatusManual {
		detail := "its status is " + found.Status.String()
		if !found.Status.Final() {
			detail += "; the switch still asks, people decide when it has given up"
		}
		return "", &Refusal{NotInHand, detail}
	}
	return id, nil
}

// Decided is how a payment ended by two people's word.
type Decided struct {
	ID     payment.ID `json:"id"`
	Status string     `json:"status"`
}

// decideOutcome is the second person's word: it must say what the first one said, and ends
// the payment.
func decideOutcome(c *call, a *engine.Act) (any, error) {
	c.deciding.Lock()
	defer c.deciding.Unlock()
	var said, p Proposal
	id, err := c.handed(a, &said)
	if err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	if err := c.second(a, proposalKey(id), &p, said.Word, func() bool { return p.Outcome == said.Outcome }); err != nil {
		return nil, err
	}
	ended, err := c.options.Hands.Decide(id, p.Outcome == Moved, a)
	if err != nil {
		var refusal *payment.Refusal
		if errors.As(err, &refusal) && refusal.Failure == payment.NotDecidable {
			return nil, c.options.Tables.refused(a, &Refusal{NotInHand, "decide the payment that it turns round first"})
		}
		return nil, &Refusal{JournalRefused, err.Error()}
	}
	return &Decided{ended.ID, ended.Status.String()}, nil
}
