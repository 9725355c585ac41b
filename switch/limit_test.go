package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tongma/switch/stage"
)

// TestLimits lets two persons change deposit and cap of a running switch: each change binds
// at once, is there after a kill, and what payments need cannot be withdrawn.
func TestLimits(t *testing.T) {
	net := network(t, "", &stage.Member{ID: "harbourbank", Extra: quick})
	if err := net.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	lines, address := people(t, net.Directory, "li", "wang")
	lines += "\nledger: {default_cap_fen: 0, alert_ppm: 800000}\n"
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	limit := func(want, who, verb string, args ...string) string {
		t.Helper()
		args = append([]string{"limit", verb, "--admin", "http://" + address, "--as", who,
			"--key-file", filepath.Join(net.Directory, who+".key")}, args...)
		out, err := exec.Command(net.Binary, args...).CombinedOutput()
		if !strings.Contains(string(out), want) {
			t.Fatalf("limit %s as %s: %v\n%s", verb, who, err, out)
		}
		return string(out)
	}
	change := func(what, amount string) {
		t.Helper()
		limit("another person", "li", "propose", "--evidence", "ticket 4711", "harbourbank", what, amount)
		limit("stands", "wang", "approve", "harbourbank", what, amount)
	}
	client, sent := net.Client("corneracquirer"), 0
	pay := func(amount int, want string) {
		t.Helper()
		sent++
		p, err := client.Pay(map[string]any{"request_id": fmt.Sprint("l", sent), "code": unionpayCode, "amount_fen": amount})
		if got := p.Status + p.Error.Code; err != nil || got != want {
			t.Errorf("payment of %d fen: %s, %v, want %s", amount, got, err, want)
		}
	}
	pay(1, "liquidity_short")
	limit("proposal_missing", "wang", "approve", "harbourbank", "cap", "500")
	limit("another person", "li", "propose", "--evidence", "ticket 4711", "harbourbank", "cap", "500")
	limit("same_person", "li", "approve", "harbourbank", "cap", "500")
	limit("proposal_changed", "wang", "approve", "harbourbank", "cap", "501")
	limit("body_invalid", "li", "propose", "--evidence", "ticket 4711", "nobody", "cap", "500")
	limit("stands", "wang", "approve", "harbourbank", "cap", "500")
	change("deposit", "1000")
	pay(1300, "approved")
	pay(201, "liquidity_short")
	net.Switch.Kill()
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	pay(201, "liquidity_short")
	if out := limit("harbourbank", "li", "list"); !strings.Contains(out, "position -13.00, held 0.00, deposit 10.00, cap 5.00, available 2.00, 86.66 % used") {
		t.Errorf("limits:\n%s", out)
	}
	limit("another person", "li", "propose", "--evidence", "ticket 4712", "harbourbank", "withdraw", "201")
	limit("deposit_short", "wang", "approve", "harbourbank", "withdraw", "201")
	change("withdraw", "200")
	pay(1, "liquidity_short")
	change("cap", "501")
	pay(1, "approved")
	if err := net.Switch.Stop(); err != nil {
		t.Error(err)
	}
	balances := verifyJournal(t, net)
	want := map[string]int64{"position/commercial/harbourbank": -1301, "position/commercial/corneracquirer": 1301,
		"deposit/commercial/harbourbank": 800, "reserve/commercial/switch": -800}
	if got := fmt.Sprint(balances); got != fmt.Sprint(want) {
		t.Errorf("balances %s, want %s", got, fmt.Sprint(want))
	}
}
