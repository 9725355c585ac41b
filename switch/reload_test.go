package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tongma/switch/stage"
)

// TestReload changes the table of a running switch: a good one takes over, a bad one
// leaves the one in use alone.
func TestReload(t *testing.T) {
	net := network(t, "", &stage.Member{ID: "harbourbank"}, &stage.Member{ID: "kitewallet"})
	client := net.Client("corneracquirer")
	pay := func() stage.Payment {
		p, err := client.Pay(map[string]any{"request_id": time.Now().Format("r150405.000000"), "code": unionpayCode, "amount_fen": 100})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	load := func(table string) {
		if err := os.WriteFile(filepath.Join(net.Directory, "table.yaml"), []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(net.Switch.PID(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if p := pay(); p.Institution != "harbourbank" {
		t.Fatalf("before: %+v", p)
	}
	load(strings.Replace(stage.Table, "targets: [{institution: harbourbank}]", "targets: [{institution: kitewallet}]", 1))
	for deadline := time.Now().Add(5 * time.Second); pay().Institution != "kitewallet"; {
		if time.Now().After(deadline) {
			t.Fatal("the new table never took over")
		}
	}
	load("rules: [")
	time.Sleep(100 * time.Millisecond)
	if p := pay(); p.Status != "approved" || p.Institution != "kitewallet" {
		t.Errorf("after a table that cannot be read: %+v, want the one in use", p)
	}
	load(strings.ReplaceAll(stage.Table, "harbourbank", "nobodysbank"))
	time.Sleep(100 * time.Millisecond)
	if p := pay(); p.Status != "approved" || p.Institution != "kitewallet" {
		t.Errorf("after a table with errors: %+v, want the one in use", p)
	}
}
