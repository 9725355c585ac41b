package ledger

import "tongma/switch/payment"

// Side is one institution in one medium: what has a position and a limit.
type Side struct {
	Institution string
	Medium      payment.Medium
}

// Move is what a payment changes in the position of one side, in fen.
type Move struct {
	Side   Side
	Amount payment.Fen
}

// movesMax is how many sides a payment can touch: each leg has two.
const movesMax = 2 * payment.LegsMax

// moves is the net of a payment for each side that it touches, without those that come
// out even.
type moves struct {
	list  [movesMax]Move
	count int
}

func (m *moves) all() []Move { return m.list[:m.count] }

func (m *moves) add(side Side, amount payment.Fen) {
	for i := range m.list[:m.count] {
		if m.list[i].Side == side {
			m.list[i].Amount += amount
			return
		}
	}
	m.list[m.count] = Move{side, amount}
	m.count++
}

// moved nets what p moves when it is approved. A debit leg moves money from the leg's
// institution to the caller, a credit leg from the caller to the leg's institution, each
// in the leg's medium: a caller that debits in one medium and credits in the other has
// changed money for its customer. A refund, a cancel or a chargeback is the original turned
// round, for its own amount; who asked for it and whom it had to call do not matter.
func moved(p, original *payment.Payment) moves {
	var m moves
	m.fill(p, original)
	return m
}

// fill makes m what moved says.
func (m *moves) fill(p, original *payment.Payment) {
	m.count = 0
	source, sign := p, payment.Fen(1)
	if p.Kind.Turns() {
		source, sign = original, -1
	}
	for i := range source.Legs {
		leg := &source.Legs[i]
		amount := sign * p.Amount
		if leg.Kind == payment.Credit {
			amount = -amount
		}
		m.add(Side{leg.Institution, leg.Medium}, -amount)
		m.add(Side{source.Institution, leg.Medium}, amount)
	}
}
