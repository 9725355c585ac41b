package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"tongma/switch/engine"
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

// TestMeteredCostsLittle: questions over the budget, and refused requests, of which each looks
// whether it repeats one that was taken, do not reach the engine, and the questions leave no
// record.
func TestMeteredCostsLittle(t *testing.T) {
	limits := DefaultLimits()
	limits.QueriesPerSecond = 1
	f := newFixture(t, limits)
	began := time.Now()
	for i := range 100 {
		w := wire{method: "GET", path: fmt.Sprintf("/v1/payments/P000001J0000000000000000000%04d", i)}
		if i%2 == 1 {
			w = wire{body: fmt.Sprintf(`{"request_id":"r%d","code":"1","amount_fen":100}`, i)}
		}
		if status, body := f.send(w); status != 404 && status != 422 && status != 429 {
			t.Fatalf("%d %s", status, body)
		}
	}
	most := 3 + int(time.Since(began).Seconds()) // Of questions, and of refused requests.
	if f.engine.finds == 0 || f.engine.finds > 2*most {
		t.Errorf("%d of 100 reached the engine, want %d at most", f.engine.finds, 2*most)
	}
	questions := slices.DeleteFunc(f.engine.refused, func(r engine.Refused) bool { return r.Path == "/v1/payments" })
	if len(questions) > most {
		t.Errorf("%d records were left of questions, want %d at most", len(questions), most)
	}
}

// TestFloodRests: many questions over the limits in one write, on one connection or on many, have
// an answer each, and no more of them a second than one institution has.
func TestFloodRests(t *testing.T) {
	for _, connections := range []int{1, 32} {
		f := newFixture(t, DefaultLimits())
		f.engine.remember(payment.Payment{Institution: institution, RequestID: "r1", Amount: 5})
		path := "/v1/payments/" + string(payment.MakeID(0, "01J0000000000000000000TEST"))
		question := f.head("GET", path, "") + "\r\n"
		const questions = 3200
		began := time.Now()
		var wg sync.WaitGroup
		for range connections {
			wg.Go(func() { f.flood(question, questions/connections, 200) })
		}
		wg.Wait()
		took := time.Since(began)
		over := questions - f.engine.finds
		if f.engine.finds > DefaultLimits().QueriesPerPayment*(2+int(took/time.Second)) {
			t.Errorf("%d of %d questions are within the limits", f.engine.finds, questions)
		}
		free := restBurst + int(restPerSecond*restMin/time.Second) // The last ones need not wait.
		at := float64(over-free) / restPerSecond                   // Seconds.
		if took.Seconds() < at {
			t.Errorf("%d connections: %d questions over the limits were answered within %s, want %.3f s", connections, over, took, at)
		}
	}
}

// flood sends a request so often in one write and reads every answer, which has that status.
func (f *fixture) flood(request string, times, status int) {
	connection, err := net.Dial("tcp", f.address)
	if err != nil {
		f.t.Error(err)
		return
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, strings.Repeat(request, times)); err != nil {
		f.t.Error(err)
		return
	}
	answers := bufio.NewReader(connection)
	for i := range times {
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			f.t.Errorf("answer %d: %v", i, err)
			return
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != status {
			f.t.Errorf("answer %d: %d %s %v", i, response.StatusCode, body, err)
			return
		}
	}
}

// TestRestsEnd: who is far over the pace waits so long and no longer, and whoever is within it
// waits for nobody.
func TestRestsEnd(t *testing.T) {
	m := meters{perSecond: restPerSecond, burst: restBurst}
	now := time.Now()
	for i := range 10 * restPerSecond {
		if wait := m.of("flood").wait(now, restMax); wait > restMax || i < restBurst && wait > 0 {
			t.Fatalf("answer %d waits %s", i, wait)
		}
	}
	if wait := m.of("shop").wait(now, restMax); wait != 0 {
		t.Errorf("another institution waits %s", wait)
	}
	if wait := m.of("flood").wait(now.Add(restMax+restBurst*time.Second/restPerSecond), restMax); wait != 0 {
		t.Errorf("after its longest rest it waits %s more", wait)
	}
}

