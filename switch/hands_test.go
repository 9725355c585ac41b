package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongma/switch/stage"
)

// impatient hands over to people after a second, and cannot cancel.
var impatient = strings.NewReplacer("resolve_max: 30s", "resolve_max: 1s", "cancel: true", "cancel: false").Replace(quick)

// TestPeopleDecide takes payments whose institution stays silent through people's hands with
// the real binary: listed, proposed by one, decided by another, there after a kill.
func TestPeopleDecide(t *testing.T) {
	bank := &stage.Member{ID: "harbourbank", Extra: impatient}
	net := staged(t, bank)
	if err := bank.Set("/paper/faults", "silent=1000"); err != nil {
		t.Fatal(err)
	}
	lines, address := people(t, net.Directory, "li", "wang")
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	run := func(wantOK bool, who string, args ...string) string {
		t.Helper()
		args = append(append([]string{"payment"}, args...), "--admin", "http://"+address, "--as", who,
			"--key-file", filepath.Join(net.Directory, who+".key"))
		out, err := exec.Command(net.Binary, args...).CombinedOutput()
		if (err == nil) != wantOK {
			t.Fatalf("%v as %s: %v\n%s", args, who, err, out)
		}
		return string(out)
	}
	client := net.Client("corneracquirer")
	var ids []string
	for i := range 3 {
		p, err := client.Pay(map[string]any{"request_id": fmt.Sprint("silent", i), "code": unionpayCode, "amount_fen": 100 + i})
		if err != nil || p.Final() {
			t.Fatalf("%+v, %v", p, err)
		}
		ids = append(ids, p.ID)
	}
	status := func(id string) string {
		t.Helper()
		p, err := client.Find(id)
		if err != nil {
			t.Fatal(err)
		}
		return p.Status
	}
	for deadline := time.Now().Add(20 * time.Second); status(ids[2]) != "manual"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s is %s", ids[2], status(ids[2]))
		}
	}
	if out := run(true, "li", "open"); strings.Count(out, "manual at harbourbank") != 3 || !strings.Contains(out, "people decide") {
		t.Errorf("the queue is %s", out)
	}
	wants := func(out, words string) {
		t.Helper()
		if !strings.Contains(out, words) {
			t.Errorf("%s, want %q", out, words)
		}
	}
	wants(run(false, "li", "decide", ids[0], "moved"), "proposal_missing")
	wants(run(false, "li", "propose", ids[0], "moved", "--evidence", "x"), "body_invalid")
	wants(run(false, "li", "propose", "P1", "moved", "--evidence", "telephone call"), "payment_unknown")
	run(true, "li", "propose", ids[0], "moved", "--evidence", "harbourbank's ledger, ticket 17")
	wants(run(false, "li", "decide", ids[0], "moved"), "same_person")
	wants(run(false, "wang", "decide", ids[0], "nothing"), "proposal_changed")
	wants(run(true, "wang", "open"), "li proposed moved: harbourbank's ledger, ticket 17")
	wants(run(true, "wang", "decide", ids[0], "moved"), ids[0]+" is approved")
	wants(run(false, "wang", "decide", ids[0], "moved"), "not_in_hand")
	run(true, "wang", "propose", ids[1], "nothing", "--evidence", "harbourbank gave it back, ticket 18")
	wants(run(true, "li", "decide", ids[1], "nothing"), ids[1]+" is declined")

	net.Switch.Kill()
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"approved", "declined", "manual"} {
		if got := status(ids[i]); got != want {
			t.Errorf("after a kill %s is %s, want %s", ids[i], got, want)
		}
	}
	p, err := client.Pay(map[string]any{"request_id": "silent0", "code": unionpayCode, "amount_fen": 100})
	if err != nil || p.ID != ids[0] || p.Status != "approved" {
		t.Errorf("the same request again: %+v, %v", p, err)
	}
	if err := net.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := verifyJournal(t, net); len(got) == 0 {
		t.Error("the journal proves no balances")
	} else {
		for account, balance := range got {
			if balance != 100 && balance != -100 && balance != 0 {
				t.Errorf("%s stands at %d, want what was decided", account, balance)
			}
		}
	}
}
