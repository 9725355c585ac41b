package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tongma/switch/settlement"
	"tongma/switch/stage"
)

// clerk asks the admin API of a running switch through the real commands.
type clerk struct {
	t       *testing.T
	net     *stage.Stage
	address string
}

// run runs a window command as who and returns what it prints.
func (c *clerk) run(wantOK bool, who, verb string, args ...string) string {
	c.t.Helper()
	args = append([]string{"window", verb, "--admin", "http://" + c.address, "--as", who,
		"--key-file", filepath.Join(c.net.Directory, who+".key")}, args...)
	out, err := exec.Command(c.net.Binary, args...).CombinedOutput()
	if (err == nil) != wantOK {
		c.t.Fatalf("window %s as %s: %v\n%s", verb, who, err, out)
	}
	return string(out)
}

// closeWindow closes the open window by two persons.
func (c *clerk) closeWindow() {
	c.t.Helper()
	c.run(true, "li", "close")
	c.run(true, "wang", "approve")
}

// seal reads a sealed close with all its pairs.
func (c *clerk) seal(number int) *settlement.Seal {
	c.t.Helper()
	var s settlement.Seal
	if err := json.Unmarshal([]byte(c.run(true, "li", "show", "--pairs", fmt.Sprint(number))), &s); err != nil {
		c.t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		c.t.Error(err)
	}
	return &s
}

// confirmation is what the settlement bank answers to instructions.
func confirmation(instructions string) string {
	var text strings.Builder
	lines, sums := 0, map[string]int{}
	for line := range strings.Lines(instructions) {
		f := strings.Split(strings.TrimSpace(line), ",")
		switch f[0] {
		case "H":
			fmt.Fprintf(&text, "H,tongma-confirmation,1,%s,%s,%s,BANK-1\n", f[3], f[5], f[6])
		case "I":
			amount := 0
			fmt.Sscan(f[4], &amount)
			lines++
			sums[f[2]] += amount
			fmt.Fprintf(&text, "C,%s,%s,%s,%s,%s,B%04d\n", f[1], f[2], f[3], f[4], f[5], lines)
		case "T":
			fmt.Fprintf(&text, "T,%d,%d,%d\n", lines, sums["pay"], sums["receive"])
		}
	}
	return text.String()
}

// TestWindow takes windows through their whole life with the real binary: closed by two
// persons, sealed, there after a kill, stated, instructed, confirmed, finalised; and the
// journal proves all of it.
func TestWindow(t *testing.T) {
	net := staged(t, &stage.Member{ID: "harbourbank", Extra: quick}, &stage.Member{ID: "kitewallet", Extra: quick})
	lines, address := people(t, net.Directory, "li", "wang")
	lines += "\nfees:\n  rules: [{id: all, rate_ppm: 10000, shares: [{institution: issuer, ppm: 500000}]}]\n"
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	c := &clerk{t, net, address}
	client := net.Client("corneracquirer")
	sent := 0
	pay := func(code string, amount int) stage.Payment {
		t.Helper()
		sent++
		p, err := client.Pay(map[string]any{"request_id": fmt.Sprint("w,\"", sent), "code": code, "amount_fen": amount})
		if err != nil || p.Status != "approved" {
			t.Fatalf("%+v, %v", p, err)
		}
		return p
	}
	pay(unionpayCode, 1000)
	first := pay(wechatCode, 2000)
	c.run(true, "li", "close")
	c.run(false, "li", "approve") // Two persons.
	if out := c.run(true, "wang", "approve"); !strings.Contains(out, "window 1: sealed") || !strings.Contains(out, "2 payments, gross 30.00 yuan") {
		t.Errorf("window 1 after its close:\n%s", out)
	}
	net.Switch.Kill()
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	// A refund after the close falls into the next window.
	r, err := client.Call("POST", "/v1/payments/"+first.ID+"/refunds", map[string]any{"request_id": "f1", "amount_fen": 500})
	if err != nil || r.Status != "approved" {
		t.Fatalf("%+v, %v", r, err)
	}
	c.closeWindow()
	one, two := c.seal(1), c.seal(2)
	if one.Payments != 2 || one.Gross != 3000 || one.Fees != 30 || two.Payments != 1 || two.Gross != 500 || two.Fees != 4 || two.After != one.At {
		t.Errorf("windows %+v and %+v", one.Close, two.Close)
	}
	out := c.run(true, "li", "statements", "1")
	directory := filepath.Dir(strings.SplitN(out, ":", 2)[0])
	files, err := filepath.Glob(filepath.Join(directory, "*.gz"))
	if err != nil || len(files) != 3*one.Members || one.Members < 10 {
		t.Errorf("%d files of %d members, %v", len(files), one.Members, err)
	}
	for _, name := range files {
		if id := filepath.Base(name); !strings.HasPrefix(id, "corneracquirer") && !strings.HasPrefix(id, "cedarbank") {
			continue // cedarbank's are empty.
		}
		if out, err := exec.Command(net.Binary, "statement", "verify", name).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	c.run(false, "li", "confirm", "1", filepath.Join(directory, "instructions.csv")) // Not instructed yet.
	instructions := c.run(true, "li", "instructions", "1")
	bank := filepath.Join(directory, "bank.csv")
	good := confirmation(instructions)
	for _, spoiled := range []string{strings.Replace(good, ",995,", ",996,", 1), good[:len(good)/2], strings.Replace(good, ",156,B0001", ",840,B0001", 1)} {
		if err := os.WriteFile(bank, []byte(spoiled), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := c.run(false, "li", "confirm", "1", bank); !strings.Contains(out, "confirmation_differs: line ") {
			t.Errorf("a spoiled confirmation: %s", out)
		}
	}
	if err := os.WriteFile(bank, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	c.run(false, "wang", "finalise", "1") // Not confirmed yet.
	c.run(true, "li", "confirm", "1", bank)
	c.run(false, "li", "finalise", "1")
	if out := c.run(true, "wang", "finalise", "1"); !strings.Contains(out, "window 1: finalised") {
		t.Errorf("window 1 in the end:\n%s", out)
	}
	// Window 2 is of one pair and its fees: without the acquirer nothing of it is settled.
	c.run(false, "li", "default", "2", "nobody")
	c.run(true, "li", "default", "2", "corneracquirer")
	c.run(false, "li", "default", "2", "corneracquirer", "--approve")
	c.run(true, "wang", "default", "2", "corneracquirer", "--approve")
	if err := os.WriteFile(bank, []byte(confirmation(c.run(true, "li", "instructions", "2"))), 0o600); err != nil {
		t.Fatal(err)
	}
	c.run(true, "li", "confirm", "2", bank)
	if out := c.run(true, "wang", "finalise", "2"); !strings.Contains(out, "netted without corneracquirer") {
		t.Errorf("window 2 in the end:\n%s", out)
	}
	net.Switch.Kill()
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	if err := net.Switch.Stop(); err != nil {
		t.Error(err)
	}
	// What is left in the positions is window 2: the refund, and its half of the fee.
	balances := verifyJournal(t, net)
	want := map[string]int64{
		"position/commercial/kitewallet": 500 - 2, "position/commercial/corneracquirer": -500 + 4, "fee/commercial/switch": -2,
		"settlement/commercial/harbourbank": -1000 + 5, "settlement/commercial/kitewallet": -2000 + 10,
		"settlement/commercial/corneracquirer": 3000 - 30, "settlement/commercial/switch": 15,
	}
	if got := fmt.Sprint(balances); got != fmt.Sprint(want) {
		t.Errorf("balances %s, want %s", got, fmt.Sprint(want))
	}
}
