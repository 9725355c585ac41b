package gateway

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"tongma/switch/payment"
)

// TestQueriesAreMetered floods the gateway with questions about one payment: the engine hears
// a few of them in a second, and every question has its answer.
func TestQueriesAreMetered(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	p := payment.Payment{Institution: "corneracquirer", RequestID: "r1", Amount: 5}
	f.engine.remember(p)
	path := "/v1/payments/" + string(payment.MakeID(0, "01J0000000000000000000TEST"))
	began := time.Now()
	const questions = 400
	for range questions {
		if status, body := f.send(wire{method: "GET", path: path}); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	limit := DefaultLimits().QueriesPerPayment * (2 + int(time.Since(began).Seconds()))
	if f.engine.finds > limit {
		t.Errorf("%d of %d questions reached the engine, want at most %d", f.engine.finds, questions, limit)
	}
}

// TestKnownIsNeverOld holds in virtual time: up to the limit the engine is asked, over it the
// last answer is given, a second later the engine is asked again, and nothing is kept for long.
func TestKnownIsNeverOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		k, wide := newKnown(3), rate.NewLimiter(1000, 1000)
		told := 0
		ask := func(budget *rate.Limiter) (fresh bool) {
			p, ok := k.answer("P1", time.Now(), budget)
			if !ok {
				told++
				k.tell("P1", &payment.Payment{Refunded: payment.Fen(told)})
				return true
			}
			if int(p.Refunded) != told {
				t.Errorf("told %d, the last answer was %d", p.Refunded, told)
			}
			return false
		}
		for second := range 3 {
			for i := range 10 {
				if fresh := ask(wide); fresh != (i < 3) {
					t.Errorf("second %d, question %d: fresh %t", second, i, fresh)
				}
			}
			time.Sleep(time.Second)
		}
		spent := rate.NewLimiter(0, 0)
		if ask(spent) {
			t.Error("an institution without a budget reached the engine for what is known")
		}
		if _, ok := k.answer("P2", time.Now(), spent); ok {
			t.Error("something is known of a payment that nobody asked about")
		}
		time.Sleep(3 * time.Second)
		if !ask(spent) {
			t.Error("an answer of three seconds ago was given")
		}
		for i := range 1000 {
			k.answer(fmt.Sprint("Q", i), time.Now(), wide)
		}
		time.Sleep(3 * time.Second)
		for i := range 1000 {
			k.answer(fmt.Sprint("R", i), time.Now(), wide)
		}
		kept := 0
		for i := range k.shards {
			kept += len(k.shards[i].now) + len(k.shards[i].old)
		}
		if kept > 1001 {
			t.Errorf("%d payments are kept", kept)
		}
	})
}

// TestPeoplesQuestionsShareTheLimits: what people have asked counts with what institutions ask.
func TestPeoplesQuestionsShareTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		limits := DefaultLimits()
		limits.QueriesPerPayment, limits.QueriesPerSecond = 3, 4
		g := &Gateway{options: Options{Limits: limits}, known: newKnown(limits.QueriesPerPayment)}
		f := func(id payment.ID, institution string, want bool) {
			t.Helper()
			if got := g.MayAsk(institution, id); got != want {
				t.Errorf("%s about %s: %t, want %t", institution, id, got, want)
			}
		}
		g.known.answer("P1", time.Now(), g.budget("shop")) // Its caller asks.
		f("P1", "bank", true)
		f("P1", "bank", true)
		f("P1", "bank", false) // Of the payment: three in a second.
		f("P2", "bank", true)
		f("P3", "bank", true)
		f("P4", "bank", true)
		f("P5", "bank", false) // Of the institution: five at once, four a second.
		f("P5", "wallet", true)
		time.Sleep(time.Second)
		f("P1", "bank", true)
	})
}
