package ledger

import (
	"fmt"

	"tongma/switch/payment"
)

// Transfer is what one party owes another by one payment, in fen, above zero.
type Transfer struct {
	Payer, Payee string // Owners of accounts; Switch where the switch earned a fee.
	Amount       payment.Fen
	Fee          bool // A fee or its return, not the payment's own money.
}

// Transfers says who owes whom by the commercial lines of what p posted, and appends that
// to into. Lines of e-CNY are settled already and owe nothing. The transfers net to the
// lines; lines that do not sum to zero are an error.
func Transfers(into []Transfer, p *payment.Payment, postings []payment.Posting) ([]Transfer, error) {
	own := len(postings) - len(FeesOf(p, postings))
	var m matching
	m.list = into
	for i := range postings {
		m.fee = m.fee || i >= own && p.Kind == payment.Pay
		if err := m.line(&postings[i]); err != nil {
			return nil, err
		}
		if m.sum == 0 && m.count > 0 {
			m.match()
			// What a refund or a cancel moves is even by itself and stands before its fees.
			m.fee = m.fee || p.Kind != payment.Pay
		}
	}
	if m.count > 0 {
		return nil, fmt.Errorf("ledger: %w: %d fen of payment %s too many", ErrUnbalanced, m.sum, p.ID)
	}
	return m.list, nil
}

// matching pairs those who owe with those who are owed, in the order of their lines.
type matching struct {
	list  []Transfer
	lines [2 * movesMax]owed
	count int
	sum   payment.Fen
	fee   bool
}

// owed is one line that is not matched yet, above zero for who is owed.
type owed struct {
	owner string
	rest  payment.Fen
}

func (m *matching) line(posting *payment.Posting) error {
	a, err := ParseAccount(posting.Account)
	if err != nil || a.Medium != payment.Commercial {
		return err
	}
	if m.count == len(m.lines) {
		return fmt.Errorf("ledger: a payment with more than %d commercial lines that are not even", len(m.lines))
	}
	m.lines[m.count] = owed{a.Owner, posting.Amount}
	m.count++
	m.sum += posting.Amount
	return nil
}

// match empties the lines, which sum to zero.
func (m *matching) match() {
	lines := m.lines[:m.count]
	m.count = 0
	payer, payee := 0, 0
	for {
		for payer < len(lines) && lines[payer].rest >= 0 {
			payer++
		}
		for payee < len(lines) && lines[payee].rest <= 0 {
			payee++
		}
		if payer == len(lines) || payee == len(lines) {
			return
		}
		amount := min(-lines[payer].rest, lines[payee].rest)
		lines[payer].rest += amount
		lines[payee].rest -= amount
		if lines[payer].owner != lines[payee].owner {
			m.list = append(m.list, Transfer{lines[payer].owner, lines[payee].owner, amount, m.fee})
		}
	}
}
