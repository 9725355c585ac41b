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

// inSeconds runs test in virtual time, from the beginning of a second.
func inSeconds(t *testing.T, test func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		test(t)
	})
}

// asking asks a known and lets the engine answer where it is to be asked.
type asking struct {
	known *known
	told  payment.Payment // What the engine says; its refunds count how often it did.
}

// ask gives how many answers of the engine later p's one is: 0 is the newest; -1 for none.
func (a *asking) ask(key, institution string) (old int, fresh bool) {
	p, mayAsk := a.known.answer(key, institution, time.Now())
	if mayAsk {
		a.told.Refunded++
		said := a.told
		a.known.tell(key, &said, time.Now())
		return 0, true
	}
	if p == nil {
		return -1, false
	}
	return int(a.told.Refunded - p.Refunded), false
}

// TestKnownIsNeverOld: up to the limit of a payment the engine is asked, over it the last answer
// is given, a second later the engine is asked again.
func TestKnownIsNeverOld(t *testing.T) {
	inSeconds(t, func(t *testing.T) {
		a := asking{known: newKnown(3, 1000)}
		for second := range 3 {
			for i := range 10 {
				if old, fresh := a.ask("P1", "bank"); fresh != (i < 3) || old != 0 {
					t.Errorf("second %d, question %d: fresh %t, %d answers old", second, i, fresh, old)
				}
			}
			time.Sleep(time.Second)
		}
	})
}

// TestSpentBudget: an institution that asks more than agreed is told what is known as long as
// that is not too old, and the engine never hears it; not of what nothing is known about either.
func TestSpentBudget(t *testing.T) {
	for _, end := range []struct {
		status payment.Status
		lasts  time.Duration
	}{{payment.StatusUnknown, knownOpen}, {payment.StatusApproved, knownEnded}} {
		inSeconds(t, func(t *testing.T) {
			a := asking{known: newKnown(3, 1)}
			a.told.Status = end.status
			if _, fresh := a.ask("P1", "bank"); !fresh {
				t.Fatal("the first question did not reach the engine")
			}
			a.known.budgets.Store("shop", rate.NewLimiter(0, 0))
			for began := time.Now(); time.Since(began) <= end.lasts; time.Sleep(time.Second) {
				if old, fresh := a.ask("P1", "shop"); fresh || old != 0 {
					t.Errorf("%s, after %s: fresh %t, %d answers old", end.status, time.Since(began), fresh, old)
				}
			}
			if old, fresh := a.ask("P1", "shop"); fresh || old != -1 {
				t.Errorf("%s: fresh %t, an answer is given after %s", end.status, fresh, end.lasts)
			}
			if old, fresh := a.ask("P2", "shop"); fresh || old != -1 {
				t.Errorf("P2: fresh %t, something is known of what nobody asked about", fresh)
			}
		})
	}
}

// TestKnownStaysEnded: an answer that was given before the end and comes after it is dropped.
func TestKnownStaysEnded(t *testing.T) {
	k, now := newKnown(1, 1), time.Unix(1000, 0)
	k.answer("P1", "bank", now)
	k.tell("P1", &payment.Payment{Status: payment.StatusApproved}, now)
	k.tell("P1", &payment.Payment{Status: payment.StatusUnknown}, now.Add(time.Millisecond))
	if p, _ := k.answer("P1", "bank", now); p == nil || p.Status != payment.StatusApproved {
		t.Errorf("%+v, want the end", p)
	}
}

// TestKnownKeepsLittle: what nobody asks about is forgotten after a second, and a stream of ids
// that never come again fills no more than it may.
func TestKnownKeepsLittle(t *testing.T) {
	k, now := newKnown(3, 1000), time.Unix(1000, 0)
	kept := func() (n int) {
		for i := range k.shards {
			n += len(k.shards[i].now) + len(k.shards[i].old)
		}
		return n
	}
	ask := func(n int) {
		for i := range n {
			k.answer(fmt.Sprint("Q", i), "bank", now)
		}
	}
	for range 2 {
		if ask(1000); kept() != 1000 {
			t.Errorf("%d payments are kept, want 1000", kept())
		}
		now = now.Add(3 * time.Second)
	}
	for range 3 {
		if ask(2 * knownShards * knownMax); kept() > 2*knownShards*knownMax {
			t.Errorf("%d payments are kept", kept())
		}
		now = now.Add(time.Second)
	}
}

// TestPeoplesQuestionsShareTheLimits: what people have asked counts with what institutions ask.
func TestPeoplesQuestionsShareTheLimits(t *testing.T) {
	inSeconds(t, func(t *testing.T) {
		limits := DefaultLimits()
		limits.QueriesPerPayment, limits.QueriesPerSecond = 3, 4
		g := &Gateway{options: Options{Limits: limits}, known: newKnown(limits.QueriesPerPayment, limits.QueriesPerSecond)}
		f := func(id payment.ID, institution string, want bool) {
			t.Helper()
			if got := g.MayAsk(institution, id); got != want {
				t.Errorf("%s about %s: %t, want %t", institution, id, got, want)
			}
		}
		g.known.answer("P1", "shop", time.Now()) // Its caller asks.
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
