package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tongma/institutions/paper"
	"tongma/switch/stage"
)

// TestPaymentStaysWhereItWent pays, moves the code to another institution by a new table,
// and then queries, refunds and cancels: everything goes where the payment went, also the
// queries about one whose answer was lost before the table changed.
func TestPaymentStaysWhereItWent(t *testing.T) {
	net := network(t, "", &stage.Member{ID: "harbourbank", Extra: quick}, &stage.Member{ID: "kitewallet", Extra: quick})
	client := net.Client("corneracquirer")
	old, other := net.Members[0], net.Members[1]
	pay := func(id string) stage.Payment {
		t.Helper()
		p, err := client.Pay(map[string]any{"request_id": id, "code": unionpayCode, "amount_fen": 900})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	turn := func(path, id string, fields map[string]any) stage.Payment {
		t.Helper()
		fields["request_id"] = id
		p, err := client.Call("POST", path, fields)
		if err != nil || p.Status != "approved" {
			t.Fatalf("%s: %+v, %v", path, p, err)
		}
		return p
	}
	refunded, cancelled := pay("to-refund"), pay("to-cancel")
	if err := old.Set("/paper/faults", "deaf=1000::debit silent=1000::query silent=1000::cancel"); err != nil {
		t.Fatal(err)
	}
	lost := pay("answer-lost")
	if lost.Final() {
		t.Fatalf("the lost one ended at once: %+v", lost)
	}
	table := strings.Replace(stage.Table, "targets: [{institution: harbourbank}]", "targets: [{institution: kitewallet}]", 1)
	if err := os.WriteFile(filepath.Join(net.Directory, "table.yaml"), []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(net.Switch.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // A payment before the new table waits for harbourbank in vain.
	moved := stage.Payment{}
	for deadline := time.Now().Add(10 * time.Second); moved.Institution != "kitewallet"; {
		if moved = pay(time.Now().Format("r150405.000000")); time.Now().After(deadline) {
			t.Fatal("the new table never took over")
		}
	}
	if err := old.Set("/paper/faults", ""); err != nil {
		t.Fatal(err)
	}
	if p := pay("to-refund"); p.ID != refunded.ID || p.Institution != "harbourbank" {
		t.Errorf("the same request again: %+v, want %s at harbourbank", p, refunded.ID)
	}
	for deadline := time.Now().Add(30 * time.Second); !lost.Final(); time.Sleep(50 * time.Millisecond) {
		var err error
		if lost, err = client.Find(lost.ID); err != nil || time.Now().After(deadline) {
			t.Fatalf("the lost one has no end: %+v, %v", lost, err)
		}
	}
	turn("/v1/payments/"+refunded.ID+"/refunds", "the-refund", map[string]any{"amount_fen": 400})
	turn("/v1/payments/"+cancelled.ID+"/cancel", "the-cancel", map[string]any{})
	book := func(m *stage.Member) map[string]paper.Leg {
		legs, err := m.Book()
		if err != nil {
			t.Fatal(err)
		}
		return legs
	}
	backs, undone := 0, 0
	for reference, leg := range book(old) {
		switch {
		case leg.Kind == "give_back" && strings.HasPrefix(leg.Original, refunded.ID) && leg.Amount == 400:
			backs++
		case strings.HasPrefix(reference, cancelled.ID) && leg.State == "cancelled":
			undone++
		}
	}
	if backs != 1 || undone != 1 {
		t.Errorf("harbourbank's book holds %d refunds and %d cancelled legs, want one of each: %v", backs, undone, book(old))
	}
	for reference, leg := range book(other) {
		for _, id := range []string{refunded.ID, cancelled.ID, lost.ID} {
			if strings.HasPrefix(reference, id) || strings.HasPrefix(leg.Original, id) {
				t.Errorf("kitewallet was told of %s, which never went there: %+v", reference, leg)
			}
		}
	}
}
