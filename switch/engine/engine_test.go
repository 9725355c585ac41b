package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// start opens an engine over log whose institutions answer as answer says.
func start(t *testing.T, log *memory, answer func(*payment.Operation) (payment.Answer, time.Duration)) (*Engine, *echo) {
	t.Helper()
	sender := &echo{answer: answer}
	e, err := Open(Options{
		Limits: DefaultLimits(), Plans: map[string]Plan{"": DefaultPlan()},
		Log: log, View: log, Snapshots: log, Sender: sender, Logger: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	sender.engine = e
	e.Start()
	return e, sender
}

func stop(t *testing.T, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := e.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

func debit(requestID string, amount payment.Fen) *Request {
	return &Request{Code: "62", Payment: payment.Payment{
		Institution: "shop", RequestID: requestID, Amount: amount, Currency: "156", Requested: time.Now(),
		Legs: []payment.Leg{{Kind: payment.Debit, Institution: "bank", Amount: amount}},
	}}
}

func failureOf(err error) payment.Failure {
	var refusal *payment.Refusal
	if errors.As(err, &refusal) {
		return refusal.Failure
	}
	return payment.NoFailure
}

func TestManyAtOnceAreApprovedFoundAndNeverDoubled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, sender := start(t, log, approve)
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				p, err := e.Submit(debit(fmt.Sprint("r", i%250), 100))
				if err != nil || p.Status != payment.StatusApproved {
					t.Errorf("request %d: %s, %v", i, p.Status, err)
				}
				again, err := e.FindRequest("shop", fmt.Sprint("r", i%250))
				if err != nil || again.ID != p.ID || again.Status != payment.StatusApproved {
					t.Errorf("request %d: found %s %s, %v, want %s", i, again.ID, again.Status, err, p.ID)
				}
			})
		}
		wg.Wait()
		if n := sender.count(payment.Debit); n != 250 {
			t.Errorf("%d debits were sent, want one for each of 250 requests", n)
		}
		if kinds := log.kinds(); kinds[recordIntent] != 250 || kinds[recordOutcome] != 250 {
			t.Errorf("journal holds %v, want 250 intents and 250 outcomes", kinds)
		}
		stop(t, e)
	})
}

func TestSameRequestAfterARestartGetsTheSameAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, _ := start(t, log, approve)
		first, err := e.Submit(debit("r1", 100))
		if err != nil {
			t.Fatal(err)
		}
		stop(t, e)
		e, sender := start(t, log, approve)
		second, err := e.Submit(debit("r1", 100))
		if err != nil || second.ID != first.ID || second.Status != first.Status {
			t.Errorf("got %s %s, %v, want %s %s", second.ID, second.Status, err, first.ID, first.Status)
		}
		other := debit("r1", 100)
		other.Payment.Digest[0] = 1
		if _, err := e.Submit(other); failureOf(err) != payment.RequestConflict {
			t.Errorf("other content under the same id: %v, want %s", err, payment.RequestConflict)
		}
		if len(sender.sent) != 0 {
			t.Errorf("%d operations were sent, want none", len(sender.sent))
		}
		if found, err := e.Find(first.ID); err != nil || found.Amount != 100 || found.Legs[0].Outcome != payment.Approved {
			t.Errorf("found %+v, %v", found, err)
		}
		stop(t, e)
	})
}

func TestRefundAfterARestartCountsWhatWasRefundedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, _ := start(t, log, approve)
		p, _ := e.Submit(debit("r1", 100))
		refund := func(e *Engine, id string, amount payment.Fen) (payment.Payment, error) {
			return e.Submit(&Request{Payment: payment.Payment{Kind: payment.Refund, Original: p.ID,
				Institution: "shop", RequestID: id, Amount: amount}})
		}
		if r, err := refund(e, "f1", 60); err != nil || r.Status != payment.StatusApproved {
			t.Fatalf("refund: %s, %v", r.Status, err)
		}
		stop(t, e)
		e, _ = start(t, log, approve)
		if _, err := refund(e, "f2", 41); failureOf(err) != payment.RefundExceeds {
			t.Errorf("41 of the remaining 40: %v, want %s", err, payment.RefundExceeds)
		}
		if r, err := refund(e, "f3", 40); err != nil || r.Status != payment.StatusApproved {
			t.Errorf("the rest: %s, %v", r.Status, err)
		}
		if found, err := e.Find(p.ID); err != nil || found.Refunded != 100 {
			t.Errorf("found %d refunded, %v, want 100", found.Refunded, err)
		}
		stop(t, e)
	})
}

