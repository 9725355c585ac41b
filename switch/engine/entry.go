package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/oklog/ulid/v2"

	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// Entry is what two persons decided to book without asking any institution: a chargeback or
// an adjustment. It becomes a payment of its own, which begins and ends in one block.
type Entry struct {
	ID       payment.ID   // From NewID; the payment's, and its request id. Posting it again moves nothing.
	Kind     payment.Kind // Chargeback or Adjustment.
	Reason   payment.Reason
	Original payment.ID // What is charged back; what is put right, or empty.
	Amount   payment.Fen

	// Of an adjustment only: a chargeback goes the way of its original.
	Debited, Credited string
	Medium            payment.Medium
}

// NewID makes an id for an entry that is about to be proposed.
func (e *Engine) NewID() payment.ID { return payment.MakeID(e.options.Shard, ulid.Make().String()) }

// Post books n. act, which says who decided and what becomes of the proposal, stands before
// it in the same block: neither is there without the other. An entry that was posted before
// is answered with its payment, and act is not written. The error is a *payment.Refusal;
// LiquidityShort where the debited side's deposit, cap and position do not cover it.
func (e *Engine) Post(n *Entry, act *Act) (payment.Payment, error) {
	if refusal := e.accepting(); refusal != nil {
		return payment.Payment{}, refusal
	}
	c := e.borrow()
	r := &Request{Payment: n.payment()}
	r.Payment.Requested = act.Time
	e.inbox.put(input{event: event{kind: eventPost, id: n.ID, request: r, calls: c}, rare: &rare{act: act}})
	return e.payment(c)
}

// payment is n as the core takes it. Who is credited stands as the one that asked, as with
// a payment; of a chargeback that is its original's caller, which the core knows.
func (n *Entry) payment() payment.Payment {
	p := payment.Payment{
		Kind: n.Kind, Reason: n.Reason, Original: n.Original, RequestID: string(n.ID), Digest: n.digest(),
		Amount: n.Amount, Currency: ledger.Currency,
	}
	if n.Kind == payment.Adjustment {
		p.Institution = n.Credited
		p.Legs = []payment.Leg{
			{Kind: payment.Debit, Institution: n.Debited, Medium: n.Medium, Amount: n.Amount},
			{Kind: payment.Credit, Institution: n.Credited, Medium: n.Medium, Amount: n.Amount},
		}
	}
	return p
}

// digest is of everything that n says.
func (n *Entry) digest() payment.Digest {
	text := []byte{byte(n.Kind), byte(n.Reason), byte(n.Medium)}
	text = binary.AppendVarint(text, int64(n.Amount))
	for _, word := range [...]string{string(n.ID), string(n.Original), n.Debited, n.Credited} {
		text = appendString(text, word)
	}
	sum := sha256.Sum256(text)
	return payment.Digest(sum[:])
}

// entryRecordsMax is how many records an entry may write: the act, intent, outcome, and what
// has been returned of its original.
const entryRecordsMax = 4

// post lets the core book an entry and writes the act before it, all in one block.
func (w *writer) post(now time.Time, in *input) {
	p := &in.request.Payment
	if p.Original != "" && w.core.known(p.Original) == nil {
		w.recall(now, p.Original)
	}
	w.core.standUnder(p)
	if w.answeredBefore(requestKey{p.Institution, p.RequestID}, &in.event) {
		w.core.forget(p.Original)
		return
	}
	if len(w.batch.records)+entryRecordsMax > w.options.Limits.BlockRecordsMax {
		w.flush()
	}
	actions := w.core.step(now, &in.event)
	if len(actions) > 0 && actions[0].kind == actionRecord {
		w.keepAct(in.act)
	}
	for i := range actions {
		w.collect(&actions[i])
	}
	if len(w.batch.records) >= w.options.Limits.BlockRecordsMax {
		w.flush()
	}
}

// standUnder makes a chargeback stand under its original's caller, to find it among what that
// one asked for.
func (c *core) standUnder(p *payment.Payment) {
	if original := c.known(p.Original); original != nil && p.Kind == payment.Chargeback {
		p.Institution = original.Institution
	}
}

