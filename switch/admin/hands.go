package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
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

// hands keeps two people from deciding at once.
type hands struct{ mu sync.Mutex }

// Outcomes of a decision.
const (
	Moved   = "moved"   // All of it took place, by the institutions or by hand afterwards.
	Nothing = "nothing" // None of it did, or what did was undone.
)

// Proposal is one person's word on a payment; it waits for that of another.
type Proposal struct {
	Outcome  string    `json:"outcome"`
	Evidence string    `json:"evidence"` // Who of which institution said so, a file, a ticket.
	By       string    `json:"by"`
	At       time.Time `json:"at"`
}

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

// The limits of the queue and of what is said about a payment.
const (
	openShown        = 500
	evidenceBytesMin = 8
	evidenceBytesMax = 2000
)

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
	text, err := c.options.Acts.State(proposalKey(id))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	p := new(Proposal)
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("admin: cannot read the proposal on %s: %w", id, err)
	}
	return p, nil
}

// propose keeps one person's word on a payment. A later one takes its place.
func propose(c *call, a *engine.Act) (any, error) {
	var p Proposal
	id, err := c.handed(a, &p)
	if err == nil {
		err = checkEvidence(p.Evidence)
	}
	if err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	p.By, p.At = a.Who, a.Time
	text, err := json.Marshal(&p)
	if err != nil {
		return nil, err
	}
	a.Key, a.State, a.Detail = proposalKey(id), text, p.Outcome+": "+p.Evidence
	if err := c.options.Acts.Act(a); err != nil {
		return nil, &Refusal{JournalRefused, err.Error()}
	}
	return &p, nil
}

// checkEvidence refuses what says too little to be held against anything, and a whole file.
func checkEvidence(text string) error {
	if len(text) < evidenceBytesMin || len(text) > evidenceBytesMax {
		return &Refusal{BodyInvalid, fmt.Sprintf("evidence has %d bytes, want %d to %d", len(text), evidenceBytesMin, evidenceBytesMax)}
	}
	return nil
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
		return "", &Refusal{NotInHand, "its status is " + found.Status.String()}
	}
	return id, nil
}

// Decided is how a payment ended by two people's word.
type Decided struct {
	ID     payment.ID `json:"id"`
	Status string     `json:"status"`
}

// decide is the second person's word: it must say what the first one said, and ends the
// payment.
func decide(c *call, a *engine.Act) (any, error) {
	c.hands.mu.Lock()
	defer c.hands.mu.Unlock()
	var word Proposal
	id, err := c.handed(a, &word)
	if err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	p, err := c.proposal(id)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		err = &Refusal{ProposalMissing, "nobody has proposed anything"}
	case p.By == a.Who:
		err = &Refusal{SamePerson, "who proposed a decision cannot make it"}
	case p.Outcome != word.Outcome || word.By != "" && word.By != p.By:
		err = &Refusal{ProposalChanged, fmt.Sprintf("%s proposed %s", p.By, p.Outcome)}
	}
	if err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	a.Detail = clip(fmt.Sprintf("%s, as %s proposed: %s", p.Outcome, p.By, p.Evidence))
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