func TestLostAnswerIsToldAsUnknownThenResolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		born := time.Now()
		e, sender := start(t, log, func(op *payment.Operation) (payment.Answer, time.Duration) {
			if op.Kind == payment.Query && time.Since(born) > 12*time.Second {
				return payment.Answer{Outcome: payment.Approved}, time.Millisecond
			}
			return payment.Answer{Failure: payment.AnswerMissing}, 3 * time.Second
		})
		p, err := e.Submit(debit("r1", 100))
		if err != nil || p.Status != payment.StatusUnknown {
			t.Fatalf("answered %s, %v, want unknown", p.Status, err)
		}
		if waited := time.Since(born); waited < 8*time.Second || waited > 9*time.Second {
			t.Errorf("the caller waited %s, want the answer deadline of 8s", waited)
		}
		time.Sleep(20 * time.Second)
		if found, err := e.Find(p.ID); err != nil || found.Status != payment.StatusApproved {
			t.Errorf("found %s, %v, want approved", found.Status, err)
		}
		if n := sender.count(payment.Debit); n != 1 {
			t.Errorf("%d debits were sent, want 1", n)
		}
		stop(t, e)
	})
}

func TestStopDrainsAndLeavesTheRestForTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, _ := start(t, log, func(op *payment.Operation) (payment.Answer, time.Duration) {
			if strings.HasPrefix(op.Caller, "slow") {
				return payment.Answer{Failure: payment.AnswerMissing}, 4 * time.Second
			}
			return payment.Answer{Outcome: payment.Approved}, 500 * time.Millisecond
		})
		statuses := make(chan payment.Status, 2)
		submit := func(institution string) {
			r := debit("r1", 100)
			r.Payment.Institution = institution
			p, err := e.Submit(r)
			if err != nil {
				t.Errorf("%s: %v", institution, err)
			}
			statuses <- p.Status
		}
		go submit("shop")
		time.Sleep(100 * time.Millisecond)
		go submit("slowshop")
		time.Sleep(100 * time.Millisecond)
		stop(t, e)
		if got := <-statuses; got != payment.StatusApproved {
			t.Errorf("what could be answered was answered %s, want approved", got)
		}
		if got := <-statuses; got != payment.StatusUnknown {
			t.Errorf("the rest was answered %s, want unknown", got)
		}
		if _, err := e.Submit(debit("r2", 1)); failureOf(err) != payment.ShuttingDown {
			t.Errorf("after the stop: %v, want %s", err, payment.ShuttingDown)
		}
		e, _ = start(t, log, approve)
		time.Sleep(5 * time.Second)
		if p, err := e.FindRequest("slowshop", "r1"); err != nil || p.Status != payment.StatusApproved {
			t.Errorf("after the next start: %s, %v, want approved", p.Status, err)
		}
		stop(t, e)
	})
}

func TestFailedAppendStopsTheShardAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		log.failAt = 3
		e, sender := start(t, log, approve)
		if _, err := e.Submit(debit("r1", 100)); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Submit(debit("r2", 100)); failureOf(err) != payment.JournalFailed {
			t.Errorf("the payment whose block failed: %v, want %s", err, payment.JournalFailed)
		}
		if n := sender.count(payment.Debit); n != 1 {
			t.Errorf("%d debits were sent, want only the one whose intent is durable", n)
		}
		if _, err := e.Submit(debit("r3", 100)); failureOf(err) != payment.JournalUnavailable {
			t.Errorf("after the failure: %v, want %s", err, payment.JournalUnavailable)
		}
		if e.Ready() == nil {
			t.Error("the engine says that it is ready")
		}
		log.failAt = 0
		e, _ = start(t, log, approve)
		if p, err := e.FindRequest("shop", "r1"); err != nil || p.Status != payment.StatusApproved {
			t.Errorf("the payment before: %s, %v, want approved", p.Status, err)
		}
		stop(t, e)
	})
}

