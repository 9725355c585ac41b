package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tongma/switch/stage"
)

// TestCallersAreTold: a caller that was told "unknown" hears the outcome; what it does not
// acknowledge it hears after a kill, and what it was told at once it does not hear again.
func TestCallersAreTold(t *testing.T) {
	bank := &stage.Member{ID: "harbourbank", Extra: quick}
	shop := &stage.Member{ID: "corneracquirer", Extra: "    outcomes: true\n    query_deadline: 500ms\n    retries_max: 0\n"}
	net := staged(t, bank, shop)
	const settings = "engine: {answer_max: 200ms}"
	if err := net.StartSwitch(settings); err != nil {
		t.Fatal(err)
	}
	set := func(m *stage.Member, faults string) {
		t.Helper()
		if err := m.Set("/paper/faults", faults); err != nil {
			t.Fatal(err)
		}
	}
	client := net.Client("corneracquirer")
	pay := func(id string) stage.Payment {
		t.Helper()
		p, err := client.Pay(map[string]any{"request_id": id, "code": unionpayCode, "amount_fen": 100})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	heard := func() string {
		t.Helper()
		response, err := http.Get("http://" + shop.Process.Address + "/paper/outcomes")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	hears := func(p stage.Payment) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !strings.Contains(heard(), p.ID); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s is never heard of; heard: %s", p.ID, heard())
			}
		}
		if !strings.Contains(heard(), fmt.Sprintf(`"payment_id":%q,"request_id":%q,"kind":"pay","status":"cancelled"`, p.ID, p.RequestID)) {
			t.Errorf("heard %s", heard())
		}
	}
	if p := pay("known"); p.Status != "approved" {
		t.Fatalf("%+v", p)
	}
	set(bank, "silent=1000::debit,query")
	first := pay("first")
	if first.Final() {
		t.Fatalf("%+v", first)
	}
	hears(first)

	set(shop, "error=1000::outcome")
	second := pay("second")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if p, err := client.Find(second.ID); err == nil && p.Final() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the payment never ended")
		}
	}
	time.Sleep(300 * time.Millisecond) // It is announced, and not acknowledged.
	net.Switch.Kill()
	set(shop, "")
	if strings.Contains(heard(), second.ID) {
		t.Fatalf("heard in spite of the fault: %s", heard())
	}
	if err := net.StartSwitch(settings); err != nil {
		t.Fatal(err)
	}
	hears(second)
	if text := heard(); strings.Contains(text, `"known"`) || strings.Count(text, first.ID) != 1 {
		t.Errorf("heard what was told already: %s", text)
	}
	time.Sleep(200 * time.Millisecond) // The acknowledgement becomes durable.
	if err := net.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	verifyJournal(t, net)
}
