package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"tongma/switch/engine"
	"tongma/switch/payment"
	"tongma/switch/reconcile"
)

// bookOf is Repairs made of payments by id.
type bookOf map[payment.ID]payment.Payment

func (b bookOf) Find(id payment.ID) (payment.Payment, error) {
	p, ok := b[id]
	if !ok {
		return p, errors.New("unknown")
	}
	return p, nil
}
func (b bookOf) FindRequest(string, string) (payment.Payment, error) {
	return payment.Payment{}, errors.New("unknown")
}
func (b bookOf) Inquire(payment.ID, int, *engine.Act) (engine.Inquiry, error) {
	panic("nobody is asked")
}
func (b bookOf) Owe(payment.ID, *engine.Act) (payment.Payment, error) { panic("nothing is owed") }
func (b bookOf) MayAsk(string, payment.ID) bool                       { panic("nobody is asked") }

// TestAmend is the table of which money an adjustment would move: from whom to whom, and how
// much, so that our books come to what the other side's say.
func TestAmend(t *testing.T) {
	original := payment.MakeID(0, "01J0000000000000000000TEST")
	leg := func(kind payment.OperationKind, institution string) payment.Leg {
		return payment.Leg{Kind: kind, Institution: institution, Amount: 100, Outcome: payment.Approved}
	}
	pay := payment.Payment{ID: original, Institution: "wallet", Status: payment.StatusApproved,
		Legs: []payment.Leg{leg(payment.Debit, "bank"), leg(payment.Credit, "shop")}}
	refund := payment.Payment{Kind: payment.Refund, Original: original, Institution: "shop", Status: payment.StatusApproved,
		Legs: []payment.Leg{leg(payment.TakeBack, "shop2"), leg(payment.GiveBack, "bank"), leg(payment.GiveBack, "wallet")}}
	cancel := payment.Payment{Kind: payment.Cancel, Original: original, Institution: "wallet", Status: payment.StatusApproved,
		Legs: []payment.Leg{{Kind: payment.CancelLeg, Institution: "bank", Original: original.Reference(0), Amount: 100, Outcome: payment.Approved}}}
	declined := pay
	declined.Status = payment.StatusDeclined
	declined.Legs = []payment.Leg{{Kind: payment.Debit, Institution: "bank", Amount: 100, Outcome: payment.Declined}}
	f := func(p *payment.Payment, leg int, class string, left, right int64, asked, want string) {
		t.Helper()
		n := &notebook{states: map[string][]byte{}}
		server := &Server{options: Options{Acts: n, Repairs: bookOf{original: pay}}}
		j := &job{call: &call{Server: server}, payment: *p, leg: leg}
		j.form.Class, j.done.Identity = class, "i"
		if left != 0 {
			j.form.Left = &reconcile.Evidence{Amount: left}
		}
		if right != 0 {
			j.form.Right = &reconcile.Evidence{Amount: right}
		}
		if asked != "" {
			n.states["repair/i/query"], _ = json.Marshal(&repairState{Repaired: Repaired{Result: asked}})
		}
		var e EntryProposal
		got := ""
		if err := j.amend(&e); err != nil {
			got = string(codeOf(err))
		} else {
			got = fmt.Sprint(e.Debited, " ", e.Credited, " ", e.Amount)
		}
		if got != want {
			t.Errorf("%s of leg %d, %d against %d: %q, want %q", class, leg, left, right, got, want)
		}
	}
	f(&pay, 0, "amount", 100, 90, "", "wallet bank 10") // The bank took less from its payer.
	f(&pay, 0, "amount", 100, 120, "", "bank wallet 20")
	f(&pay, 0, "amount", -100, -120, "", "bank wallet 20") // Its file has signs.
	f(&pay, 1, "amount", 100, 90, "", "shop wallet 10")
	f(&pay, 0, "short", 100, 0, "", "wallet bank 100")
	f(&pay, 1, "short", 100, 0, "", "shop wallet 100")
	f(&declined, 0, "long", 0, 100, "", "bank wallet 100")
	f(&pay, 0, "long", 0, 100, "", "nothing_to_adjust") // Our books have it.
	f(&pay, 0, "status", 100, 100, "", "nothing_to_adjust")
	f(&pay, 0, "status", 100, 100, RepairAgrees, "nothing_to_adjust")
	f(&pay, 0, "status", 100, 100, RepairDenied, "wallet bank 100")
	f(&declined, 0, "status", 100, 100, RepairClaimed, "bank wallet 100")
	f(&pay, 0, "amount", 99, 90, "", "case_invalid") // Our own row is not what we booked.
	f(&pay, -1, "short", 100, 0, "", "leg_unclear")
	f(&refund, 0, "short", 100, 0, "", "wallet shop2 100")
	f(&refund, 1, "short", 100, 0, "", "bank wallet 100")
	f(&refund, 2, "short", 100, 0, "", "wallet shop 100")
	f(&cancel, 0, "long", 0, 100, "", "bank wallet 100") // The bank never undid it.
}
