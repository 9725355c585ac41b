package main

import (
	"fmt"
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
	if err := os.Truncate(filepath.Join(net.Directory, "table.yaml"), 1<<30); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(net.Switch.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if p := pay(); p.Status != "approved" || p.Institution != "kitewallet" {
		t.Errorf("after a table of a gigabyte: %+v, want the one in use", p)
	}
	load(strings.ReplaceAll(stage.Table, "harbourbank", "nobodysbank"))
	time.Sleep(100 * time.Millisecond)
	if p := pay(); p.Status != "approved" || p.Institution != "kitewallet" {
		t.Errorf("after a table with errors: %+v, want the one in use", p)
	}
}

// TestReloadUnderLoad replaces the table again and again while payments run: none is
// refused, none goes to an institution that the code does not name.
func TestReloadUnderLoad(t *testing.T) {
	net := network(t, "", &stage.Member{ID: "harbourbank", Pipeline: true}, &stage.Member{ID: "kitewallet", Pipeline: true})
	c := newCaller(net, "corneracquirer", unionpayCode, wechatCode)
	owners := map[string]string{unionpayCode: "harbourbank", wechatCode: "kitewallet"}
	stop := make(chan struct{})
	wg := c.load(0, 16, stop)
	const reloads = 40
	for i := range reloads {
		table := strings.Replace(stage.Table, "demo-1", fmt.Sprint("reload-", i), 1)
		name := filepath.Join(net.Directory, "table.yaml")
		if err := os.WriteFile(name+".next", []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".next", name); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(net.Switch.PID(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Millisecond)
	}
	close(stop)
	wg.Wait()
	if len(c.lines) < reloads {
		t.Fatalf("only %d payments beside %d reloads", len(c.lines), reloads)
	}
	for id, line := range c.lines {
		if line.status != "approved" {
			t.Errorf("%s ended as %q at its first try", id, line.status)
		}
	}
	payments := c.settle(t, time.Minute)
	for _, line := range c.lines {
		if p, want := payments[line.id], owners[line.fields["code"].(string)]; p.Institution != want {
			t.Errorf("%s went to %s, want %s", line.id, p.Institution, want)
		}
	}
	compareBooks(t, net, payments)
	t.Logf("%d payments beside %d reloads", len(payments), reloads)
}
