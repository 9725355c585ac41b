package institutions

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"tongma/institutions/driver"
	"tongma/institutions/paper"
	"tongma/institutions/seal"
	"tongma/switch/payment"
)

// rig is one paper institution on a real port and a network that reaches it.
type rig struct {
	t       *testing.T
	server  *paper.Server
	network *Network
	mu      sync.Mutex
	answers map[string][]payment.Answer // By operation kind and reference.
	late    []payment.Answer
	arrived chan struct{}
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	key := func() *seal.Key { return seal.NewKey("k1", []byte("0123456789abcdef")) }
	r := &rig{t: t, answers: map[string][]payment.Answer{}, arrived: make(chan struct{}, 100_000)}
	r.server = paper.NewServer("bank", seal.NewRing(map[string][]*seal.Key{"tongma": {key()}}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = r.server.Serve(listener) }()
	config := DefaultConfig()
	config.ID, config.Address = "bank", "http://"+listener.Addr().String()
	config.Deadline, config.QueryDeadline = 300*time.Millisecond, 300*time.Millisecond
	config.DialTimeout, config.BreakerMin, config.Connections = 200*time.Millisecond, 1_000_000, 2
	if change != nil {
		change(&config)
	}
	r.network, err = NewNetwork([]Config{config}, "tongma", seal.NewRing(map[string][]*seal.Key{"bank": {key()}}), zap.NewNop(), Hooks{
		Deliver: func(op *payment.Operation, a payment.Answer) { r.keep(op, a, false) },
		Late:    func(op *payment.Operation, a payment.Answer) { r.keep(op, a, true) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.network.Close()
		if err := r.server.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) keep(op *payment.Operation, a payment.Answer, late bool) {
	r.mu.Lock()
	if late {
		r.late = append(r.late, a)
	} else {
		name := op.Kind.String() + " " + op.Reference
		r.answers[name] = append(r.answers[name], a)
	}
	r.mu.Unlock()
	r.arrived <- struct{}{}
}

func (r *rig) fault(text string) {
	r.t.Helper()
	f, err := paper.ParseFault(text)
	if err != nil {
		r.t.Fatal(err)
	}
	r.server.SetFaults([]paper.Fault{f})
}

func operation(kind payment.OperationKind, reference string) *payment.Operation {
	return &payment.Operation{Kind: kind, Institution: "bank", Caller: "shop", Reference: reference,
		Amount: 100, Currency: "156", Code: "6212345678901234567", Merchant: "M1", Time: time.Now()}
}

// ask sends one operation and waits for its answer.
func (r *rig) ask(kind payment.OperationKind, reference string) payment.Answer {
	r.t.Helper()
	r.network.Send([]*payment.Operation{operation(kind, reference)})
	r.wait(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.answers[kind.String()+" "+reference]
	return list[len(list)-1]
}

func (r *rig) wait(n int) {
	r.t.Helper()
	for i := range n {
		select {
		case <-r.arrived:
		case <-time.After(10 * time.Second):
			r.t.Fatalf("%d of %d answers came", i, n)
		}
	}
}

func both(t *testing.T, run func(t *testing.T, pipeline func(*Config))) {
	for _, pipeline := range []bool{false, true} {
		t.Run(fmt.Sprintf("pipeline=%t", pipeline), func(t *testing.T) {
			run(t, func(c *Config) { c.Pipeline = pipeline })
		})
	}
}

// TestFaults holds each fault of an institution against what its answer must mean.
func TestFaults(t *testing.T) {
	both(t, func(t *testing.T, pipeline func(*Config)) {
		r := newRig(t, pipeline)
		n := 0
		f := func(fault string, want payment.Outcome, failure payment.Failure, moved int) {
			t.Helper()
			n++
			r.fault(fault)
			reference := fmt.Sprint("f", n)
			a := r.ask(payment.Debit, reference)
			if a.Outcome != want || a.Failure != failure {
				t.Errorf("%s: %s %s, want %s %s", fault, a.Outcome, a.Failure, want, failure)
			}
			leg, _ := r.server.Book.Leg(reference)
			if leg.Moved != moved {
				t.Errorf("%s: money moved %d times, want %d", fault, leg.Moved, moved)
			}
		}
		f("slow=1000:20ms", payment.Approved, payment.NoFailure, 1)
		f("duplicate=1000", payment.Approved, payment.NoFailure, 1)
		f("decline=1000", payment.Declined, payment.DeclinedByInstitution, 0)
		f("error=1000", payment.Unknown, payment.AnswerUnreadable, 1)
		f("refuse=1000", payment.Unknown, payment.AnswerUnreadable, 0)
		f("garbage=1000", payment.Unknown, payment.SignatureInvalid, 1)
		f("wrong_seal=1000", payment.Unknown, payment.SignatureInvalid, 1)
		f("wrong_amount=1000", payment.Unknown, payment.AnswerMismatch, 1)
		f("silent=1000", payment.Unknown, payment.AnswerMissing, 1)
		r.server.SetFaults(nil)
		for deadline := time.Now().Add(5 * time.Second); ; { // A stuck connection is given up after a while.
			if r.ask(payment.Debit, time.Now().Format("a.000000")).Outcome == payment.Approved {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("after a silence the link never works again")
			}
		}
	})
}

func TestAskingAboutALeg(t *testing.T) {
	r := newRig(t, nil)
	f := func(kind payment.OperationKind, reference string, want payment.Outcome, failure payment.Failure) {
		t.Helper()
		if a := r.ask(kind, reference); a.Outcome != want || a.Failure != failure {
			t.Errorf("%s %s: %s %s, want %s %s", kind, reference, a.Outcome, a.Failure, want, failure)
		}
	}
	f(payment.Query, "q1", payment.Unknown, payment.LegNotFound)
	f(payment.Debit, "q1", payment.Approved, payment.NoFailure)
	f(payment.Query, "q1", payment.Approved, payment.NoFailure)
	f(payment.CancelLeg, "q1", payment.Approved, payment.NoFailure)
	f(payment.Query, "q1", payment.Declined, payment.CancelledBySwitch)
	f(payment.CancelLeg, "q2", payment.Approved, payment.NoFailure) // Never seen: and never will be.
	f(payment.Debit, "q2", payment.Declined, payment.CancelledBySwitch)
	if leg, _ := r.server.Book.Leg("q2"); leg.Moved != 0 {
		t.Errorf("a cancelled reference moved money %d times", leg.Moved)
	}
	a := r.network.Resolve(context.Background(), operation(payment.Resolve, "x"))
	if a.Outcome != payment.Approved || a.Payee == "" || !a.Static {
		t.Errorf("resolution %+v", a)
	}
	r.fault("slow=1000:250ms:resolve")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	began := time.Now()
	if a := r.network.Resolve(ctx, operation(payment.Resolve, "x")); a.Outcome == payment.Approved || time.Since(began) > 200*time.Millisecond {
		t.Errorf("a resolution without time left: %s after %s", a.Outcome, time.Since(began))
	}
}

// TestQueriesAreRepeatedAndMoneyIsNot counts what arrives when the institution refuses.
func TestQueriesAreRepeatedAndMoneyIsNot(t *testing.T) {
	r := newRig(t, func(c *Config) { c.QueryDeadline = 3 * time.Second })
	r.fault("refuse=700::query,cancel") // Three tries in a row fail one time in three.
	ops := make([]*payment.Operation, 60)
	for i := range ops {
		ops[i] = operation(payment.Query, fmt.Sprint("m", i))
	}
	r.network.Send(ops)
	r.wait(len(ops))
	good := 0
	for _, list := range r.answers {
		if list[0].Failure == payment.LegNotFound {
			good++
		}
	}
	if good < 27 { // Without repeating it would be about 18 of 60, with it 39.
		t.Errorf("%d of 60 queries were answered", good)
	}
	defer func() {
		if recover() == nil {
			t.Error("a money operation was repeated")
		}
	}()
	_, _ = r.network.links["bank"].asker.exchange(context.Background(), operation(payment.Debit, "m"))
}

func TestNothingListens(t *testing.T) {
	both(t, func(t *testing.T, pipeline func(*Config)) {
		r := newRig(t, func(c *Config) { pipeline(c); c.Address = "http://127.0.0.1:1" })
		if a := r.ask(payment.Debit, "n1"); a.Outcome != payment.NotSent || a.Failure != payment.InstitutionUnavailable {
			t.Errorf("%s %s, want not_sent", a.Outcome, a.Failure)
		}
	})
}

func TestUnknownInstitutionIsNotSent(t *testing.T) {
	r := newRig(t, nil)
	op := operation(payment.Debit, "u1")
	op.Institution = "nobody"
	r.network.Send([]*payment.Operation{op, operation(payment.Debit, "u2")})
	r.wait(2)
	if a := r.answers["debit u1"][0]; a.Outcome != payment.NotSent {
		t.Errorf("%s, want not_sent", a.Outcome)
	}
	if a := r.answers["debit u2"][0]; a.Outcome != payment.Approved {
		t.Errorf("%s, want approved", a.Outcome)
	}
}

// TestManyTogether sends thousands at once: each is answered once, moves once, and what
// breaks in the middle is never taken for unsent.
func TestManyTogether(t *testing.T) {
	both(t, func(t *testing.T, pipeline func(*Config)) {
		r := newRig(t, func(c *Config) {
			pipeline(c)
			c.Deadline, c.DialTimeout = 5*time.Second, 5*time.Second
		})
		const batches, size = 40, 50
		for b := range batches {
			ops := make([]*payment.Operation, size)
			for i := range ops {
				ops[i] = operation(payment.Debit, fmt.Sprintf("%d-%d", b, i))
			}
			r.network.Send(ops)
		}
		r.wait(batches * size)
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.answers) != batches*size {
			t.Errorf("%d operations were answered, want %d", len(r.answers), batches*size)
		}
		for name, list := range r.answers {
			leg, _ := r.server.Book.Leg(strings.TrimPrefix(name, "debit "))
			if len(list) != 1 || list[0].Outcome != payment.Approved || leg.Moved != 1 {
				t.Errorf("%s: answers %v, moved %d times", name, list, leg.Moved)
			}
		}
	})
}

// TestLateAnswersAreReportedAsLate is the pipelined link's: the answer comes after the
// deadline, on a connection that is still good.
func TestLateAnswersAreReportedAsLate(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Pipeline = true })
	r.fault("late=1000:450ms:debit")
	if a := r.ask(payment.Debit, "l1"); a.Outcome != payment.Unknown || a.Failure != payment.AnswerMissing {
		t.Errorf("at the deadline: %s %s", a.Outcome, a.Failure)
	}
	r.wait(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.late) != 1 || r.late[0].Outcome != payment.Approved {
		t.Errorf("late answers %+v, want one approved", r.late)
	}
}

// TestCloseAnswersEverything closes the links while operations are on their way.
func TestCloseAnswersEverything(t *testing.T) {
	both(t, func(t *testing.T, pipeline func(*Config)) {
		for range 10 {
			r := newRig(t, pipeline)
			r.fault("slow=500:50ms")
			ops := make([]*payment.Operation, 40)
			for i := range ops {
				ops[i] = operation(payment.Debit, fmt.Sprint("c", i))
			}
			r.network.Send(ops)
			r.network.links["bank"].close()
			r.wait(len(ops))
			delete(r.network.links, "bank")
		}
	})
}

func TestInFlightLimit(t *testing.T) {
	r := newRig(t, func(c *Config) { c.InFlightMax = 3 })
	r.fault("slow=1000:100ms")
	ops := make([]*payment.Operation, 8)
	for i := range ops {
		ops[i] = operation(payment.Debit, fmt.Sprint("i", i))
	}
	r.network.Send(ops)
	r.wait(8)
	counts := map[payment.Failure]int{}
	for _, list := range r.answers {
		counts[list[0].Failure]++
	}
	if counts[payment.NoFailure] != 3 || counts[payment.InstitutionBusy] != 5 {
		t.Errorf("%v, want 3 approved and 5 institution_busy", counts)
	}
}

// TestBreaker opens after failures, refuses in microseconds, and closes again.
func TestBreaker(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.BreakerMin, c.BreakerOpen, c.BreakerTries = 10, time.Second, 2
	})
	r.fault("error=1000::debit")
	for i := range 10 {
		r.ask(payment.Debit, fmt.Sprint("b", i))
	}
	refused := operation(payment.Debit, "refused")
	perRefusal := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			r.network.Send([]*payment.Operation{refused})
			<-r.arrived
		}
	}).NsPerOp()
	if a := r.answers["debit refused"][0]; a.Outcome != payment.NotSent || a.Failure != payment.InstitutionUnavailable {
		t.Fatalf("an open breaker gives %s %s", a.Outcome, a.Failure)
	}
	t.Logf("an open breaker refuses in %d ns", perRefusal)
	if a := r.ask(payment.Query, "b1"); a.Outcome != payment.Approved {
		t.Errorf("the breaker of debits stops queries: %s", a.Outcome)
	}
	r.server.SetFaults(nil)
	time.Sleep(1200 * time.Millisecond)
	for i := range 4 {
		if a := r.ask(payment.Debit, fmt.Sprint("again", i)); a.Outcome != payment.Approved {
			t.Errorf("after its time the breaker gives %s %s", a.Outcome, a.Failure)
		}
	}
	if state := r.network.Health()[0].Breakers["debit"]; state != "closed" {
		t.Errorf("the breaker is %s", state)
	}
}

