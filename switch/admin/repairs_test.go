package admin

import (
	"fmt"
	"strings"
	"testing"

	"tongma/switch/engine"
	"tongma/switch/payment"
)

// TestJudge is the table of what the institution's word comes to against our books.
func TestJudge(t *testing.T) {
	leg := func(kind payment.OperationKind, outcome payment.Outcome, cancelled bool) payment.Leg {
		return payment.Leg{Kind: kind, Outcome: outcome, Cancelled: cancelled}
	}
	moved, undone := leg(payment.Debit, payment.Approved, false), leg(payment.Debit, payment.Approved, true)
	declined, cancel := leg(payment.Debit, payment.Declined, false), leg(payment.CancelLeg, payment.Approved, false)
	approved, no := payment.Answer{Outcome: payment.Approved}, payment.Answer{Outcome: payment.Declined, Failure: payment.InsufficientFunds}
	never := payment.Answer{Failure: payment.LegNotFound}
	f := func(status payment.Status, l payment.Leg, a payment.Answer, want string) {
		t.Helper()
		j := &job{payment: payment.Payment{Status: status, Legs: []payment.Leg{l}}}
		j.done.Books = booked(&j.payment, 0)
		j.judge(&engine.Inquiry{Asked: true, Answer: a})
		if got := strings.TrimSpace(j.done.Result + " " + j.done.Next); got != want {
			t.Errorf("%s, %+v, told %s: %q, want %q", status, l, j.done.Says, got, want)
		}
	}
	f(payment.StatusApproved, moved, approved, "agrees")
	f(payment.StatusApproved, moved, no, "denied adjust")
	f(payment.StatusApproved, moved, never, "denied adjust")
	f(payment.StatusApproved, moved, payment.Answer{Failure: payment.LegPending}, "unanswered")
	f(payment.StatusApproved, moved, payment.Answer{Failure: payment.AnswerMismatch}, "unanswered")
	f(payment.StatusApproved, moved, payment.Answer{Outcome: payment.NotSent, Failure: payment.InstitutionUnavailable}, "unanswered")
	f(payment.StatusDeclined, declined, approved, "claimed adjust")
	f(payment.StatusDeclined, declined, no, "agrees")
	f(payment.StatusDeclined, declined, never, "agrees")
	f(payment.StatusDeclined, undone, no, "agrees") // Its later leg was declined.
	f(payment.StatusDeclined, undone, approved, "claimed adjust")
	f(payment.StatusCancelled, moved, approved, "claimed adjust") // Another payment undid it.
	f(payment.StatusApproved, cancel, no, "agrees")               // It asks about the leg that is undone.
	f(payment.StatusApproved, cancel, approved, "claimed adjust")
	f(payment.StatusManual, moved, approved, "open")
	f(payment.StatusUnknown, declined, approved, "open")
}

// TestRepairingIsBounded: one at a time for one discrepancy, and few at once in all.
func TestRepairingIsBounded(t *testing.T) {
	r := repairing{at: map[string]struct{}{}}
	if !r.begin("a") || r.begin("a") {
		t.Error("two act on one discrepancy")
	}
	r.end("a")
	for i := range engine.InquiriesMax {
		if !r.begin(fmt.Sprint(i)) {
			t.Fatalf("number %d is refused", i)
		}
	}
	if r.begin("one more") {
		t.Error("there is no limit")
	}
}