// A payment whose money moved before the journal failed is not refused as if it had not:
// the code says that the outcome is not known, and the same request tells it later.
func TestJournalThatFailsUnderAPaymentIsNoRefusal(t *testing.T) {
	for failAt, what := range map[uint64]string{2: "its outcome", 3: "a later block while it waits"} {
		synctest.Test(t, func(t *testing.T) {
			log := newMemory()
			log.failAt = failAt
			e, sender := start(t, log, func(*payment.Operation) (payment.Answer, time.Duration) {
				return payment.Answer{Outcome: payment.Approved}, 20 * time.Millisecond
			})
			told := make(chan error, 1)
			go func() {
				_, err := e.Submit(debit("r1", 100))
				told <- err
			}()
			for range failAt - 2 {
				for range 2 { // Each a block of its own, before the answer comes.
					time.Sleep(3 * time.Millisecond)
					e.Refused(Refused{Path: "/"})
				}
			}
			if err := <-told; failureOf(err) != payment.JournalFailed {
				t.Errorf("%s: told %v, want %s", what, err, payment.JournalFailed)
			}
			if n := sender.count(payment.Debit); n != 1 {
				t.Errorf("%s: %d debits were sent, want 1", what, n)
			}
			if _, err := e.FindRequest("shop", "r1"); failureOf(err) != payment.JournalUnavailable {
				t.Errorf("%s: found %v, want %s", what, err, payment.JournalUnavailable)
			}
			log.failAt = 0
			e, _ = start(t, log, approve)
			time.Sleep(5 * time.Second)
			if p, err := e.Submit(debit("r1", 100)); err != nil || p.Status != payment.StatusApproved {
				t.Errorf("%s: the same request after the next start: %s, %v, want approved", what, p.Status, err)
			}
			stop(t, e)
		})
	}
}

// A question waits for the block that its answer rests on, and for no other.
func TestQuestionsWaitForTheirOwnBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, _ := start(t, log, func(*payment.Operation) (payment.Answer, time.Duration) {
			return payment.Answer{Outcome: payment.Approved}, time.Second
		})
		first, err := e.Submit(debit("r1", 100))
		turned, fault := e.Submit(debit("r0", 100))
		if err = errors.Join(err, fault); err != nil {
			t.Fatal(err)
		}
		var answered sync.Map
		var wg sync.WaitGroup
		ask := func(name string, find func() (payment.Payment, error), want payment.Status) {
			wg.Go(func() {
				p, err := find()
				answered.Store(name, true)
				if err != nil || p.Status != want {
					t.Errorf("%s: %s, %v, want %s", name, p.Status, err, want)
				}
			})
		}
		request := func(id string) func() (payment.Payment, error) {
			return func() (payment.Payment, error) { return e.FindRequest("shop", id) }
		}
		ask("r2", func() (payment.Payment, error) { return e.Submit(debit("r2", 100)) }, payment.StatusApproved)
		ask("refund", func() (payment.Payment, error) {
			return e.Submit(&Request{Payment: payment.Payment{Kind: payment.Refund, Original: turned.ID, Institution: "shop", RequestID: "r3", Amount: 60}})
		}, payment.StatusApproved)
		time.Sleep(500 * time.Millisecond) // Their intents are durable, their answers on the way.
		log.mu.Lock()
		log.latency = time.Minute
		log.mu.Unlock()
		time.Sleep(time.Second) // Their outcomes are in the journal and not durable.
		ask("ended before, by id", func() (payment.Payment, error) { return e.Find(first.ID) }, payment.StatusApproved)
		ask("ended before, by request", request("r1"), payment.StatusApproved)
		ask("just ended", request("r2"), payment.StatusApproved)
		ask("just refunded", func() (payment.Payment, error) {
			p, err := e.Find(turned.ID)
			if p.Refunded != 60 {
				t.Errorf("after the refund's block %d fen are refunded, want 60", p.Refunded)
			}
			return p, err
		}, payment.StatusApproved)
		synctest.Wait()
		for name, want := range map[string]bool{"ended before, by id": true, "ended before, by request": true,
			"just ended": false, "just refunded": false, "r2": false, "refund": false} {
			if _, got := answered.Load(name); got != want {
				t.Errorf("%s: answered %t while no block became durable, want %t", name, got, want)
			}
		}
		wg.Wait()
		if n := len(e.writer.fresh.list); n > 3 {
			t.Errorf("%d payments are still kept as just ended", n)
		}
		stop(t, e)
	})
}