func TestTraceIsNeverTheSameTwice(t *testing.T) {
	var trace Trace
	var mu sync.Mutex
	seen := map[string]bool{}
	now := time.Date(2026, 1, 5, 15, 59, 59, 0, time.UTC) // One second before midnight in Shanghai.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				text := trace.Next(now)
				mu.Lock()
				if seen[text] || len(text) != 12 {
					t.Errorf("%q a second time, or not of 12 digits", text)
				}
				seen[text] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestConfigReportsEveryFault(t *testing.T) {
	c := Config{Dialect: "klingon"}
	err := c.Validate()
	for _, want := range []string{"id is empty", "address", "dialect", "connections", "deadline", "breaker_share"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

// Rendering and reading one operation allocates little: the numbers are the hot path's.
func TestHotPathAllocations(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Pipeline = true })
	link := r.network.links["bank"]
	op := operation(payment.Debit, "h1")
	var scratch driver.Request
	var signature [seal.Size]byte
	out, err := link.render(nil, op, &scratch, &signature)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(200, func() { out, _ = link.render(out[:0], op, &scratch, &signature) }); n > 1 {
		t.Errorf("rendering: %v allocations, want 1 or none", n)
	}
	body := []byte(`{"request_id":"h1","result":"approved","amount_fen":100,"currency":"156"}`)
	sealed := link.ring.Signing("bank", time.Now()).AppendAnswer(nil, 200, signature[:], body)
	if n := testing.AllocsPerRun(200, func() {
		a, err := link.read(op, &response{status: 200, body: body, seal: sealed, requestSeal: signature[:]})
		if err != nil || a.Outcome != payment.Approved {
			t.Fatal(a, err)
		}
	}); n > 1 {
		t.Errorf("reading: %v allocations, want 1 or none", n)
	}
}
