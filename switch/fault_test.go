package main

import (
	"testing"
	"time"

	"tongma/switch/stage"
)

// TestFaults switches every fault of an institution on, under load, towards a pipelined
// and a plain institution: every payment ends, the books agree, nothing moves twice.
func TestFaults(t *testing.T) {
	net := network(t, "",
		&stage.Member{ID: "harbourbank", Pipeline: true, Extra: quick},
		&stage.Member{ID: "kitewallet", Extra: quick})
	c := newCaller(net, "corneracquirer", unionpayCode, wechatCode)
	// An institution that contradicts itself about a debit whose answer was lost is lying
	// about its own book; only reconciliation can find that. What can be survived is played
	// here: a cancel that was carried out and is answered as refused, a query that says the
	// opposite of an answer that has been heard.
	for round, fault := range []string{
		"slow=300:80ms", "silent=100", "deaf=100", "error=200", "refuse=200", "garbage=200",
		"contradict=1000::query", "deaf=60::debit contradict=500::cancel", "duplicate=300", "late=100:600ms:debit", "wrong_amount=200", "wrong_seal=200", "decline=300",
		"silent=100 error=100 garbage=100 duplicate=100 decline=100 wrong_amount=100 deaf=50 late=50:500ms",
	} {
		for _, m := range net.Members {
			if err := m.Set("/paper/faults", fault); err != nil {
				t.Fatal(err)
			}
		}
		stop := make(chan struct{})
		wg := c.load(round, 16, stop)
		time.Sleep(400 * time.Millisecond)
		close(stop)
		wg.Wait()
	}
	for _, m := range net.Members {
		if err := m.Set("/paper/faults", ""); err != nil {
			t.Fatal(err)
		}
	}
	payments := c.settle(t, time.Minute)
	count := map[string]int{}
	for _, p := range payments {
		count[p.Status]++
	}
	t.Logf("%d payments: %v", len(payments), count)
	if count["approved"] == 0 || count["declined"] == 0 || count["cancelled"] == 0 {
		t.Errorf("statuses %v: not every end was reached", count)
	}
	compareBooks(t, net, payments)
}

// TestBreaker cuts an institution off: after a few failures the switch refuses at once
// and says so, and when the institution is back the breaker closes again.
func TestBreaker(t *testing.T) {
	net := network(t, "", &stage.Member{ID: "harbourbank", Pipeline: true, Extra: quick})
	c := net.Client("corneracquirer")
	bank := net.Members[0]
	if err := bank.Set("/paper/faults", "error=1000::debit"); err != nil {
		t.Fatal(err)
	}
	pay := func(id string) (stage.Payment, time.Duration) {
		began := time.Now()
		p, err := c.Pay(map[string]any{"request_id": id, "code": unionpayCode, "amount_fen": 100})
		if err != nil {
			t.Fatal(err)
		}
		return p, time.Since(began)
	}
	opened := false
	for i := range 60 {
		p, took := pay("b" + string(rune('A'+i)))
		if p.Failure.Code == "institution_unavailable" && p.Status == "declined" {
			t.Logf("open after %d payments, refused in %s", i, took)
			opened = true
			break
		}
	}
	if !opened {
		t.Fatal("the breaker never opened")
	}
	if err := bank.Set("/paper/faults", ""); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		p, _ := pay(time.Now().Format("c150405.000000"))
		if p.Status == "approved" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the breaker stayed open: %s %s", p.Status, p.Failure.Code)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
