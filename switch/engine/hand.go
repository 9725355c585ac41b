package engine

import (
	"slices"
	"strings"
	"time"

	"tongma/switch/payment"
)

// Undecided is one payment without an end, as the operator's queue shows it.
type Undecided struct {
	Payment     payment.Payment
	Doing       string    // asking, cancelling, undoing, following or manual; sent while the answer is awaited.
	Institution string    // Of the leg at hand; empty where it has none.
	Queries     int       // Sent since the last start.
	Next        time.Time // When the switch acts again; zero where people have to.
}

// Queue lists the payments whose outcome is open beyond the usual way, the oldest first, at
// most limit. The error is a *payment.Refusal.
func (e *Engine) Queue(limit int) ([]Undecided, error) {
	c := e.borrow()
	e.inbox.put(input{event: event{kind: eventQueue, calls: c}, rare: &rare{limit: limit}})
	<-c.done
	list, failure := c.queue, c.refusal
	e.release(c)
	if failure != payment.NoFailure {
		return nil, &payment.Refusal{Failure: failure}
	}
	return list, nil
}

// queue copies what Queue lists.
func (c *core) queue(limit int) []Undecided {
	var open []*life
	for _, l := range c.lives {
		if l.phase != phaseSent || l.Status != payment.StatusPending {
			open = append(open, l)
		}
	}
	slices.SortFunc(open, func(a, b *life) int {
		if n := a.Accepted.Compare(b.Accepted); n != 0 {
			return n
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
	list := make([]Undecided, 0, min(limit, len(open)))
	for _, l := range open[:min(limit, len(open))] {
		o := Undecided{Payment: *l.snapshot(), Doing: phaseNames[l.phase], Queries: l.queries, Next: l.next}
		if l.leg < len(l.Legs) {
			o.Institution = l.current().Institution
		}
		list = append(list, o)
	}
	return list
}

// Decide ends a payment that is in people's hands. moved says that all of it took place, by
// the institutions or by hand afterwards; otherwise none of it did, or what did was undone.
// act, which says who found that out and how, stands before the outcome in the same block.
// The error is a *payment.Refusal: NotDecidable where the payment is not in people's hands, or
// where it is a cancel of one that still is.
func (e *Engine) Decide(id payment.ID, moved bool, act *Act) (payment.Payment, error) {
	if refusal := e.accepting(); refusal != nil {
		return payment.Payment{}, refusal
	}
	c := e.borrow()
	e.inbox.put(input{event: event{kind: eventDecided, id: id, moved: moved, calls: c}, rare: &rare{act: act}})
	return e.payment(c)
}

// decideByHand writes the act and lets the core end the payment. Both are in one block.
func (w *writer) decideByHand(now time.Time, in *input) {
	if len(w.batch.records)+decisionRecordsMax > w.options.Limits.BlockRecordsMax {
		w.flush()
	}
	if w.core.decidable(in.id) {
		w.keepAct(in.act)
	}
	w.decide(now, &in.event)
}

// decisionRecordsMax is how many records a decision may write: the act, the outcome, and that
// of the payment which a cancel undoes.
const decisionRecordsMax = 4

// decidable reports whether people may decide what became of the payment.
func (c *core) decidable(id payment.ID) bool {
	l := c.lives[id]
	return l != nil && l.phase == phaseManual && (l.Kind != payment.Cancel || l.original.ended())
}

// decideByHand ends a payment as people say.
func (c *core) decideByHand(now time.Time, ev *event) {
	if !c.decidable(ev.id) {
		c.refuse(ev, payment.NotDecidable)
		return
	}
	l := c.lives[ev.id]
	ev.calls.join(l)
	if l.Kind == payment.Cancel && l.original.Status != payment.StatusApproved {
		c.free(l) // There is nothing to turn round.
	}
	if !ev.moved {
		c.finish(now, l, payment.StatusDeclined, l.comeToNothing())
		return
	}
	if l.Kind == payment.Cancel && l.original.Status == payment.StatusApproved && len(l.Legs) == 0 {
		l.Legs = cancelLegs(l.original.Payment)
	}
	if !l.held && (l.Kind != payment.Cancel || l.original.Status == payment.StatusApproved) {
		c.holdAgain(l)
	}
	for i := range l.Legs {
		leg := &l.Legs[i]
		leg.Outcome, leg.Failure, leg.Cancelled = payment.Approved, payment.NoFailure, false
	}
	c.finish(now, l, payment.StatusApproved, payment.NoFailure)
}

// comeToNothing notes of every leg that it did not take place, or was undone, and gives the
// reason that stands nearest.
func (l *life) comeToNothing() payment.Failure {
	failure := payment.DeclinedByInstitution
	for i := range l.Legs {
		leg := &l.Legs[i]
		if leg.Outcome == payment.Approved {
			leg.Cancelled = true
			continue
		}
		if leg.Failure != payment.NoFailure {
			failure = leg.Failure
		}
		leg.Outcome = payment.Declined
		if leg.Failure == payment.NoFailure {
			leg.Failure = payment.DeclinedByInstitution
		}
	}
	if l.failure != payment.NoFailure {
		failure = l.failure
	}
	return failure
}
