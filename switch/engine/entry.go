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
	e.inbox.put(input{event: event{kind: eventPost, id: n.ID, request: r, calls: c}, act: act})
	return e.wait(c)
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
	l := c.newLife(now, ev)
	failure := c.admitEntry(l)
	if failure == payment.NoFailure {
		failure = c.hold(l)
	}
	if failure != payment.NoFailure {
		c.refuse(ev, failure)
		return
	}
	c.enter(l)
	c.record(l, recordIntent)
	for i := range l.Legs {
		l.Legs[i].Outcome = payment.Approved
	}
	c.finish(now, l, payment.StatusApproved, payment.NoFailure)
}

// admitEntry checks what people decided against what is known.
func (c *core) admitEntry(l *life) payment.Failure {
	l.original = c.known(l.Original)
	switch {
	case !l.Reason.Fits(l.Kind):
		return payment.ReasonInvalid
	case !l.Amount.Valid():
		return payment.AmountInvalid
	case l.original == nil && (l.Original != "" || l.Kind == payment.Chargeback):
		return payment.PaymentNotFound
	case l.Kind == payment.Chargeback:
		return admitChargeback(l, l.original)
	case l.Legs[0].Institution == l.Legs[1].Institution:
		return payment.FieldInvalid // It would move nothing.
	}
	return admitAdjustment(l, l.original)
}

// admitChargeback allows what is left of an approved payment. What a refund on its way has
// reserved is not left. A cancel at work will undo all of it: nothing beside that.
func admitChargeback(l, original *life) payment.Failure {
	if original.Kind != payment.Pay || original.Status != payment.StatusApproved || original.undoing {
		return payment.NotChargeable
	}
	if l.Amount > original.Amount-original.Returned()-original.reserved {
		return payment.ChargebackExceeds
	}
	inherit(l, original)
	l.Legs = chargebackLegs(&original.Payment, l.Amount)
	return payment.NoFailure
}

// admitAdjustment checks the payment that an adjustment is linked to, if it is: it has come
// to its end, for what is still open the switch or people's hands will put right; and both
// institutions had part in it, or in its fees. What won a chargeback back is linked to that
// chargeback and returns no more than it took. The amount is not held against another payment's:
// the fault that is put right may be larger than what should have moved.
func admitAdjustment(l, linked *life) payment.Failure {
	won := l.Reason == payment.Representment
	switch {
	case linked == nil && won:
		return payment.PaymentNotFound
	case linked == nil:
		return payment.NoFailure
	case !linked.ended() || linked.undoing:
		return payment.PaymentOpen
	case won && linked.Kind != payment.Chargeback:
		return payment.NotChargeable
	case won && l.Amount > linked.Amount-linked.Refunded:
		return payment.ChargebackExceeds
	}
	for i := range l.Legs {
		if !concerned(&linked.Payment, l.Legs[i].Institution) {
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