// post books an entry, or refuses it. It is approved at once: there is nobody to wait for.
func (c *core) post(now time.Time, ev *event) {
	p := &ev.request.Payment
	c.standUnder(p)
	if c.asked[requestKey{p.Institution, p.RequestID}] != nil {
		c.refuse(ev, payment.RequestConflict) // An entry is never at work: somebody took its id for a payment.
		return
	}
	l := c.live(now, ev)
	failure := c.admitEntry(l)
	if failure == payment.NoFailure {
		failure = c.hold(l)
	}
	if failure != payment.NoFailure {
		c.refuse(ev, failure)
		return
	}
	c.enter(l)
	ev.calls.join(l)
	c.record(l, recordIntent)
	for i := range l.Legs {
		l.Legs[i].Outcome = payment.Approved
	}
	c.finish(now, l, payment.StatusApproved, payment.NoFailure)
}

// admitEntry checks what people decided against what is known, what is at work on the
// original included: what a refund has reserved is not left, and a cancel undoes all of it.
func (c *core) admitEntry(l *life) payment.Failure {
	l.original = c.known(l.Original)
	if l.original == nil {
		return checkEntry(l.Payment, nil)
	}
	failure := checkEntry(l.Payment, l.original.Payment)
	switch {
	case failure != payment.NoFailure:
		return failure
	case l.Kind == payment.Adjustment && l.original.undoing:
		return payment.PaymentOpen
	case l.Kind == payment.Adjustment:
		return payment.NoFailure
	case l.original.undoing:
		return payment.NotChargeable
	case l.Amount > l.original.Amount-l.original.Returned()-l.original.reserved:
		return payment.ChargebackExceeds
	}
	inherit(l, l.original)
	l.Legs = chargebackLegs(l.original.Payment, l.Amount)
	return payment.NoFailure
}

// Check says what stands against n before anybody decides on it, given the payment that it
// is linked to, nil where there is none. What is at work on that payment, and what the debited
// side has left, counts when n is posted.
func (n *Entry) Check(linked *payment.Payment) payment.Failure {
	p := n.payment()
	return checkEntry(&p, linked)
}

func checkEntry(p, linked *payment.Payment) payment.Failure {
	switch {
	case p.Kind != payment.Chargeback && p.Kind != payment.Adjustment:
		return payment.FieldInvalid
	case !p.Reason.Fits(p.Kind):
		return payment.ReasonInvalid
	case !p.Amount.Valid():
		return payment.AmountInvalid
	case linked == nil && (p.Original != "" || p.Kind == payment.Chargeback || p.Reason == payment.Representment):
		return payment.PaymentNotFound
	case p.Kind == payment.Chargeback:
		return checkChargeback(p, linked)
	case p.Legs[0].Institution == p.Legs[1].Institution:
		return payment.FieldInvalid // It would move nothing.
	case linked == nil:
		return payment.NoFailure
	}
	return checkAdjustment(p, linked)
}

// checkChargeback allows what is left of an approved payment.
func checkChargeback(p, original *payment.Payment) payment.Failure {
	if original.Kind != payment.Pay || original.Status != payment.StatusApproved {
		return payment.NotChargeable
	}
	if p.Amount > original.Amount-original.Returned() {
		return payment.ChargebackExceeds
	}
	return payment.NoFailure
}

// checkAdjustment holds an adjustment against the payment that it puts right. That has come to
// its end: what is still open the switch or people's hands will put right. Both institutions had
// part in it, or in its fees. What wins a chargeback back is linked to that chargeback and
// returns no more than it took. Any other amount is not held against the payment's: the fault
// that is put right may be larger than what should have moved.
func checkAdjustment(p, linked *payment.Payment) payment.Failure {
	won := p.Reason == payment.Representment
	switch {
	case !linked.Status.Final():
		return payment.PaymentOpen
	case won && linked.Kind != payment.Chargeback:
		return payment.NotChargeable
	case won && p.Amount > linked.Amount-linked.Refunded:
		return payment.ChargebackExceeds
	}
	for i := range p.Legs {
		if !concerned(linked, p.Legs[i].Institution) {
			return payment.NotAParty
		}
	}
	return payment.NoFailure
}

// concerned reports whether institution took part in p, or earned or bore a fee of it.
func concerned(p *payment.Payment, institution string) bool {
	if p.Party(institution) {
		return true
	}
	for i := range p.Fees {
		if a, err := ledger.ParseAccount(p.Fees[i].Account); err == nil && a.Owner == institution {
			return true
		}
	}
	return false
}