// asking asks a known and lets the engine answer where it is to be asked.
type asking struct {
	known *known
	told  payment.Payment // What the engine says; its refunds count how often it did.
}

// ask gives how many answers of the engine later the one given is: 0 is the newest; -1 for none.
func (a *asking) ask(key, institution string) (old int, fresh bool) {
	asked, p := a.known.ask(key, institution, time.Now())
	if asked != nil {
		a.told.Refunded++
		said := a.told
		asked.tell(&said, time.Now())
		return 0, true
	}
	if p == nil {
		return -1, false
	}
	return int(a.told.Refunded - p.Refunded), false
}

// spend leaves institution without a budget.
func spend(k *known, institution string) {
	k.budgets.list.Store(institution, &meter{bucket: rate.NewLimiter(0, 0)})
}

// TestKnownIsNeverOld: up to the limit of a payment the engine is asked, over it the last answer
// is given, a second later the engine is asked again.
func TestKnownIsNeverOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
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
	}{{payment.StatusUnknown, knownOpen}, {payment.StatusApproved, knownOpen}, {payment.StatusCancelled, knownEnded}} {
		synctest.Test(t, func(t *testing.T) {
			a := asking{known: newKnown(3, 1)}
			a.told.Status = end.status
			if _, fresh := a.ask("P1", "bank"); !fresh {
				t.Fatal("the first question did not reach the engine")
			}
			spend(a.known, "shop")
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

// TestSpentBudgetIsItsOwn: who has none left takes nothing of what others may ask about the same
// payment.
func TestSpentBudgetIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := asking{known: newKnown(3, 1000)}
		spend(a.known, "flood")
		for second := range 5 {
			for range 10 {
				a.ask("P1", "flood")
			}
			for i := range 3 {
				if _, fresh := a.ask("P1", "shop"); !fresh {
					t.Errorf("second %d: question %d of the shop did not reach the engine", second, i)
				}
			}
			time.Sleep(time.Second)
		}
	})
}

// TestKnownStaysEnded: an answer that was given before the end and comes after it is dropped;
// one that comes after others have turned the second is kept.
func TestKnownStaysEnded(t *testing.T) {
	k := newKnown(3, 10)
	now := k.began.Add(time.Hour)
	first, _ := k.ask("P1", "bank", now)
	second, _ := k.ask("P1", "bank", now.Add(time.Millisecond))
	first.tell(&payment.Payment{Status: payment.StatusApproved}, now)
	second.tell(&payment.Payment{Status: payment.StatusUnknown}, now.Add(time.Millisecond))
	spend(k, "bank")
	if _, p := k.ask("P1", "bank", now); p == nil || p.Status != payment.StatusApproved {
		t.Errorf("%+v, want the end", p)
	}
	before, _ := k.ask("P3", "shop", now)
	after, _ := k.ask("P3", "shop", now)
	after.tell(&payment.Payment{Status: payment.StatusCancelled}, now)
	before.tell(&payment.Payment{Status: payment.StatusApproved}, now.Add(time.Millisecond))
	if _, p := k.ask("P3", "bank", now); p == nil || p.Status != payment.StatusCancelled {
		t.Errorf("%+v, want the cancel", p)
	}
	early, _ := k.ask("P4", "shop", now)
	other, _ := k.ask("P4", "shop", now)
	other.tell(&payment.Payment{Status: payment.StatusUnknown}, now.Add(time.Millisecond))
	early.tell(&payment.Payment{Status: payment.StatusApproved}, now)
	if _, p := k.ask("P4", "bank", now); p == nil || p.Status != payment.StatusApproved {
		t.Errorf("%+v, want the end that an earlier question found", p)
	}
	late, _ := k.ask("P2", "shop", now)
	now = now.Add(time.Second)
	for i := range 1000 { // Some of them turn the shard.
		k.ask(fmt.Sprint("Q", i), "flood", now)
	}
	late.tell(&payment.Payment{Status: payment.StatusApproved}, now.Add(-time.Second))
	if _, p := k.ask("P2", "bank", now); p == nil || p.Status != payment.StatusApproved {
		t.Errorf("%+v, want the end", p)
	}
}

