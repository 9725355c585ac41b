package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// recount is every posting of a journal, worked out from its records alone.
type recount struct {
	lines    map[string][]Posted
	balances []map[string]payment.Fen // After each record, in order.
	places   []journal.Position
}

func recountOf(t *testing.T, log *memory) *recount {
	t.Helper()
	r := &recount{lines: map[string][]Posted{}}
	balances := map[string]payment.Fen{}
	for _, b := range log.blocks {
		for i := range b.Records {
			posted, err := checkRecord(&b.Records[i])
			if err != nil {
				t.Fatal(err)
			}
			at := journal.Position{Sequence: b.Sequence, Offset: uint32(i)}
			for _, line := range posted {
				balances[line.Account] += line.Amount
				p := Posted{At: at, Time: b.Time, Amount: line.Amount, Balance: balances[line.Account]}
				r.lines[line.Account] = append(r.lines[line.Account], p)
			}
			after := map[string]payment.Fen{}
			for name, balance := range balances {
				after[name] = balance
			}
			r.balances, r.places = append(r.balances, after), append(r.places, at)
		}
	}
	return r
}

// busy is an engine with fees that pays from and to several institutions, refunds some of it
// and lets people deposit, one request after the other: each makes blocks of its own.
func busy(t *testing.T, log *memory, payments int) *Engine {
	t.Helper()
	sender := &echo{answer: approve}
	fees := &ledger.Schedule{Rules: []ledger.FeeRule{{ID: "all", RatePPM: 12_000, Min: 1,
		Shares: []ledger.FeeShare{{Institution: ledger.Issuer, PPM: 400_000}}}}}
	e, err := Open(Options{Limits: DefaultLimits(), Plans: map[string]Plan{"": DefaultPlan()}, Log: log, View: log,
		Snapshots: log, Sender: sender, Logger: zap.NewNop(), Ledger: ledger.New(ledger.DefaultLimits(), fees)})
	if err != nil {
		t.Fatal(err)
	}
	sender.engine = e
	e.Start()
	rng := rand.New(rand.NewPCG(uint64(payments), uint64(len(log.blocks))))
	banks := []string{"bank", "bank", "bank", "lake", "hill"}
	for i := range payments {
		r := debit(fmt.Sprint("r", len(log.blocks), "-", i), payment.Fen(10+rng.IntN(500)))
		r.Payment.Legs[0].Institution = banks[rng.IntN(len(banks))]
		r.Payment.Legs[0].Medium = payment.Medium(rng.IntN(2))
		p, err := e.Submit(r)
		if err == nil && rng.IntN(5) == 0 {
			_, err = e.Submit(&Request{Payment: payment.Payment{Kind: payment.Refund, Original: p.ID, Institution: "shop",
				RequestID: "b" + p.RequestID, Amount: 1 + payment.Fen(rng.IntN(int(p.Amount)))}})
		}
		if err == nil && i%50 == 7 {
			err = e.Act(&Act{Time: time.Now(), Who: "wang", What: "limit.approve", Subject: "commercial/hill", Postings: []payment.Posting{
				{Account: "deposit/commercial/hill", Amount: 1000, Currency: "156"},
				{Account: "reserve/commercial/switch", Amount: -1000, Currency: "156"}}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// TestHistory holds every page and every balance against the records: in both directions,
// with any size of page, at any position, with blocks that make whole spans and ones that
// do not yet.
func TestHistory(t *testing.T) {
	for _, payments := range []int{1, 31, 32, 90} {
		synctest.Test(t, func(t *testing.T) {
			log := newMemory()
			e := busy(t, log, payments)
			holdHistory(t, e, log)
			stop(t, e)
			e = busy(t, log, 10) // A restart in the middle of a span.
			holdHistory(t, e, log)
			stop(t, e)
			holdAudit(t, log)
		})
	}
}

func holdAudit(t *testing.T, log *memory) {
	t.Helper()
	a := NewAudit()
	for _, b := range log.blocks {
		if err := a.Block(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.View(log); err != nil {
		t.Errorf("audit: %v", err)
	}
}

func holdHistory(t *testing.T, e *Engine, log *memory) {
	t.Helper()
	want := recountOf(t, log)
	for name := range want.lines {
		a, err := ledger.ParseAccount(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{2, 7, 1000} {
			for _, oldest := range []bool{true, false} {
				holdPages(t, e, a, Page{Oldest: oldest, Limit: limit}, want.lines[name])
			}
		}
		for i := 0; i < len(want.places); i += 1 + len(want.places)/40 {
			got, err := e.BalanceAt(a, &want.places[i])
			if err != nil || got.Balance != want.balances[i][name] {
				t.Errorf("%s after %v: %d, %v, want %d", name, want.places[i], got.Balance, err, want.balances[i][name])
			}
		}
	}
	for i := 0; i < len(want.places); i += 1 + len(want.places)/40 {
		holdBalances(t, e, &want.places[i], want.balances[i])
	}
	last := len(want.balances) - 1
	holdBalances(t, e, nil, want.balances[last])
	end := BlockEnd(want.places[last].Sequence)
	holdBalances(t, e, &end, want.balances[last])
	unknown, ahead := ledger.Account{Purpose: ledger.Position, Owner: "nobody"}, BlockEnd(end.Sequence+1)
	if _, _, err := e.History(unknown, Page{Limit: 5}); !errors.Is(err, ErrAccountUnknown) {
		t.Errorf("the history of nobody: %v", err)
	}
	if _, err := e.BalanceAt(unknown, &end); !errors.Is(err, ErrAccountUnknown) {
		t.Errorf("the balance of nobody: %v", err)
	}
	if _, _, err := e.Balances(&ahead); !errors.Is(err, ErrAhead) {
		t.Errorf("balances after block %d: %v", ahead.Sequence, err)
	}
}

// holdPages reads an account's whole history page by page.
func holdPages(t *testing.T, e *Engine, a ledger.Account, page Page, want []Posted) {
	t.Helper()
	var got []Posted
	for more := true; more; {
		var list []Posted
		var err error
		if list, more, err = e.History(a, page); err != nil || len(list) == 0 || len(list) > page.Limit+3 {
			t.Fatalf("%s: %d lines on a page of %d, %v", a, len(list), page.Limit, err)
		}
		got = append(got, list...)
		page.Beyond = &got[len(got)-1].At
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d postings on pages of %d, oldest first %t; want %d", a, len(got), page.Limit, page.Oldest, len(want))
	}
	for i, p := range got {
		w := want[i]
		if !page.Oldest {
			w = want[len(want)-1-i]
		}
		if (p.Payment == "") == (p.Act == "") {
			t.Errorf("%s: %+v is of a payment and of an act, or of neither", a, p)
		}
		p.Payment, p.Act = "", ""
		if p != w {
			t.Errorf("%s: posting %d is %+v, want %+v", a, i, p, w)
		}
	}
}

func holdBalances(t *testing.T, e *Engine, at *journal.Position, want map[string]payment.Fen) {
	t.Helper()
	lines, _, err := e.Balances(at)
	if err != nil {
		t.Error(err)
	}
	count, sums := 0, map[payment.Medium]payment.Fen{}
	for _, balance := range want {
		if balance != 0 {
			count++
		}
	}
	for _, line := range lines {
		sums[line.Account.Medium] += line.Balance
		if line.Balance != want[line.Account.String()] {
			t.Errorf("%s after %v: %d, want %d", line.Account, at, line.Balance, want[line.Account.String()])
		}
	}
	if len(lines) != count || sums[payment.Commercial] != 0 || sums[payment.ECNY] != 0 {
		t.Errorf("%d accounts after %v that sum to %v, want %d and nothing", len(lines), at, sums, count)
	}
}

// A balance after a record in the midst of a block counts the blocks before it whole, however
// far into them their postings stand: an entry's outcome is the third record of its block.
func TestBalancesInTheMidstOfABlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, _ := start(t, log, approve)
		for range 3 {
			n := &Entry{ID: e.NewID(), Kind: payment.Adjustment, Reason: payment.SwitchError,
				Debited: "bank", Credited: "shop", Amount: 50}
			if _, err := e.Post(n, entryAct(n)); err != nil {
				t.Fatal(err)
			}
		}
		want := recountOf(t, log)
		for i := range want.places {
			holdBalances(t, e, &want.places[i], want.balances[i])
		}
		stop(t, e)
	})
}

// TestHistoryOfAnOldJournal takes the index away, all or the newer part of it, as a build
// without one would have left the journal: the next start makes up for it, once.
func TestHistoryOfAnOldJournal(t *testing.T) {
	for _, kept := range []uint64{0, 2} {
		synctest.Test(t, func(t *testing.T) {
			log := newMemory()
			stop(t, busy(t, log, 200))
			for key, value := range log.values {
				switch key[0] {
				case keyTrail:
					if _, span, err := readTrail([]byte(key), value); err != nil || span > kept {
						delete(log.values, key)
					}
				case keySpans:
					delete(log.values, key)
					if kept > 0 {
						u := spansUpdate(kept)
						log.values[key] = u.Value
					}
				}
			}
			holdAudit(t, log)
			e := busy(t, log, 3)
			holdHistory(t, e, log)
			blocks := len(log.blocks)
			stop(t, e)
			e, _ = start(t, log, approve)
			fills := 0
			err := e.Acts(func(a Act) error {
				if a.What == "history.fill" {
					fills++
				}
				return nil
			})
			if err != nil || fills != 1 || len(log.blocks) != blocks {
				t.Errorf("filled %d times, %d blocks after another start, want 1 and %d: %v", fills, len(log.blocks), blocks, err)
			}
			holdHistory(t, e, log)
			stop(t, e)
			holdAudit(t, log)
		})
	}
}

// TestHistoryIsNotBelievedBlindly spoils an entry: the start that goes on from it and the
// audit both say so.
func TestHistoryIsNotBelievedBlindly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		stop(t, busy(t, log, 100))
		spans, err := spans(log)
		if err != nil || spans < 3 {
			t.Fatalf("%d spans, %v", spans, err)
		}
		value := log.values[string(trailKey("position/commercial/shop", spans))]
		value[len(value)-1] ^= 1
		a := NewAudit()
		for _, b := range log.blocks {
			if err := a.Block(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.View(log); err == nil || !strings.Contains(err.Error(), "not what the blocks lead to") {
			t.Errorf("audit: %v", err)
		}
		sender := &echo{answer: approve}
		if _, err := Open(Options{Limits: DefaultLimits(), Plans: map[string]Plan{"": DefaultPlan()}, Log: log, View: log,
			Snapshots: log, Sender: sender, Logger: zap.NewNop()}); err == nil {
			t.Error("the engine starts with a history that does not fit its book")
		}
	})
}
