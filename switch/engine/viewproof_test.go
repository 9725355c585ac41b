package engine

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tongma/switch/payment"
)

// TestAuditHoldsTheViewAgainstTheLog makes a journal with every kind of entry in its view,
// then takes away, alters and adds entries: the audit finds each.
func TestAuditHoldsTheViewAgainstTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, _ := start(t, log, approve)
		submit := func(r *Request) payment.Payment {
			p, err := e.Submit(r)
			if err != nil || p.Status != payment.StatusApproved {
				t.Fatalf("%s, %v", p.Status, err)
			}
			return p
		}
		back := func(kind payment.Kind, original payment.ID, id string, amount payment.Fen) *Request {
			return &Request{Payment: payment.Payment{Kind: kind, Original: original, Institution: "shop", RequestID: id, Amount: amount}}
		}
		refunded, cancelled := submit(debit("r1", 100)), submit(debit("r2", 200))
		submit(back(payment.Refund, refunded.ID, "r3", 30))
		submit(back(payment.Refund, refunded.ID, "r4", 40))
		submit(back(payment.Cancel, cancelled.ID, "r5", 0))
		for i := range 40 { // A whole span of blocks.
			submit(debit(fmt.Sprint("s", i), 10))
		}
		for _, n := range []*Entry{chargeback(e, refunded.ID, 30), chargeback(e, submit(debit("r6", 10)).ID, 10)} {
			if _, err := e.Post(n, entryAct(n)); err != nil {
				t.Fatal(err)
			}
		}
		e.Late(&payment.Operation{Kind: payment.Debit, Payment: cancelled.ID}, payment.Answer{})
		for _, state := range []string{"one", "two"} {
			if err := e.Act(&Act{Time: time.Now(), Who: "li", What: "table.draft", Key: "tables", State: []byte(state)}); err != nil {
				t.Fatal(err)
			}
		}
		stop(t, e)
		audit := func() error {
			a := NewAudit()
			for _, b := range log.blocks {
				if err := a.Block(b); err != nil {
					t.Fatal(err)
				}
			}
			return a.View(log)
		}
		if err := audit(); err != nil {
			t.Errorf("the view as it was written: %v", err)
		}
		kinds := map[byte]bool{}
		for key, value := range log.values {
			kinds[key[0]] = true
			delete(log.values, key)
			if audit() == nil {
				t.Errorf("without %q: no fault", key)
			}
			log.values[key] = append(bytes.Clone(value), 1)
			if audit() == nil {
				t.Errorf("with %q altered: no fault", key)
			}
			log.values[key+"x"] = value
			delete(log.values, key)
			if audit() == nil {
				t.Errorf("with %q under another key: no fault", key)
			}
			delete(log.values, key+"x")
			log.values[key] = value
		}
		for _, kind := range []byte{keyPayment, keyRequest, keyRefunded, keyAct, keyState, keyNote, keyTrail, keySpans} {
			if !kinds[kind] {
				t.Errorf("no entry of kind %c: the test proves less than it says", kind)
			}
		}
	})
}
