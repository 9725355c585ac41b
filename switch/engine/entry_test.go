package engine

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tongma/switch/ledger"
	"tongma/switch/payment"
)

func chargeback(e *Engine, original payment.ID, amount payment.Fen) *Entry {
	return &Entry{ID: e.NewID(), Kind: payment.Chargeback, Reason: payment.Fraud, Original: original, Amount: amount}
}

func entryAct(n *Entry) *Act {
	return &Act{Time: time.Now(), Who: "wang", What: "entry.approve", Subject: string(n.ID), Key: "entry/" + string(n.ID), State: []byte("approved")}
}

// An entry, its act and the state that it leaves are there together after a restart. Posting
// it again, then and later, moves nothing and writes nothing.
func TestEntryIsPostedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, sender := start(t, log, approve)
		p, err := e.Submit(debit("r1", 100))
		if err != nil {
			t.Fatal(err)
		}
		n := chargeback(e, p.ID, 60)
		first, err := e.Post(n, entryAct(n))
		if err != nil || first.Status != payment.StatusApproved || first.ID != n.ID || first.Institution != "shop" || first.Reason != payment.Fraud {
			t.Fatalf("%+v, %v", first, err)
		}
		records, acts := log.kinds(), 0
		for range 2 {
			again, err := e.Post(n, entryAct(n))
			if err != nil || again.ID != first.ID || again.Status != payment.StatusApproved || again.Amount != 60 {
				t.Errorf("posted again: %+v, %v", again, err)
			}
			stop(t, e)
			e, sender = start(t, log, approve)
		}
		if got := log.kinds(); fmt.Sprint(got) != fmt.Sprint(records) {
			t.Errorf("posted again the journal has %v, had %v", got, records)
		}
		other := *n
		other.Amount++
		if _, err := e.Post(&other, entryAct(&other)); failureOf(err) != payment.RequestConflict {
			t.Errorf("other content under the same id: %v", err)
		}
		rest := chargeback(e, p.ID, 41)
		if _, err := e.Post(rest, entryAct(rest)); failureOf(err) != payment.ChargebackExceeds {
			t.Errorf("41 of the remaining 40: %v", err)
		}
		rest.Amount = 40
		if _, err := e.Post(rest, entryAct(rest)); err != nil {
			t.Errorf("the rest: %v", err)
		}
		if err := e.Acts(func(Act) error { acts++; return nil }); err != nil || acts != 2 {
			t.Errorf("%d acts, %v, want one for each entry", acts, err)
		}
		if state, err := e.State("entry/" + string(n.ID)); err != nil || string(state) != "approved" {
			t.Errorf("state %q, %v", state, err)
		}
		if found, err := e.Find(p.ID); err != nil || found.ChargedBack != 100 || found.Refunded != 0 {
			t.Errorf("%d charged back, %d refunded, %v, want 100 and 0", found.ChargedBack, found.Refunded, err)
		}
		if found, err := e.FindRequest("shop", string(n.ID)); err != nil || !found.Party("bank") || found.Original != p.ID {
			t.Errorf("found %+v, %v", found, err)
		}
		inquiry, err := e.Inquire(n.ID, 0, &Act{What: "repair.query"})
		if err != nil || inquiry.Asked || inquiry.Payment.ID != n.ID {
			t.Errorf("an institution was asked about an entry: %+v, %v", inquiry, err)
		}
		if len(sender.sent) != 0 {
			t.Errorf("institutions were called: %v", sender.sent)
		}
		stop(t, e)
		audit := NewAudit()
		for _, b := range log.blocks {
			if err := audit.Block(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(audit.View(log), audit.Book().Balanced()); err != nil {
			t.Error(err)
		}
		if got := audit.Book().Standing(ledger.Side{Institution: "shop"}).Position; got != 0 {
			t.Errorf("the shop stands at %d, want 0: all of it went back", got)
		}
	})
}

