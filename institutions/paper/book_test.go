package paper

import (
	"fmt"
	"sync"
	"testing"
)

func TestBookMovesMoneyOnce(t *testing.T) {
	b := NewBook()
	b.SetBalance("card", 150)
	debit := Leg{Reference: "r1", Kind: "debit", Amount: 100, Currency: "156"}
	f := func(leg Leg, state, failure string, conflict bool) {
		t.Helper()
		got, c := b.Move(leg, "card", "")
		if got.State != state || got.Failure != failure || c != conflict || got.Moved > 1 {
			t.Errorf("%s: %+v conflict=%t, want %s %s %t", leg.Reference, got, c, state, failure, conflict)
		}
	}
	f(debit, "approved", "", false)
	f(debit, "approved", "", false)
	other := debit
	other.Amount = 101
	f(other, "approved", "", true)
	debit.Reference = "r2"
	f(debit, "declined", "insufficient_funds", false)
	if b.Cancel("r1"); b.accounts["card"] != 150 {
		t.Errorf("after the cancel the card has %d, want 150", b.accounts["card"])
	}
	f(Leg{Reference: "r1", Kind: "debit", Amount: 100, Currency: "156"}, "cancelled", "cancelled_by_switch", false)
	b.Cancel("never")
	f(Leg{Reference: "never", Kind: "debit", Amount: 5, Currency: "156"}, "cancelled", "cancelled_by_switch", false)
	if leg := b.Cancel("r2"); leg.State != "declined" {
		t.Errorf("cancelling a declined leg makes it %s", leg.State)
	}
}

func TestBookNeverGivesBackMoreThanItTook(t *testing.T) {
	b := NewBook()
	b.Move(Leg{Reference: "d", Kind: "debit", Amount: 100}, "a", "")
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			b.Move(Leg{Reference: fmt.Sprint("g", i), Kind: "give_back", Original: "d", Amount: 7}, "", "")
		})
	}
	wg.Wait()
	sum := int64(0)
	b.Each(func(leg Leg) {
		if leg.Kind == "give_back" && leg.State == "approved" {
			sum += leg.Amount
		}
	})
	if sum != 98 {
		t.Errorf("%d was given back of 100, want 98: fourteen sevens", sum)
	}
}

// Two refunds whose originals lie in one another's shards must not wait for each other,
// and a debit that was given back in part is not cancelled whole.
func TestRefundsOfManyAtOnce(t *testing.T) {
	b := NewBook()
	b.SetBalance("card", 1000)
	for i := range 200 {
		b.Move(Leg{Reference: fmt.Sprint("d", i), Kind: "debit", Amount: 10}, fmt.Sprint("c", i), "")
	}
	var wg sync.WaitGroup
	for i := range 2000 {
		wg.Go(func() {
			b.Move(Leg{Reference: fmt.Sprint("g", i), Kind: "give_back", Original: fmt.Sprint("d", i%200), Amount: 1}, "", "")
		})
	}
	wg.Wait()
	b.Move(Leg{Reference: "d", Kind: "debit", Amount: 100}, "card", "")
	b.Move(Leg{Reference: "g", Kind: "give_back", Original: "d", Amount: 40}, "", "")
	if leg := b.Cancel("d"); leg.Failure != "leg_not_cancellable" || b.accounts["card"] != 940 {
		t.Errorf("cancel says %s %s, the card has %d, want 940", leg.State, leg.Failure, b.accounts["card"])
	}
}

func TestFaultsAreParsedOrRefused(t *testing.T) {
	for _, good := range []string{"slow=10", "late=1000:2s", "silent=0::debit,query"} {
		if _, err := ParseFault(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "slow", "slow=", "slow=1001", "slow=-1", "slow=5:x", "moon=5"} {
		if _, err := ParseFault(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
