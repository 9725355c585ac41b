package engine

import (
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// check holds the invariants that are true after every step.
func (w *world) check() {
	for _, bank := range w.banks {
		for reference, leg := range bank.legs {
			if leg.moved > 1 {
				w.t.Errorf("seed %d: %s moved money %d times under %s", w.seed, bank.name, leg.moved, reference)
			}
		}
	}
	for id, l := range w.core.lives {
		if l.ID != id || w.core.asked[requestKey{l.Institution, l.RequestID}] != l {
			w.t.Errorf("seed %d: %s is not found by its request", w.seed, id)
		}
		if l.phase != phaseManual && l.deadline().IsZero() && l.phase != phaseFollowing {
			w.t.Errorf("seed %d: %s is at work and nothing will ever wake it", w.seed, id)
		}
	}
	w.checkBook()
	for _, l := range w.core.past {
		if l.dependants == 0 {
			w.t.Errorf("seed %d: %s is kept in memory and nothing is at work on it", w.seed, l.ID)
		}
		if l.reserved < 0 || l.Returned()+l.reserved > l.Amount {
			w.t.Errorf("seed %d: %s of %d has %d refunded, %d charged back and %d reserved", w.seed, l.ID, l.Amount,
				l.Refunded, l.ChargedBack, l.reserved)
		}
	}
}

// checkEnd holds what must be true when everything has come to rest.
func (w *world) checkEnd() {
	back := returned{}
	for id, l := range w.core.lives {
		w.t.Errorf("seed %d: %s never came to an end: %s", w.seed, id, phaseNames[l.phase])
	}
	for _, p := range w.ended {
		w.checkPayment(&p)
		back.count(&p)
	}
	w.checkPositions()
	for _, stood := range w.core.book.Standings() {
		if stood.Held != 0 {
			w.t.Errorf("seed %d: %v holds %d and nothing is at work", w.seed, stood.Side, stood.Held)
		}
	}
	for id, original := range w.ended {
		if sum := back[id]; sum.refunded != original.Refunded || sum.chargedBack != original.ChargedBack || original.Returned() > original.Amount {
			w.t.Errorf("seed %d: of %s of %d fen %+v went back, the switch says %d refunded and %d charged back",
				w.seed, id, original.Amount, sum, original.Refunded, original.ChargedBack)
		}
		if original.Returned() > 0 && original.Status != payment.StatusApproved {
			w.t.Errorf("seed %d: %s is %s and %d of it went back", w.seed, id, original.Status, original.Returned())
		}
	}
	for _, l := range w.core.past {
		if l.dependants > 0 && !w.manualDependant(l.ID) {
			w.t.Errorf("seed %d: %s waits for a refund or cancel that is gone", w.seed, l.ID)
		}
	}
}

func (w *world) manualDependant(id payment.ID) bool {
	for _, l := range w.core.lives {
		if l.Original == id {
			return true
		}
	}
	return false
}

// checkPayment compares one ended payment with the books of its institutions.
func (w *world) checkPayment(p *payment.Payment) {
	switch p.Status {
	case payment.StatusApproved:
		w.tally.approved++
	case payment.StatusDeclined:
		w.tally.declined++
	case payment.StatusCancelled:
		w.tally.cancelled++
	default:
		w.t.Errorf("seed %d: %s ended as %s", w.seed, p.ID, p.Status)
	}
	if p.Reason != payment.NoReason {
		w.checkEntry(p)
		return // No institution was called.
	}
	w.checkAsker(p)
	if p.Kind == payment.Cancel {
		w.tally.cancels++
		return // Its legs are the original's, which is checked itself.
	}
	for i := range p.Legs {
		w.checkLeg(p, i)
	}
	if p.Kind == payment.Refund && p.Status == payment.StatusApproved {
		w.tally.refunds++
	}
}

// checkAsker holds that only the caller of a payment takes it back, and that nobody but
// the caller refunds without an institution being asked.
func (w *world) checkAsker(p *payment.Payment) {
	original := w.ended[p.Original]
	if p.Original == "" || p.Institution == original.Institution {
		return
	}
	if p.Kind == payment.Cancel || len(p.Legs) == 0 || !original.Party(p.Institution) {
		w.t.Errorf("seed %d: %s by %s turns %s of %s round", w.seed, p.ID, p.Institution,
			original.ID, original.Institution)
	}
}

// checkLeg holds a leg's money at its institution against the payment's status. A
// payment that a cancel is still undoing by hand is people's to judge.
func (w *world) checkLeg(p *payment.Payment, i int) {
	if w.manualDependant(p.ID) {
		return
	}
	want := payment.Fen(0)
	if p.Status == payment.StatusApproved {
		want = p.Legs[i].Amount
	}
	if got := w.banks[p.Legs[i].Institution].net(p.Reference(i)); got != want {
		w.t.Errorf("seed %d: %s is %s, but %s has %d moved under %s, want %d",
			w.seed, p.ID, p.Status, p.Legs[i].Institution, got, p.Reference(i), want)
	}
}

// checkBook holds the book against what its records come to, worked out anew: the accounts
// are zero together in each medium, the running balances are the recomputed ones, what is
// held is what the payments at work would take, and no limited side has given more than it
// may, what is held counted.
func (w *world) checkBook() {
	book := w.core.book
	var sums [2]payment.Fen
	lines := map[string]payment.Fen{}
	for _, line := range book.Lines() {
		lines[line.Account.String()] = line.Balance
	}
	for name, balance := range w.recount.balances {
		if a, err := ledger.ParseAccount(name); err != nil {
			w.t.Errorf("seed %d: %v", w.seed, err)
		} else {
			sums[a.Medium] += balance
		}
		if lines[name] != balance {
			w.t.Errorf("seed %d: %s stands at %d, its records sum to %d", w.seed, name, lines[name], balance)
		}
		delete(lines, name)
	}
	if len(lines) > 0 || sums != [2]payment.Fen{} {
		w.t.Errorf("seed %d: the accounts sum to %v; no record posted %v", w.seed, sums, lines)
	}
	held := map[ledger.Side]payment.Fen{}
	for _, l := range w.core.lives {
		if l.held {
			take(held, l.Payment, l.turned())
		}
	}
	for _, key := range book.Sides() {
		if s := book.Standing(key); s.Held != held[key] {
			w.t.Errorf("seed %d: %v holds %d, its payments at work %d", w.seed, key, s.Held, held[key])
		}
		if limit, ok := w.recount.caps[key]; ok && w.recount.room(key, limit) < held[key] {
			w.t.Errorf("seed %d: %v holds %d, but has %d left to its limit", w.seed, key, held[key], w.recount.room(key, limit))
		}
	}
}

// take adds what p takes from each side, worked out anew.
func take(held map[ledger.Side]payment.Fen, p, original *payment.Payment) {
	for key, amount := range netOf(p, original) {
		if amount < 0 {
			held[key] -= amount
		}
	}
}

// netOf is what p changes in each side's position.
func netOf(p, original *payment.Payment) map[ledger.Side]payment.Fen {
	net := map[ledger.Side]payment.Fen{}
	source, amount := p, p.Amount
	if original != nil {
		source, amount = original, -p.Amount
	}
	for i := range source.Legs {
		leg := &source.Legs[i]
		gives, takes := leg.Institution, source.Institution
		if leg.Kind == payment.Credit {
			gives, takes = takes, gives
		}
		net[ledger.Side{Institution: gives, Medium: leg.Medium}] -= amount
		net[ledger.Side{Institution: takes, Medium: leg.Medium}] += amount
	}
	return net
}

// checkPositions works the positions out from the ended payments alone and compares: what
// the records post without fees is what the payments moved.
func (w *world) checkPositions() {
	want := map[ledger.Side]payment.Fen{}
	for _, p := range w.ended {
		if p.Kind == payment.Cancel || p.Status != payment.StatusApproved {
			continue // A cancelled payment and its cancel are together nothing.
		}
		for key, amount := range netOf(&p, w.turned(&p)) {
			want[key] += amount
		}
	}
	fees := w.checkFees()
	for _, key := range w.core.book.Sides() {
		name := ledger.Account{Purpose: ledger.Position, Medium: key.Medium, Owner: key.Institution}.String()
		if got := w.core.book.Standing(key).Position; got != want[key]+fees[name] {
			w.t.Errorf("seed %d: %v stands at %d, its payments sum to %d and its fees to %d", w.seed, key, got, want[key], fees[name])
		}
	}
}

// turned is the payment that p turns round; nil where it does not.
func (w *world) turned(p *payment.Payment) *payment.Payment {
	if !p.Kind.Turns() {
		return nil
	}
	original := w.ended[p.Original]
	return &original
}

// checkFees sums up the fees that the records post, and holds that nobody returns more of a
// fee than it was paid, and that of a payment which was turned round whole none is left.
func (w *world) checkFees() map[string]payment.Fen {
	sums, left := map[string]payment.Fen{}, map[payment.ID]map[string]payment.Fen{}
	for _, posted := range w.recount.outcomes {
		p := w.ended[posted.id]
		original := p.ID
		if p.Kind.Turns() {
			original = p.Original
		}
		moves := 0
		for _, amount := range netOf(&p, w.turned(&p)) {
			if amount != 0 {
				moves++
			}
		}
		if left[original] == nil {
			left[original] = map[string]payment.Fen{}
		}
		for _, line := range posted.lines[moves:] {
			w.tally.fees++
			sums[line.Account] += line.Amount
			left[original][line.Account] += line.Amount
		}
	}
	for id, accounts := range left {
		p := w.ended[id]
		for _, line := range p.Fees {
			rest, sign := accounts[line.Account], line.Amount > 0
			whole := p.Returned() == p.Amount || p.Status == payment.StatusCancelled
			if whole && rest != 0 || rest != 0 && (rest > 0) != sign || max(rest, -rest) > max(line.Amount, -line.Amount) {
				w.t.Errorf("seed %d: of the fee of %s %s keeps %d of %d, with %d of %d returned", w.seed, id, line.Account,
					rest, line.Amount, p.Returned(), p.Amount)
			}
		}
	}
	return sums
}