// TestKnownHears: what a caller was told of a payment otherwise is what it is told over the
// limits, by either id; nothing is remembered of what nobody asks about.
func TestKnownHears(t *testing.T) {
	k := newKnown(3, 10)
	now := k.began.Add(time.Hour)
	p := payment.Payment{ID: "P1", Institution: "shop", RequestID: "r1"}
	for _, key := range []string{"P1", underRequest("shop", "r1")} {
		asked, _ := k.ask(key, "shop", now)
		asked.tell(&payment.Payment{Status: payment.StatusUnknown}, now)
	}
	p.Status = payment.StatusApproved
	k.hear(&p, now.Add(-time.Second)) // The request came before the questions.
	spend(k, "shop")
	for _, key := range []string{"P1", underRequest("shop", "r1")} {
		if _, known := k.ask(key, "shop", now); known == nil || known.Status != payment.StatusApproved || known == &p {
			t.Errorf("%q: %+v, want a copy of the end", key, known)
		}
	}
	if _, known := k.ask("r1", "shop", now); known != nil {
		t.Errorf("%+v is known of what nobody asked about", known)
	}
	for range 4 { // The last one is over the limit of the payment.
		if asked, _ := k.ask("P2", "bank", now); asked != nil {
			asked.tell(&payment.Payment{Status: payment.StatusUnknown}, now)
		}
	}
	k.hear(&payment.Payment{ID: "P2", Status: payment.StatusApproved}, now.Add(-3*time.Second)) // It took so long.
	if _, known := k.ask("P2", "bank", now); known == nil || known.Status != payment.StatusApproved {
		t.Errorf("%+v, want the end of a payment that took longer than an answer lasts", known)
	}
}

// TestToldStaysTold: a caller that was told the end, by the payment's own answer or by a question
// under one id, is told it over the limits under either.
func TestToldStaysTold(t *testing.T) {
	for _, how := range []string{"by the payment", "by a question"} {
		f := newFixture(t, DefaultLimits())
		id, now := string(payment.MakeID(0, "01J0000000000000000000TEST")), time.Now()
		keys := map[string]string{id: "/v1/payments/" + id, underRequest(institution, "r1"): "/v1/payments?request_id=r1"}
		for key := range keys {
			asked, _ := f.gateway.known.ask(key, institution, now)
			asked.tell(&payment.Payment{ID: payment.ID(id), Institution: institution, RequestID: "r1", Amount: 5}, now)
		}
		if how == "by a question" {
			f.engine.remember(payment.Payment{Institution: institution, RequestID: "r1", Amount: 5})
			if status, body := f.send(wire{method: "GET", path: keys[id]}); status != 200 {
				t.Fatalf("%d %s", status, body)
			}
		} else if status, body := f.send(wire{body: pay("")}); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		spend(f.gateway.known, institution)
		finds := f.engine.finds
		for _, path := range keys {
			if status, body := f.send(wire{method: "GET", path: path}); status != 200 {
				t.Errorf("told %s, then %s: %d %s", how, path, status, body)
			}
		}
		if f.engine.finds != finds {
			t.Errorf("told %s: a question over the limits reached the engine", how)
		}
	}
}

// TestForgedRequests: requests without a good seal rest as one institution would, and their
// refusals say that nothing proves whose they are.
func TestForgedRequests(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	f.send(wire{body: `{}`}) // Sealed, and wrong.
	path := "/v1/payments/" + string(payment.MakeID(0, "01J0000000000000000000TEST"))
	forged := strings.Replace(f.head("GET", path, ""), "k1", "k2", 1) + "\r\n"
	const requests = 1600
	began := time.Now()
	f.flood(forged, requests, 401)
	free := restBurst + int(restPerSecond*restMin/time.Second)
	if took, at := time.Since(began).Seconds(), float64(requests-free)/restPerSecond; took < at {
		t.Errorf("%d forged requests were refused within %.3f s, want %.3f", requests, took, at)
	}
	f.engine.mu.Lock()
	defer f.engine.mu.Unlock()
	if n := len(f.engine.refused); n != 1+requests || f.engine.refused[0].Claimed {
		t.Fatalf("%d refusals, the first %+v, want %d, the first proved", n, f.engine.refused[0], 1+requests)
	}
	for _, note := range f.engine.refused[1:] {
		if !note.Claimed {
			t.Fatalf("%+v: nothing proves who that was", note)
		}
	}
}

