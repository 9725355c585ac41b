package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tongma/switch/admin"
	"tongma/switch/payment"
	"tongma/switch/stage"
)

// TestAccounts looks into the ledger of the real binary through its command: balances after
// any block are what the history says, across a kill, and in the end what the whole journal
// folds to.
func TestAccounts(t *testing.T) {
	net := network(t, "", &stage.Member{ID: "harbourbank", Extra: quick})
	if err := net.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	lines, address := people(t, net.Directory, "li")
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	client := net.Client("corneracquirer")
	sent := 0
	pay := func(count int) {
		t.Helper()
		for range count {
			sent++
			p, err := client.Pay(map[string]any{"request_id": fmt.Sprint("a", sent), "code": unionpayCode, "amount_fen": 100 + sent})
			if err != nil || p.Status != "approved" {
				t.Fatalf("%+v, %v", p, err)
			}
		}
	}
	account := func(want string, args ...string) string {
		t.Helper()
		args = append([]string{"account", args[0], "--admin", "http://" + address, "--as", "li",
			"--key-file", filepath.Join(net.Directory, "li.key")}, args[1:]...)
		out, err := exec.Command(net.Binary, args...).CombinedOutput()
		if !strings.Contains(string(out), want) {
			t.Fatalf("%q: %v\n%s, want %q", args, err, out, want)
		}
		return string(out)
	}
	const bank = "position/commercial/harbourbank"
	account("account_unknown", "balance", bank)
	account("account_invalid", "balance", "position/gold/harbourbank")
	pay(40)
	net.Switch.Kill()
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	pay(40)

	// Two pages of the command, the newest first, then all by the API.
	first := account("next page: --beyond ", "history", bank, "--limit", "30")
	next := regexp.MustCompile(`--beyond (\S+)`).FindStringSubmatch(first)[1]
	second := account("next page: --beyond ", "history", bank, "--limit", "30", "--beyond", next)
	for i := range 30 {
		amount := func(n int) string { return " -1." + strconv.Itoa(n) + " " }
		if !strings.Contains(strings.Split(first, "\n")[i], amount(80-i)) || !strings.Contains(strings.Split(second, "\n")[i], amount(50-i)) {
			t.Fatalf("line %d of pages\n%s\n%s", i, first, second)
		}
	}
	li := person(t, net, address, "li")
	var whole admin.HistoryPage
	if err := li.Do("GET", "/admin/v1/accounts/"+bank+"/history?order=oldest&limit=1000", nil, &whole); err != nil {
		t.Fatal(err)
	}
	if len(whole.Lines) != sent || whole.Next != "" {
		t.Fatalf("%d lines, next %q, want %d", len(whole.Lines), whole.Next, sent)
	}
	sum := payment.Fen(0)
	for i, l := range whole.Lines {
		sum += l.Amount
		if l.Amount != payment.Fen(-101-i) || l.Balance != sum || l.Payment == "" {
			t.Errorf("line %d: %+v, want %d and a balance of %d", i, l, -101-i, sum)
		}
		var at admin.AccountList
		if err := li.Do("GET", "/admin/v1/accounts?at="+string(l.At), nil, &at); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint([]admin.AccountBalance{{Account: "position/commercial/corneracquirer", Balance: -sum}, {Account: bank, Balance: sum}})
		if at.At != l.At || fmt.Sprint(at.Accounts) != want {
			t.Errorf("after %s: %v, want %s", l.At, at.Accounts, want)
		}
		if i%20 > 0 {
			continue
		}
		account(fmt.Sprintf("after %s: %s yuan", l.At, sum.Yuan()), "balance", bank, "--at", string(l.At))
	}
	account("position_ahead", "list", "--at", "999999")
	account("position_invalid", "list", "--at", "yesterday")
	account("page_invalid", "history", bank, "--limit", "10001")
	account(sum.Yuan(), "list")
	if err := net.Switch.Stop(); err != nil {
		t.Error(err)
	}
	if got := verifyJournal(t, net)[bank]; got != int64(sum) {
		t.Errorf("the journal folds to %d, the history ends with %d", got, sum)
	}
}
