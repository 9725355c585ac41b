package main

import (
	"fmt"
	"testing"

	"tongma/switch/stage"
)

// comparePositions holds what the journal's postings sum to against the institutions' own
// books, where every leg was a debit for corneracquirer.
func comparePositions(t *testing.T, net *stage.Stage, balances map[string]int64) {
	t.Helper()
	acquired := int64(0)
	for _, m := range net.Members {
		book, err := m.Book()
		if err != nil {
			t.Fatal(err)
		}
		paid := int64(0)
		for _, leg := range book {
			if leg.State == "approved" {
				paid += int64(leg.Amount)
			}
		}
		acquired += paid
		if got := balances["position/commercial/"+m.ID]; got != -paid {
			t.Errorf("%s stands at %d fen, its own book says it paid %d", m.ID, got, paid)
		}
	}
	if got := balances["position/commercial/corneracquirer"]; got != acquired {
		t.Errorf("corneracquirer stands at %d fen, the others paid %d", got, acquired)
	}
}

// TestCaps holds an institution to its net debit cap, through a kill: what is beyond is
// refused with a clear word, what is refunded may be spent again, and the journal proves
// positions and fees.
func TestCaps(t *testing.T) {
	configuration := "ledger:\n  caps: [{institution: harbourbank, medium: commercial, cap_fen: 1000}]\n" +
		"fees:\n  rules: [{id: all, rate_ppm: 10000, shares: [{institution: issuer, ppm: 500000}]}]\n"
	net := network(t, configuration, &stage.Member{ID: "harbourbank", Extra: quick})
	client := net.Client("corneracquirer")
	pay := func(id string, amount int, want string) stage.Payment {
		t.Helper()
		p, err := client.Pay(map[string]any{"request_id": id, "code": unionpayCode, "amount_fen": amount})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Status + p.Error.Code; got != want {
			t.Errorf("%s of %d fen: %s, want %s", id, amount, got, want)
		}
		return p
	}
	first := pay("r1", 600, "approved")
	pay("r2", 404, "liquidity_short") // The bank's share of the fee, 3 fen, is spent with the rest.
	net.Switch.Kill()
	if err := net.StartSwitch(configuration); err != nil {
		t.Fatal(err)
	}
	pay("r2", 404, "liquidity_short")
	pay("r3", 403, "approved")
	refund, err := client.Call("POST", "/v1/payments/"+first.ID+"/refunds", map[string]any{"request_id": "f1", "amount_fen": 600})
	if err != nil || refund.Status != "approved" {
		t.Fatalf("%+v, %v", refund, err)
	}
	pay("r4", 597, "approved")
	if err := net.Switch.Stop(); err != nil {
		t.Error(err)
	}
	balances := verifyJournal(t, net)
	want := map[string]int64{
		"position/commercial/harbourbank":    -(403 + 597) + 2 + 3, // Half of each fee, rounded down.
		"position/commercial/corneracquirer": 403 + 597 - 4 - 6,
		"fee/commercial/switch":              2 + 3,
	}
	if got := fmt.Sprint(balances); got != fmt.Sprint(want) {
		t.Errorf("balances %s, want %s", got, fmt.Sprint(want))
	}
}