// TestInstantsInAnyOrder: questions that were put before the others of their second, and a clock
// that is set back, open no limit and forget nothing.
func TestInstantsInAnyOrder(t *testing.T) {
	k := newKnown(3, 10)
	at := k.began.Add(time.Hour)
	reached := 0
	for i := range 1000 {
		now := at.Add(-time.Duration(i%2) * 2 * time.Second)
		if asked, _ := k.ask("P1", "bank", now); asked != nil {
			reached++
			asked.tell(&payment.Payment{Status: payment.StatusApproved}, now)
		}
	}
	if reached != 3 {
		t.Errorf("%d questions about one payment reached the engine, want 3", reached)
	}
	for i := range 1000 {
		if asked, _ := k.ask(fmt.Sprint("Q", i), "bank", at.Add(-time.Duration(i%2)*2*time.Second)); asked != nil {
			reached++
		}
	}
	if reached != 11 { // Its burst.
		t.Errorf("%d questions of one institution reached the engine, want 11", reached)
	}
	if _, p := k.ask("P1", "bank", at); p == nil {
		t.Error("what was known is forgotten")
	}
}

// TestKnownKeepsLittle: what nobody asks about is forgotten after a second, a stream of ids that
// never come again fills no more than it may, and whoever has no budget fills nothing.
func TestKnownKeepsLittle(t *testing.T) {
	k := newKnown(3, 1e9)
	now := k.began
	kept := func() (n int) {
		for i := range k.shards {
			n += len(k.shards[i].now) + len(k.shards[i].old)
		}
		return n
	}
	ask := func(n int, institution string) {
		for i := range n {
			k.ask(fmt.Sprint("Q", i), institution, now)
		}
	}
	for range 2 {
		if ask(1000, "bank"); kept() != 1000 {
			t.Errorf("%d payments are kept, want 1000", kept())
		}
		now = now.Add(3 * time.Second)
	}
	spend(k, "flood")
	if ask(100_000, "flood"); kept() > 1000 {
		t.Errorf("%d payments are kept of an institution without a budget", kept())
	}
	for range 3 {
		if ask(2*knownShards*knownMax, "bank"); kept() > 2*knownShards*knownMax {
			t.Errorf("%d payments are kept", kept())
		}
		now = now.Add(time.Second)
	}
}

// TestPeoplesQuestionsHaveLimitsOfTheirOwn: whom people ask about cannot use up what they may
// ask.
func TestPeoplesQuestionsHaveLimitsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := DefaultLimits()
		limits.QueriesPerPayment, limits.QueriesPerSecond = 3, 4
		g := &Gateway{options: Options{Limits: limits}, known: newKnown(limits.QueriesPerPayment, limits.QueriesPerSecond),
			people: newKnown(limits.QueriesPerPayment, limits.QueriesPerSecond)}
		f := func(id payment.ID, institution string, want bool) {
			t.Helper()
			if got := g.MayAsk(institution, id); got != want {
				t.Errorf("%s about %s: %t, want %t", institution, id, got, want)
			}
		}
		for range 100 {
			g.known.ask("P1", "bank", time.Now())
		}
		f("P1", "bank", true)
		f("P1", "bank", true)
		f("P1", "bank", true)
		f("P1", "bank", false) // Of the payment: three in a second.
		f("P2", "bank", true)
		f("P3", "bank", true)
		f("P5", "bank", false) // Of the institution: five at once, four a second.
		f("P5", "wallet", true)
		time.Sleep(time.Second)
		f("P1", "bank", true)
	})
}
