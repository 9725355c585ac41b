package main

import (
	"fmt"
	"testing"
	"time"

	"tongma/switch/admin"
	"tongma/switch/stage"
)

// TestBothMedia pays an e-CNY merchant from a bank's card with the real binary, while either
// side fails in each of its ways: the card's money is taken first and put back where the
// merchant's side did not take it, both books agree, and a window holds the card's leg alone.
func TestBothMedia(t *testing.T) {
	bank, operator := &stage.Member{ID: "harbourbank", Extra: quick}, &stage.Member{ID: "jadewallet", Extra: quick}
	net := staged(t, bank, operator)
	lines, address := people(t, net.Directory, "li", "wang")
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	c := newCaller(net, "kitewallet")
	for i, fault := range []struct{ bank, operator, want string }{
		{"", "", "approved"},
		{"decline=1000::debit", "", "declined"},
		{"deaf=1000::debit", "", "cancelled"},
		{"silent=1000::debit", "", "approved"}, // A query says that it was taken.
		{"", "decline=1000::credit", "declined"},
		{"", "deaf=1000::credit", "cancelled"},
		{"", "silent=1000::credit", "approved"},
		{"", "silent=1000::credit silent=1000::query", "cancelled"},
		{"deaf=700::cancel", "decline=1000::credit", "declined"}, // The undoing is repeated.
		{"silent=700::cancel", "deaf=1000::credit silent=1000::query", "cancelled"},
	} {
		for m, text := range map[*stage.Member]string{bank: fault.bank, operator: fault.operator} {
			if err := m.Set("/paper/faults", text); err != nil {
				t.Fatal(err)
			}
		}
		id := fmt.Sprint("m", i)
		c.send(id, map[string]any{"request_id": id, "code": "https://qr.pbcdci.cn/005031050000078010721050000078010720001",
			"amount_fen": 1000 + i, "scene": "touch", "payer": map[string]any{"institution": "harbourbank", "account": "card-token-7"}})
		for p := range c.settle(t, 30*time.Second) {
			if got, err := c.client.Find(p); err == nil && got.RequestID == id && got.Status != fault.want {
				t.Errorf("%+v: %s %s, want %s", fault, got.Status, got.Failure.Code, fault.want)
			}
		}
	}
	for _, m := range net.Members {
		if err := m.Set("/paper/faults", ""); err != nil {
			t.Fatal(err)
		}
	}
	payments := c.settle(t, time.Minute)
	compareBooks(t, net, payments)
	sum, count := int64(0), 0
	for _, p := range payments {
		if p.Status == "approved" {
			sum, count = sum+p.Amount, count+1
		}
	}
	clerk, li := &clerk{t, net, address}, person(t, net, address, "li")
	clerk.closeWindow()
	s := clerk.seal(1)
	if int(s.Payments) != count || int64(s.Gross) != sum || len(s.List) != 1 || s.List[0].A != "harbourbank" || s.List[0].B != "kitewallet" {
		t.Errorf("the window holds %d payments of %d fen of %v, want %d of %d of harbourbank and kitewallet", s.Payments, s.Gross, s.List, count, sum)
	}
	var limits []admin.LimitLine
	if err := li.Do("GET", "/admin/v1/limits", nil, &limits); err != nil {
		t.Fatal(err)
	}
	for _, l := range limits {
		if l.Held != 0 {
			t.Errorf("%s holds %d fen of %s and nothing is at work", l.Institution, l.Held, l.Medium)
		}
	}
	if err := net.Switch.Stop(); err != nil {
		t.Error(err)
	}
	balances := verifyJournal(t, net)
	for account, want := range map[string]int64{"position/commercial/harbourbank": -sum, "position/commercial/kitewallet": sum,
		"position/ecny/kitewallet": -sum, "position/ecny/jadewallet": sum} {
		if balances[account] != want {
			t.Errorf("%s stands at %d, want %d", account, balances[account], want)
		}
	}
}
