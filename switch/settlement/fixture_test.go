package settlement

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// books makes endings as the ledger posts them, and keeps each party's own book.
type books struct {
	random *rand.Rand
	book   *ledger.Book
	paid   []*payment.Payment
	own    map[string]payment.Fen
	serial int
}

func newBooks(seed uint64) *books {
	fees := &ledger.Schedule{Rules: []ledger.FeeRule{{ID: "all", RatePPM: 6000, Min: 1,
		Shares: []ledger.FeeShare{{Institution: ledger.Issuer, PPM: 400_000}, {Institution: "scheme", PPM: 100_000}}}}}
	return &books{random: rand.New(rand.NewPCG(seed, 1)), book: ledger.New(ledger.DefaultLimits(), fees), own: map[string]payment.Fen{}}
}

var parties = []string{"alder", "birch", "cedar", "elm", "fir"}

// ending is one more payment, the refund or chargeback of one before it, or an adjustment, at
// position at. Some are in e-CNY alone, some change money from one medium into the other.
func (b *books) ending(at journal.Position) *engine.Ending {
	b.serial++
	p := &payment.Payment{ID: payment.MakeID(0, fmt.Sprintf("%026d", b.serial)), RequestID: fmt.Sprintf("r,%d", b.serial),
		Decided: time.Unix(1e9, int64(b.serial)), Amount: payment.Fen(1 + b.random.IntN(100_000))}
	var original *payment.Payment
	if len(b.paid) > 0 && b.random.IntN(4) == 0 {
		original = b.paid[b.random.IntN(len(b.paid))]
		if rest := original.Amount - original.Returned(); rest > 0 {
			p.Kind, p.Original, p.Institution = payment.Refund, original.ID, original.Institution
			p.Amount = min(p.Amount, rest)
			if b.random.IntN(2) == 0 {
				p.Kind, p.Reason = payment.Chargeback, payment.Reasons(payment.Chargeback)[b.random.IntN(5)]
			}
		} else {
			original = nil
		}
	}
	if original == nil {
		who := b.random.Perm(len(parties))
		medium := payment.Medium(b.random.IntN(4) / 3)
		p.Institution = parties[who[0]]
		p.Legs = []payment.Leg{{Kind: payment.Debit, Institution: parties[who[1]], Medium: medium, Amount: p.Amount}}
		if b.random.IntN(3) == 0 {
			p.Legs = append(p.Legs, payment.Leg{Kind: payment.Credit, Institution: parties[who[2]], Amount: p.Amount})
		}
		if b.random.IntN(5) == 0 {
			p.Kind, p.Reason, p.Institution = payment.Adjustment, payment.FeeCorrection, parties[who[2]]
			p.Legs = []payment.Leg{{Kind: payment.Debit, Institution: parties[who[1]], Medium: medium, Amount: p.Amount},
				{Kind: payment.Credit, Institution: p.Institution, Medium: medium, Amount: p.Amount}}
		} else {
			b.paid = append(b.paid, p)
		}
	}
	b.book.Hold(p, original)
	lines := append([]payment.Posting(nil), b.book.Settle(p, original)...)
	switch p.Kind {
	case payment.Refund:
		original.Refunded += p.Amount
	case payment.Chargeback:
		original.ChargedBack += p.Amount
	}
	for _, line := range lines {
		if a, _ := ledger.ParseAccount(line.Account); a.Medium == payment.Commercial {
			b.own[a.Owner] += line.Amount
		}
	}
	return &engine.Ending{At: at, Payment: *p, Postings: lines}
}

// sealed is a window of n payments with the rows that are in it.
func sealed(t testing.TB, seed uint64, n int) (*Seal, *books, []*engine.Ending) {
	t.Helper()
	f, b := NewFold(nil), newBooks(seed)
	f.Opened = time.Unix(1e9, 0)
	var list []*engine.Ending
	for i := range n {
		e := b.ending(journal.Position{Sequence: uint64(i/3) + 1, Offset: uint32(i % 3)})
		list = append(list, e)
		if err := f.ended(e); err != nil {
			t.Fatal(err)
		}
	}
	s := f.close(journal.Position{Sequence: uint64(n/3) + 2}, &cut{Window: 1, Date: "2026-11-25", ValueDate: "2026-11-26",
		ClosedBy: "wang", ClosedAt: time.Unix(2e9, 0), Members: []string{"alder", "quiet"}})
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	return s, b, list
}

// write writes the statements of s from its endings.
func write(t testing.TB, s *Seal, list []*engine.Ending) string {
	t.Helper()
	directory := t.TempDir()
	w := statementWriter{seal: s, files: map[string][]*statement{}}
	if err := w.open(directory); err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if _, err := rows(nil, e, w.row); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.close(); err != nil {
		t.Fatal(err)
	}
	return directory
}
