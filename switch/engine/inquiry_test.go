package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"tongma/switch/payment"
)

func wanted() *Act {
	return &Act{Time: time.Now().UTC(), Who: "li", What: "repair.query", State: []byte{}}
}

// What an institution says about a payment that has ended is kept and changes nothing.
func TestAnInquiryAboutAnEndedPaymentIsEvidenceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		word := payment.Approved
		e, sender := start(t, log, func(op *payment.Operation) (payment.Answer, time.Duration) {
			if op.Kind == payment.Query {
				return payment.Answer{Outcome: word}, time.Second
			}
			return approve(op)
		})
		p, err := e.Submit(debit("r1", 100))
		if err != nil {
			t.Fatal(err)
		}
		for i, outcome := range []payment.Outcome{payment.Approved, payment.Declined, payment.Unknown} {
			word = outcome
			got, err := e.Inquire(p.ID, 0, wanted())
			if err != nil || !got.Asked || got.Answer.Outcome != outcome || got.Payment.Status != payment.StatusApproved {
				t.Fatalf("got %+v, %v, want %s", got, err, outcome)
			}
			kinds := log.kinds()
			if kinds[recordAct] != i+1 || kinds[recordNote] != i+1 || kinds[recordOutcome] != 1 {
				t.Errorf("after %d inquiries the journal holds %v", i+1, kinds)
			}
		}
		if n := sender.count(payment.Query); n != 3 {
			t.Errorf("%d queries were sent, want 3", n)
		}
		if _, err := e.Inquire("P000100000000000000000000000000", 0, wanted()); failureOf(err) != payment.PaymentNotFound {
			t.Errorf("an unknown payment: %v", err)
		}
		if got, err := e.Inquire(p.ID, 7, wanted()); err != nil || got.Asked {
			t.Errorf("a leg that it has not: %+v, %v", got, err)
		}
		stop(t, e)
		e, _ = start(t, log, approve) // What was written reads well.
		if found, err := e.Find(p.ID); err != nil || found.Status != payment.StatusApproved {
			t.Errorf("found %+v, %v", found, err)
		}
		stop(t, e)
	})
}

// An inquiry about a payment that the switch itself asks about ends it at once, without
// taking from its query plan; one about a payment in people's hands leaves it there.
func TestAnInquiryAboutAnOpenPayment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		known := false
		e, sender := start(t, log, func(op *payment.Operation) (payment.Answer, time.Duration) {
			if known {
				return payment.Answer{Outcome: payment.Approved}, time.Millisecond
			}
			return payment.Answer{Failure: payment.AnswerMissing}, 100 * time.Millisecond
		})
		first := make(chan payment.Payment, 1)
		go func() {
			p, _ := e.Submit(debit("r1", 100))
			first <- p
		}()
		time.Sleep(500 * time.Millisecond) // Its answer is lost, its first query is due in 600 ms.
		asked, err := e.FindRequest("shop", "r1")
		if err != nil {
			t.Fatal(err)
		}
		known = true
		got, err := e.Inquire(asked.ID, 0, wanted())
		if p := <-first; err != nil || !got.Asked || got.Payment.Status != payment.StatusApproved || p.Status != payment.StatusApproved {
			t.Errorf("got %+v, %v; the caller was told %s", got, err, p.Status)
		}
		if n := sender.count(payment.Query); n != 1 {
			t.Errorf("%d queries were sent, want one", n)
		}

		known = false
		plan := DefaultPlan()
		plan.Cancel, plan.ResolveMax = false, time.Second
		stop(t, e)
		e, _ = start(t, log, sender.answer)
		e.writer.core.plans[""] = plan
		p, err := e.Submit(debit("r2", 100))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		known = true
		got, err = e.Inquire(p.ID, 0, wanted())
		if err != nil || got.Answer.Outcome != payment.Approved || got.Payment.Status != payment.StatusManual {
			t.Errorf("got %+v, %v, want a payment in people's hands", got, err)
		}
		stop(t, e)
	})
}

// A caller that takes outcomes is owed one as often as people say, and no other is.
func TestOweAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, _ := start(t, log, approve)
		e.writer.core.owes["shop"] = true
		p, err := e.Submit(debit("r1", 100))
		if err != nil {
			t.Fatal(err)
		}
		if list, _ := e.Owed("shop", 10); len(list) != 0 {
			t.Fatalf("%v is owed, though the caller was told", list)
		}
		for range 2 {
			if _, err := e.Owe(p.ID, wanted()); err != nil {
				t.Fatal(err)
			}
		}
		list, err := e.Owed("shop", 10)
		if err != nil || len(list) != 2 || list[0].Payment.ID != p.ID || log.kinds()[recordAct] != 2 {
			t.Errorf("owed are %+v, %v", list, err)
		}
		e.writer.core.owes["shop"] = false
		if _, err := e.Owe(p.ID, wanted()); failureOf(err) != payment.NotAParty {
			t.Errorf("a caller that takes none: %v", err)
		}
		if _, err := e.Owe("P0", wanted()); failureOf(err) != payment.PaymentNotFound {
			t.Errorf("an unknown payment: %v", err)
		}
		if n := log.kinds()[recordAct]; n != 2 {
			t.Errorf("%d acts, want those of what was done", n)
		}
		stop(t, e)
	})
}