func TestFullDiskRefusesBeforeIntent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, _ := start(t, log, approve)
		log.full = fmt.Errorf("journal: %w: 999 bytes free", journal.ErrDiskFull)
		if _, err := e.Submit(debit("r1", 100)); failureOf(err) != payment.JournalUnavailable {
			t.Errorf("got %v, want %s", err, payment.JournalUnavailable)
		}
		var refusal *payment.Refusal
		if !errors.As(e.Ready(), &refusal) || refusal.Detail != "disk_full" {
			t.Errorf("ready says %v, want that the disk is full", e.Ready())
		}
		if n := log.kinds()[recordIntent]; n != 0 {
			t.Errorf("%d intents were written", n)
		}
		log.full = nil
		if _, err := e.Submit(debit("r1", 100)); err != nil {
			t.Errorf("with room again: %v", err)
		}
		stop(t, e)
	})
}

// slowSaves takes its time to save a snapshot.
type slowSaves struct {
	*memory
	begun, done atomic.Int32
}

// Save is Snapshots'.
func (s *slowSaves) Save(sequence uint64, state []byte) error {
	s.begun.Add(1)
	time.Sleep(time.Minute)
	s.done.Add(1)
	return s.memory.Save(sequence, state)
}

// A request that was refused may come again, and nobody else is answered with it.
func TestRefusedRequestComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := start(t, newMemory(), approve)
		paid, err := e.Submit(debit("r1", 100))
		if err != nil {
			t.Fatal(err)
		}
		refund := &Request{Payment: payment.Payment{Kind: payment.Refund, Original: paid.ID, Institution: "shop", RequestID: "r2", Amount: 101}}
		for range 3 {
			if _, err := e.Submit(refund); failureOf(err) != payment.RefundExceeds {
				t.Errorf("101 of 100 fen: %v, want %s", err, payment.RefundExceeds)
			}
		}
		refund.Payment.Amount = 60
		if p, err := e.Submit(refund); err != nil || p.RequestID != "r2" || p.Status != payment.StatusApproved {
			t.Errorf("refund: %+v, %v", p, err)
		}
		if p, err := e.Submit(debit("r3", 1)); err != nil || p.RequestID != "r3" {
			t.Errorf("the next request: %+v, %v", p, err)
		}
		if _, err := e.Find(""); failureOf(err) != payment.PaymentNotFound {
			t.Errorf("the payment of no id: %v, want %s", err, payment.PaymentNotFound)
		}
		stop(t, e)
		if _, err := e.Find(paid.ID); failureOf(err) != payment.JournalUnavailable {
			t.Errorf("after the stop: %v, want %s", err, payment.JournalUnavailable)
		}
	})
}

// Whoever does not wait is told exactly once what Submit would return: the end, the same for the
// same request, that the outcome is not known, and that nothing is taken any more.
func TestBeginTellsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := start(t, newMemory(), func(op *payment.Operation) (payment.Answer, time.Duration) {
			if op.Amount == 13 {
				return payment.Answer{}, time.Hour // Nothing is heard of it.
			}
			return approve(op)
		})
		told := map[string][]string{}
		var mu sync.Mutex
		begin := func(id string, amount payment.Fen) {
			e.Begin(debit(id, amount), func(p *payment.Payment, err error) {
				said := failureOf(err).String()
				if err == nil {
					said = p.RequestID + " " + p.Status.String()
				}
				mu.Lock()
				told[id] = append(told[id], said)
				mu.Unlock()
			})
		}
		for i := range 300 {
			begin(fmt.Sprint("r", i), 100)
		}
		begin("r0", 100)
		begin("lost", 13)
		time.Sleep(DefaultLimits().AnswerMax - time.Second)
		mu.Lock()
		if n := len(told["lost"]); n != 0 {
			t.Errorf("the lost one was told of %d times before the answer deadline", n)
		}
		mu.Unlock()
		time.Sleep(2 * time.Second)
		stop(t, e)
		begin("late", 100)
		for id, want := range map[string][]string{"r0": {"r0 approved", "r0 approved"}, "r299": {"r299 approved"},
			"lost": {"lost unknown"}, "late": {"shutting_down"}} {
			if !slices.Equal(told[id], want) {
				t.Errorf("%s: told %q, want %q", id, told[id], want)
			}
		}
		if len(told) != 302 {
			t.Errorf("%d requests were told of, want 302", len(told))
		}
	})
}

