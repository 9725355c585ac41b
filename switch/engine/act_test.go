package engine

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// An act and the state that it leaves are there together after a restart, in order, and
// an act that changed nothing leaves the state alone.
func TestActsAreKeptWithTheirState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		approve := func(*payment.Operation) (payment.Answer, time.Duration) {
			return payment.Answer{Outcome: payment.Approved}, time.Millisecond
		}
		e, _ := start(t, log, approve)
		now := time.Now().UTC()
		acts := []Act{
			{Time: now, Who: "li", What: "table.draft", Subject: "d1", Key: "tables", State: []byte("one")},
			{Time: now, Who: "li", What: "table.approve", Subject: "d1", Refused: "same_person", State: []byte{}},
			{Time: now, Who: "wang", What: "table.approve", Subject: "d1", Detail: "x", Key: "tables", State: []byte("two")},
			{Time: now, Who: "wang", What: "limit.approve", State: []byte{}, Postings: []payment.Posting{
				{Account: "deposit/commercial/bank", Amount: 70, Currency: "156"}, {Account: "reserve/commercial/switch", Amount: -70, Currency: "156"}},
				Caps: []CapChange{{Side: ledger.Side{Institution: "bank"}, Cap: 30}}},
		}
		for i := range acts {
			if err := e.Act(&acts[i]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := e.Submit(debit("r1", 100)); err != nil {
			t.Fatal(err)
		}
		for _, refused := range [][]payment.Posting{
			{{Account: "deposit/commercial/bank", Amount: 1, Currency: "156"}},                                                                      // Not even.
			{{Account: "deposit/commercial/bank", Amount: -1, Currency: "156"}, {Account: "reserve/commercial/switch", Amount: 1, Currency: "156"}}, // Needed.
		} {
			if err := e.Act(&Act{Time: now, Who: "wang", What: "limit.approve", Postings: refused}); err == nil {
				t.Errorf("an act that posts %v was written", refused)
			}
		}
		stop(t, e)
		e, _ = start(t, log, approve)
		var got []Act
		if err := e.Acts(func(a Act) error { got = append(got, a); return nil }); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, acts) {
			t.Errorf("got %+v, want %+v", got, acts)
		}
		stood, err := e.Standings()
		if want := (ledger.Standing{Position: -100, Deposit: 70, Cap: 30, Limited: true}); err != nil || len(stood) == 0 || stood[0].Standing != want {
			t.Errorf("stood %+v, %v, want %+v", stood, err, want)
		}
		if state, err := e.State("tables"); err != nil || string(state) != "two" {
			t.Errorf("state %q, %v, want two", state, err)
		}
		if state, err := e.State("windows"); err != nil || state != nil {
			t.Errorf("state %q, %v, want none", state, err)
		}
		stop(t, e)
		if err := e.Act(&acts[0]); failureOf(err) != payment.ShuttingDown {
			t.Errorf("after the stop: %v, want shutting_down", err)
		}
	})
}

// An act larger than a block may be is refused and changes nothing; large ones that come
// together do not make one block. Neither stops the shard.
func TestLargeActsDoNotStopTheShard(t *testing.T) {
	options := journal.DefaultOptions()
	options.Directory = t.TempDir()
	store, err := journal.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(Options{Limits: DefaultLimits(), Plans: map[string]Plan{"": DefaultPlan()},
		Log: store, View: store, Snapshots: store, Sender: &echo{}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	large := func(key string, size int) error {
		return e.Act(&Act{Time: time.Now(), Who: "li", What: "window.seal", Key: key, State: make([]byte, size)})
	}
	var wg sync.WaitGroup
	for i := range 4 { // They wait for the writer, which starts after them.
		wg.Go(func() {
			if err := large(fmt.Sprint("seal/", i), 6<<20); err != nil {
				t.Errorf("an act of 6 MiB: %v", err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	e.Start()
	wg.Wait()
	if err := large("seal/more", 17<<20); failureOf(err) != payment.BodyTooLarge {
		t.Errorf("an act of 17 MiB: %v", err)
	}
	if state, err := e.State("seal/more"); err != nil || state != nil {
		t.Errorf("it left %d bytes, %v", len(state), err)
	}
	if err := large("seal/less", 1); err != nil {
		t.Errorf("an act after it: %v", err)
	}
	if err := errors.Join(e.Stop(t.Context()), store.Close()); err != nil {
		t.Error(err)
	}
}

// Intents of the versions before, which kept no reason, and no shape of the code, are still
// read, and so are the sums of refunds from before there were chargebacks.
func TestRecordsOfTheVersionsBeforeAreRead(t *testing.T) {
	l := &life{Payment: &payment.Payment{ID: "P1", RequestID: "r1", TableVersion: "t@d",
		Legs: []payment.Leg{{Kind: payment.Debit, Institution: "bank", Amount: 5}}}}
	body := appendRecord(nil, &action{record: recordIntent, life: l})
	tail := appendLegs([]byte{byte(l.phase)}, l)
	at := len(appendString(nil, "P1")) + 3
	noReason := slices.Delete(slices.Clone(body), at, at+1)
	noShape := append(slices.Clone(noReason[:len(noReason)-len(tail)-1]), tail...) // Without the empty one.
	block := &journal.Block{Records: []journal.Record{
		{Kind: uint8(recordIntent), Version: recordVersion, Body: noShape},
		{Kind: uint8(recordIntent), Version: shapeVersion, Body: noReason},
		{Kind: uint8(recordIntent), Version: intentVersion, Body: body},
		{Kind: uint8(recordRefunded), Version: recordVersion, Body: appendVarint(appendString(nil, "P1"), 7)},
	}}
	if err := CheckBlock(block); err != nil {
		t.Fatal(err)
	}
	count := 0
	err := Intents(block, func(p *payment.Payment) error {
		count++
		if p.RequestID != "r1" || len(p.Legs) != 1 || p.Legs[0].Institution != "bank" {
			t.Errorf("read %+v", p)
		}
		return nil
	})
	if err != nil || count != 3 {
		t.Errorf("%d intents, %v, want 3", count, err)
	}
	block.Records[0].Version = intentVersion + 1
	if CheckBlock(block) == nil {
		t.Error("a version of the future was read")
	}
}
