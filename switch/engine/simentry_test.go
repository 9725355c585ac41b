package engine

import (
	"fmt"
	"time"

	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// entry is what people book: a chargeback of any payment, an adjustment with or without a
// payment, what wins a chargeback back, or an entry that was posted before once more.
func (w *world) entry(kind int) {
	var n *Entry
	switch {
	case kind == 10 || len(w.entries) == 0:
		n = w.newChargeback()
	case kind == 11:
		n = w.newAdjustment()
	default:
		n = w.entries[w.rng.IntN(len(w.entries))]
	}
	w.entries = append(w.entries, n)
	w.post(n)
}

func (w *world) entryID() payment.ID {
	w.ids++
	return payment.ID(fmt.Sprintf("E%04d", w.ids))
}

func (w *world) newChargeback() *Entry {
	old := w.orders[w.rng.IntN(len(w.orders))]
	return &Entry{ID: w.entryID(), Kind: payment.Chargeback, Original: old.id,
		Reason: payment.Reasons(payment.Chargeback)[w.rng.IntN(3)],
		Amount: payment.Fen(1 + w.rng.IntN(int(max(old.request.Payment.Amount, 2))))}
}

func (w *world) newAdjustment() *Entry {
	sides := []string{"lanternbank", "riverbank", "shop", "wallet", "acquirer"}
	n := &Entry{ID: w.entryID(), Kind: payment.Adjustment, Reason: payment.ReconciliationDifference,
		Debited: sides[w.rng.IntN(len(sides))], Credited: sides[w.rng.IntN(len(sides))],
		Medium: payment.Medium(w.rng.IntN(2)), Amount: payment.Fen(1 + w.rng.IntN(100_000))}
	switch w.rng.IntN(3) {
	case 0:
		n.Original = w.orders[w.rng.IntN(len(w.orders))].id
	case 1:
		charged := w.entries[w.rng.IntN(len(w.entries))]
		n.Original, n.Reason, n.Amount = charged.ID, payment.Representment, payment.Fen(1+w.rng.IntN(int(charged.Amount)))
		if legs := w.visible[charged.ID].Legs; len(legs) > 1 { // It was booked: between those who took part.
			n.Debited, n.Credited, n.Medium = legs[1].Institution, legs[0].Institution, legs[0].Medium
		}
	}
	return n
}

// post does what the runner's post does.
func (w *world) post(n *Entry) {
	if old, ok := w.visible[n.ID]; ok {
		w.tally.entriesAgain++
		if old.Digest != n.digest() {
			w.t.Errorf("seed %d: %s was posted with other content", w.seed, n.ID)
		}
		return
	}
	w.remember(n.Original)
	stood := w.core.book.Standings()
	actions := w.core.step(time.Now(), &event{kind: eventPost, id: n.ID, request: &Request{Payment: n.payment()}, calls: newCall()})
	if actions[0].kind == actionRefuse {
		w.entryRefused(n, actions[0].refusal, stood)
	}
	w.collect(actions)
	if w.core.lives[n.ID] != nil {
		w.t.Errorf("seed %d: %s is at work: nobody will ever end it", w.seed, n.ID)
	}
}

// entryRefused holds that a refusal leaves every side as it stood.
func (w *world) entryRefused(n *Entry, refusal payment.Failure, stood []ledger.Stood) {
	w.tally.entriesRefused++
	if refusal == payment.LiquidityShort {
		w.tally.entriesShort++
	}
	for _, s := range stood {
		if got := w.core.book.Standing(s.Side); got != s.Standing {
			w.t.Errorf("seed %d: %s was refused with %s and left %v as %+v, was %+v", w.seed, n.ID, refusal, s.Side, got, s.Standing)
		}
	}
}

// checkEntry holds an entry's own words.
func (w *world) checkEntry(p *payment.Payment) {
	if p.Status != payment.StatusApproved || !p.Reason.Fits(p.Kind) || len(p.Legs) < 2 {
		w.t.Errorf("seed %d: entry %+v", w.seed, p)
	}
	for i := range p.Legs {
		if p.Legs[i].Outcome != payment.Approved {
			w.t.Errorf("seed %d: leg %d of %s is %s", w.seed, i+1, p.ID, p.Legs[i].Outcome)
		}
	}
	switch {
	case p.Kind == payment.Chargeback:
		w.tally.chargebacks++
	case p.Reason == payment.Representment:
		w.tally.wonBack++
	default:
		w.tally.adjustments++
	}
}

// returned is what went back of each payment, worked out from the others.
type returned map[payment.ID]struct{ refunded, chargedBack payment.Fen }

func (r returned) count(p *payment.Payment) {
	if p.Status != payment.StatusApproved {
		return
	}
	sum := r[p.Original]
	switch {
	case p.Kind == payment.Refund || p.Reason == payment.Representment:
		sum.refunded += p.Amount
	case p.Kind == payment.Chargeback:
		sum.chargedBack += p.Amount
	}
	r[p.Original] = sum
}
