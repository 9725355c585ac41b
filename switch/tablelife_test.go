package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tongma/switch/stage"
)

// people writes a list of people with their keys and returns the configuration's lines.
func people(t *testing.T, directory string, names ...string) (lines, address string) {
	t.Helper()
	text := "people:\n"
	for i, name := range names {
		secret := hex.EncodeToString([]byte(fmt.Sprintf("secret of person %02d", i)))
		if err := os.WriteFile(filepath.Join(directory, name+".key"), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("  - {name: %s, roles: [operator, approver], secret_file: %s.key}\n", name, name)
	}
	if err := os.WriteFile(filepath.Join(directory, "people.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	address, err := stage.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return "admin: {listen: \"" + address + "\", people: people.yaml}", address
}

// TestTableLife takes a table through its whole life with the real binary: drafted,
// refused to its own author, approved, tried on a share, active, there after a kill,
// rolled back; and every act stands in the journal.
func TestTableLife(t *testing.T) {
	net := staged(t, &stage.Member{ID: "harbourbank"}, &stage.Member{ID: "kitewallet"})
	lines, address := people(t, net.Directory, "li", "wang")
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	route := func(wantOK bool, who, verb string, args ...string) string {
		t.Helper()
		args = append([]string{"route", verb, "--admin", "http://" + address, "--as", who,
			"--key-file", filepath.Join(net.Directory, who+".key")}, args...)
		out, err := exec.Command(net.Binary, args...).CombinedOutput()
		if (err == nil) != wantOK {
			t.Fatalf("route %s as %s: %v\n%s", verb, who, err, out)
		}
		return string(out)
	}
	sent := 0
	shares := func(n int) (moved int) {
		t.Helper()
		client := net.Client("corneracquirer")
		for range n {
			sent++
			p, err := client.Pay(map[string]any{"request_id": fmt.Sprint("life", sent), "code": unionpayCode, "amount_fen": 100})
			if err != nil || p.Status != "approved" {
				t.Fatalf("payment %d: %+v, %v", sent, p, err)
			}
			if p.Institution == "kitewallet" {
				moved++
			}
		}
		return moved
	}
	draft := filepath.Join(net.Directory, "draft.yaml")
	text := strings.NewReplacer("demo-1", "demo-2", "targets: [{institution: harbourbank}]",
		"targets: [{institution: kitewallet}]").Replace(stage.Table)
	if err := os.WriteFile(draft, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if shares(20) != 0 {
		t.Fatal("payments go by a table that nobody drafted")
	}
	digest := regexp.MustCompile(`[0-9a-f]{64}`).FindString(route(true, "li", "draft", draft))
	route(false, "li", "activate", digest)
	if out := route(false, "li", "approve", digest); !strings.Contains(out, "same_person") {
		t.Errorf("approved by its own author: %s", out)
	}
	route(true, "wang", "approve", digest[:12])
	route(false, "wang", "stage", "--percent", "100", digest)
	route(true, "li", "stage", "--percent", "10", digest)
	if moved := shares(300); moved < 10 || moved > 60 {
		t.Errorf("%d of 300 payments on trial, want about 30", moved)
	}
	restart := func() {
		t.Helper()
		net.Switch.Kill()
		if err := net.StartSwitch(lines); err != nil {
			t.Fatal(err)
		}
	}
	restart()
	if out := route(true, "li", "list"); !strings.Contains(out, "demo-2: staged, 10 %") {
		t.Errorf("after a kill: %s", out)
	}
	route(true, "wang", "activate", digest)
	restart()
	if moved := shares(20); moved != 20 {
		t.Errorf("active, and after a kill %d of 20 payments go by it", moved)
	}
	broken := filepath.Join(net.Directory, "broken.yaml")
	if err := os.WriteFile(broken, []byte(strings.NewReplacer("demo-1", "demo-3", "harbourbank", "nobodysbank").Replace(stage.Table)), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := regexp.MustCompile(`[0-9a-f]{64}`).FindString(route(false, "li", "draft", broken))
	if out := route(false, "wang", "approve", bad); !strings.Contains(out, "table_has_errors") {
		t.Errorf("a table with errors: %s", out)
	}
	route(true, "li", "rollback")
	if shares(20) != 0 {
		t.Error("rolled back, and payments still go by it")
	}
	route(false, "li", "rollback")
	acts := route(true, "li", "list", "--acts")
	for _, want := range []string{"configuration table.import", "li table.draft " + digest[:12] + " done",
		"li table.approve " + digest[:12] + " refused: same_person", "wang table.approve " + digest[:12] + " done",
		"li table.stage " + digest[:12] + " done version demo-2 10 percent", "wang table.activate " + digest[:12] + " done",
		"refused: table_has_errors", "li table.rollback " + digest[:12] + " done", "refused: nothing_to_roll_back"} {
		if !strings.Contains(acts, want) {
			t.Errorf("no act %q in\n%s", want, acts)
		}
	}
	if err := net.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	verifyJournal(t, net)
	out, err := exec.Command(net.Binary, "route", "replay", "--table", draft, "--register", filepath.Join(net.Directory, "register.yaml"),
		filepath.Join(net.Directory, "journal")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "from harbourbank to kitewallet") || !strings.Contains(string(out), "on 360 payments of 36000 fen") {
		t.Errorf("replay: %v\n%s", err, out)
	}
}