// The journal may be closed when Stop returns: no snapshot is being written any more.
func TestStopWaitsForTheSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &slowSaves{memory: newMemory()}
		options := DefaultLimits()
		options.SnapshotBlocks = 1
		sender := &echo{answer: approve}
		e, err := Open(Options{Limits: options, Plans: map[string]Plan{"": DefaultPlan()},
			Log: log, View: log, Snapshots: log, Sender: sender, Logger: zap.NewNop()})
		if err != nil {
			t.Fatal(err)
		}
		sender.engine = e
		e.Start()
		if _, err := e.Submit(debit("r1", 1)); err != nil {
			t.Fatal(err)
		}
		stop(t, e)
		if begun, done := log.begun.Load(), log.done.Load(); begun == 0 || begun != done {
			t.Errorf("of %d snapshots %d were written when Stop returned", begun, done)
		}
	})
}

func TestSnapshotBoundsTheReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		options := DefaultLimits()
		options.SnapshotBlocks = 10
		sender := &echo{answer: approve}
		open := func() *Engine {
			e, err := Open(Options{Limits: options, Plans: map[string]Plan{"": DefaultPlan()},
				Log: log, View: log, Snapshots: log, Sender: sender, Logger: zap.NewNop()})
			if err != nil {
				t.Fatal(err)
			}
			sender.engine = e
			e.Start()
			return e
		}
		e := open()
		for i := range 100 {
			if _, err := e.Submit(debit(fmt.Sprint(i), 1)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		stop(t, e)
		at, _, _ := log.Newest()
		if at < 180 {
			t.Fatalf("newest snapshot is of block %d of %d, want one of the last twenty", at, len(log.blocks))
		}
		// A replay that reads these is not bounded: it would find nothing. The history of accounts
		// reads the span again that the newest blocks began.
		for _, b := range log.blocks[:at/ledger.SpanBlocks*ledger.SpanBlocks] {
			b.Records = nil
		}
		e = open()
		if e.writer.snapshotAt != at {
			t.Errorf("replay began after block %d, want %d", e.writer.snapshotAt, at)
		}
		stop(t, e)
	})
}

func TestRefusalsAreRecordedUpToALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, _ := start(t, log, approve)
		for range 1000 {
			e.Refused(Refused{Institution: "shop", Failure: payment.SignatureInvalid, Time: time.Now()})
		}
		time.Sleep(2 * time.Second)
		if n := log.kinds()[recordRefused]; n != DefaultLimits().RefusalsPerSecond {
			t.Errorf("%d refusals of one second were recorded, want %d", n, DefaultLimits().RefusalsPerSecond)
		}
		for i := range 1000 {
			e.Refused(Refused{Institution: "forged", Claimed: i < 900, Failure: payment.SignatureInvalid, Time: time.Now()})
		}
		time.Sleep(2 * time.Second)
		if n, want := log.kinds()[recordRefused]-DefaultLimits().RefusalsPerSecond, DefaultLimits().RefusalsPerSecond; n != want {
			t.Errorf("%d refusals were recorded, want %d: a half of them proved", n, want)
		}
		stop(t, e)
	})
}

func TestValidateReportsEveryFault(t *testing.T) {
	err := (&Options{Limits: Limits{BlocksInFlight: 9}}).Validate()
	for _, want := range []string{"InFlightMax", "AnswerMax", "BlocksInFlight is above 4", "Plans has no plan", "Sender"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("fault %q is missing in: %v", want, err)
		}
	}
}
