package engine

import (
	"testing"
	"time"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// tellerBook is what the simulation knows of the money by reading the records alone, as an
// accountant would who does not trust the engine's book.
type tellerBook struct {
	balances map[string]payment.Fen // Without those at zero.
	caps     map[ledger.Side]payment.Fen
	outcomes []postedOutcome
}

type postedOutcome struct {
	id    payment.ID
	lines []payment.Posting
}

func newTellerBook() *tellerBook {
	b := &tellerBook{balances: map[string]payment.Fen{}, caps: map[ledger.Side]payment.Fen{}}
	for _, c := range simCaps {
		medium, _ := payment.ParseMedium(c.Medium)
		b.caps[ledger.Side{Institution: c.Institution, Medium: medium}] = c.Cap
	}
	return b
}

// record takes one record and holds that what it posts is zero in each medium.
func (b *tellerBook) record(t *testing.T, record *journal.Record) {
	t.Helper()
	posted, err := checkRecord(record)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]payment.Fen{}
	for _, line := range posted {
		a, err := ledger.ParseAccount(line.Account)
		if err != nil {
			t.Fatal(err)
		}
		sums[a.Medium.String()] += line.Amount
		if b.balances[line.Account] += line.Amount; b.balances[line.Account] == 0 {
			delete(b.balances, line.Account)
		}
	}
	for medium, sum := range sums {
		if sum != 0 {
			t.Errorf("a record posts %d fen of %s too many: %v", sum, medium, posted)
		}
	}
	switch kind := recordKind(record.Kind); {
	case kind == recordAct:
		a, err := readAct(record)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range a.Caps {
			b.caps[change.Side] = change.Cap
		}
	case kind == recordOutcome && len(posted) > 0:
		r := reader{body: record.Body}
		b.outcomes = append(b.outcomes, postedOutcome{payment.ID(r.string()), posted})
	}
}

// room is what side may owe with what it holds, under limit.
func (b *tellerBook) room(key ledger.Side, limit payment.Fen) payment.Fen {
	account := func(purpose ledger.Purpose) payment.Fen {
		return b.balances[ledger.Account{Purpose: purpose, Medium: key.Medium, Owner: key.Institution}.String()]
	}
	return limit + account(ledger.Deposit) + account(ledger.Position)
}

// act is what two persons do to a limit: a deposit, a withdrawal of what is not needed, or a
// cap, which here is never below what is used of it, so that it always binds.
func (w *world) act() {
	sides := []ledger.Side{{Institution: "lanternbank"}, {Institution: "shop"}, {Institution: "riverbank"},
		{Institution: "wallet", Medium: payment.ECNY}, {Institution: "acquirer", Medium: payment.ECNY}}
	key := sides[w.rng.IntN(len(sides))]
	amount := payment.Fen(1 + w.rng.IntN(80_000))
	a := &Act{Time: time.Now(), Who: "wang", What: "limit.approve", Subject: key.Institution}
	s := w.core.book.Standing(key)
	switch w.rng.IntN(5) {
	case 0:
		a.Caps = []CapChange{{key, max(0, s.Held-s.Position-s.Deposit) + amount%5_000}}
	case 1, 2:
		if amount = -amount; s.Limited && w.rng.IntN(2) == 0 {
			amount = -max(1, s.Available()+payment.Fen(w.rng.IntN(3)-1)) // All that is not needed, or about.
		}
		fallthrough
	default:
		a.Postings = []payment.Posting{
			{Account: ledger.Account{Purpose: ledger.Deposit, Medium: key.Medium, Owner: key.Institution}.String(), Amount: amount, Currency: "156"},
			{Account: ledger.Account{Purpose: ledger.Reserve, Medium: key.Medium, Owner: ledger.Switch}.String(), Amount: -amount, Currency: "156"},
		}
	}
	if w.core.book.Draw(a.Postings) != payment.NoFailure {
		w.tally.short++
		return
	}
	if err := a.enter(w.core.book); err != nil {
		w.t.Fatalf("seed %d: %v", w.seed, err)
	}
	w.tally.acts++
	w.trace("act: %v %v", a.Postings, a.Caps)
	record := journal.Record{Kind: uint8(recordAct), Version: recordAct.version(), Body: appendAct(nil, a)}
	w.recount.record(w.t, &record)
	w.append(&pendingBlock{records: []journal.Record{record}})
}
