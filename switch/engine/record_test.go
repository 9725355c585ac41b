package engine

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// drawLife makes any payment at work.
func drawLife(t *rapid.T) *life {
	text := rapid.StringN(0, 20, 60)
	l := &life{Payment: &payment.Payment{
		ID: payment.ID(rapid.StringN(1, 40, 40).Draw(t, "id")), Kind: payment.Kind(rapid.IntRange(0, 4).Draw(t, "kind")),
		Reason:   payment.Reason(rapid.IntRange(0, len(payment.Reasons(payment.Chargeback))).Draw(t, "reason")),
		Original: payment.ID(text.Draw(t, "original")), Institution: text.Draw(t, "institution"),
		RequestID: text.Draw(t, "request"), Requested: time.Unix(0, rapid.Int64().Draw(t, "requested")).UTC(),
		Accepted: time.Unix(0, rapid.Int64().Draw(t, "accepted")).UTC(),
		Amount:   payment.Fen(rapid.Int64().Draw(t, "amount")), Currency: text.Draw(t, "currency"),
		CodeMask: text.Draw(t, "mask"), Scheme: text.Draw(t, "scheme"), Merchant: text.Draw(t, "merchant"),
		Rule: text.Draw(t, "rule"), TableVersion: text.Draw(t, "table"), Shape: text.Draw(t, "shape"), Status: payment.StatusPending,
	}}
	copy(l.Digest[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "digest"))
	l.phase = phase(rapid.IntRange(0, 5).Draw(t, "phase"))
	n := rapid.IntRange(0, payment.LegsMax).Draw(t, "legs")
	l.Legs = make([]payment.Leg, n)
	for i := range l.Legs {
		l.Legs[i] = payment.Leg{Kind: payment.Debit, Institution: text.Draw(t, "leg"), Original: text.Draw(t, "of"),
			Amount: payment.Fen(rapid.Int64().Draw(t, "leg amount")), Outcome: payment.Approved, Remote: text.Draw(t, "remote"),
			Cancelled: rapid.Bool().Draw(t, "cancelled"), Failure: payment.CodeUsed}
	}
	if n > 0 {
		l.leg = rapid.IntRange(0, n-1).Draw(t, "at")
	}
	return l
}

// What is written of a payment is what is read of it, from records and from snapshots.
func TestPaymentsComeBackFromRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawLife(t)
		body := appendRecord(nil, &action{record: recordIntent, life: want})
		r := reader{body: body, version: intentVersion}
		got := newLife()
		got.ID = payment.ID(r.string())
		if err := fold(got, recordIntent, &r); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Payment, want.Payment) || got.phase != want.phase || got.leg != want.leg {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		want.positions = []journal.Position{{Sequence: 5, Offset: 2}, {Sequence: 1 << 40, Offset: 499}}
		c := newCore(DefaultLimits(), nil, emptyBook())
		c.lives[want.ID] = want
		other := newCore(DefaultLimits(), nil, emptyBook())
		if err := other.restore(c.save()); err != nil {
			t.Fatal(err)
		}
		back := other.lives[want.ID]
		if back == nil || !reflect.DeepEqual(back.Payment, want.Payment) || !reflect.DeepEqual(back.positions, want.positions) {
			t.Fatalf("from a snapshot: %+v, want %+v", back, want)
		}
	})
}

// FuzzRecord never panics on a body, and refuses with errRecord.
func FuzzRecord(f *testing.F) {
	l := &life{Payment: &payment.Payment{ID: "P1", Legs: []payment.Leg{{Kind: payment.Debit, Institution: "bank"}}}}
	for kind := recordIntent; kind <= recordRefunded; kind++ {
		f.Add(uint8(kind), appendRecord(nil, &action{record: kind, life: l, note: &event{op: &payment.Operation{}, answer: &payment.Answer{}}, postings: []payment.Posting{{Account: "a", Amount: 1}}}))
	}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		_, err := checkRecord(&journal.Record{Kind: kind, Version: recordKind(kind).version(), Body: body})
		if err != nil && !errors.Is(err, errRecord) {
			t.Errorf("refused with %v", err)
		}
	})
}

// One payment's whole way through the core allocates what it leaves behind, and little else.
func TestStepAllocations(t *testing.T) {
	c := newCore(DefaultLimits(), map[string]Plan{"": DefaultPlan()}, emptyBook())
	now := time.Now()
	accept, answer := &event{kind: eventAccept}, &event{kind: eventAnswer}
	body := make([]byte, 0, 4096)
	n := testing.AllocsPerRun(500, func() {
		accept.id = "P000001J0000000000000000000TEST"
		accept.request = &Request{Payment: payment.Payment{Institution: "shop", RequestID: "r", Amount: 1,
			Legs: []payment.Leg{{Kind: payment.Debit, Institution: "bank", Amount: 1}}}}
		for _, a := range c.step(now, accept) {
			if a.kind == actionSend {
				answer.op = a.op
			}
			if a.kind == actionRecord {
				body = appendRecord(body[:0], &a)
			}
		}
		answer.answer = &payment.Answer{Outcome: payment.Approved}
		c.step(now, answer)
	})
	if len(c.lives) != 0 {
		t.Fatalf("%d payments are still at work", len(c.lives))
	}
	if n > 9 {
		t.Errorf("%v allocations a payment, want 9 or fewer", n)
	}
}

func emptyBook() *ledger.Book { return ledger.New(ledger.DefaultLimits(), nil) }