// Refunds and chargebacks that compete never exceed the payment together.
func TestRefundsAndChargebacksCompete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := start(t, newMemory(), approve)
		p, err := e.Submit(debit("r1", 100))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		sum := payment.Fen(0)
		done := func(amount payment.Fen, err error, want payment.Failure) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				sum += amount
			} else if failureOf(err) != want {
				t.Errorf("refused with %v, want %s", err, want)
			}
		}
		for i := range 20 {
			wg.Go(func() {
				_, err := e.Submit(&Request{Payment: payment.Payment{Kind: payment.Refund, Original: p.ID,
					Institution: "shop", RequestID: fmt.Sprint("f", i), Amount: 11}})
				done(11, err, payment.RefundExceeds)
			})
			wg.Go(func() {
				n := chargeback(e, p.ID, 7)
				_, err := e.Post(n, entryAct(n))
				done(7, err, payment.ChargebackExceeds)
			})
		}
		wg.Wait()
		found, err := e.Find(p.ID)
		if err != nil || found.Returned() != sum || sum > 100 || sum < 94 {
			t.Errorf("%d went back, the switch says %d of %d, %v", sum, found.Returned(), found.Amount, err)
		}
		stop(t, e)
	})
}

// However a block that holds an entry ends, the act and the money are there together or not
// at all, and the same entry can be posted after the restart.
func TestEntryIsWholeOrAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, _ := start(t, log, approve)
		p, err := e.Submit(debit("r1", 100))
		if err != nil {
			t.Fatal(err)
		}
		n := chargeback(e, p.ID, 60)
		tail, _ := log.Tail()
		log.failAt = tail + 1
		if _, err := e.Post(n, entryAct(n)); failureOf(err) != payment.JournalFailed {
			t.Errorf("on a disk on fire: %v", err)
		}
		_ = e.Stop(t.Context()) // It says that the journal failed.
		log.failAt = 0
		e, _ = start(t, log, approve)
		if state, err := e.State("entry/" + string(n.ID)); err != nil || state != nil {
			t.Errorf("state %q, %v, want none", state, err)
		}
		if _, err := e.Post(n, entryAct(n)); err != nil {
			t.Error(err)
		}
		stop(t, e)
		for _, b := range log.blocks {
			kinds := map[recordKind]int{}
			for _, r := range b.Records {
				kinds[recordKind(r.Kind)]++
			}
			if kinds[recordAct] > 0 && (kinds[recordAct] != 1 || kinds[recordIntent] != 1 || kinds[recordOutcome] != 1 || kinds[recordRefunded] != 1) {
				t.Errorf("block %d holds %v: an entry in parts", b.Sequence, kinds)
			}
		}
	})
}

// What an adjustment needs is what the side has left at that instant, and an institution's
// own request under an entry's id does not become the entry.
func TestEntriesAndWhatStandsInTheirWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, _ := start(t, log, approve)
		n := &Entry{ID: e.NewID(), Kind: payment.Adjustment, Reason: payment.SwitchError, Debited: "bank", Credited: "shop", Amount: 50}
		side := ledger.Side{Institution: "bank"}
		if err := e.Act(&Act{What: "limit.approve", Caps: []CapChange{{Side: side, Cap: 49}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Post(n, entryAct(n)); failureOf(err) != payment.LiquidityShort {
			t.Errorf("50 of a cap of 49: %v", err)
		}
		if err := e.Act(&Act{What: "limit.approve", Caps: []CapChange{{Side: side, Cap: 1000}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Post(n, entryAct(n)); err != nil {
			t.Errorf("50 of a cap of 1000: %v", err)
		}
		m := &Entry{ID: e.NewID(), Kind: payment.Adjustment, Reason: payment.SwitchError, Debited: "bank", Credited: "shop", Amount: 50}
		if _, err := e.Submit(debit(string(m.ID), 50)); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Post(m, entryAct(m)); failureOf(err) != payment.RequestConflict {
			t.Errorf("an id that somebody took: %v", err)
		}
		stood, err := e.Standings()
		if err != nil || len(stood) != 2 || stood[0].Position != -100 || stood[0].Held != 0 || stood[1].Position != 100 {
			t.Errorf("stood %+v, %v", stood, err)
		}
		stop(t, e)
		audit := NewAudit()
		for _, b := range log.blocks {
			if err := audit.Block(b); err != nil {
				t.Error(err)
			}
		}
		if err := audit.View(log); err != nil {
			t.Error(err)
		}
	})
}
