package institutions

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"tongma/institutions/driver"
	"tongma/institutions/standard"
	"tongma/switch/payment"
)

// TestDialects is the contract of a dialect: one line for each.
func TestDialects(t *testing.T) {
	t.Run("standard", func(t *testing.T) { holdDialect(t, standard.Dialect{}) })
}

func holdDialect(t *testing.T, d driver.Dialect) {
	kinds := []payment.OperationKind{payment.Debit, payment.Credit, payment.GiveBack, payment.TakeBack, payment.Query, payment.CancelLeg}
	for _, kind := range kinds {
		op := operation(kind, "P000001J0000000000000000000TEST-1")
		var request driver.Request
		if err := d.Render(op, &request); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if !bytes.Contains(request.Body, []byte(op.Reference)) || request.Path == "" {
			t.Errorf("%s: the message does not carry our reference: the leg could never be asked about", kind)
		}
		first := string(request.Body)
		if err := d.Render(op, &request); err != nil || string(request.Body) != first {
			t.Errorf("%s: a second rendering differs", kind)
		}
		holdReading(t, d, op)
	}
	if err := d.Render(operation(payment.OperationNone, "x"), &driver.Request{}); err == nil {
		t.Error("rendered an operation that does not exist")
	}
}

// holdReading shows the dialect what is not an answer: it must be Unknown.
func holdReading(t *testing.T, d driver.Dialect, op *payment.Operation) {
	unknown := func(why string, response driver.Response) {
		t.Helper()
		if a, _ := d.Read(op, response); a.Outcome != payment.Unknown {
			t.Errorf("%s: %s is %s, want unknown", op.Kind, why, a.Outcome)
		}
	}
	unknown("nothing", driver.Response{Status: 200})
	unknown("an empty object", driver.Response{Status: 200, Body: []byte("{}")})
	unknown("a page", driver.Response{Status: 200, Body: []byte("<html>approved</html>")})
	for _, status := range []int{0, 201, 302, 400, 401, 404, 409, 500, 502, 503, 504} {
		unknown("a status that is not 200", driver.Response{Status: status, Body: []byte(`{"result":"approved"}`)})
	}
	rng := rand.New(rand.NewPCG(1, uint64(op.Kind)))
	for range 2000 {
		noise := make([]byte, rng.IntN(200))
		for i := range noise {
			noise[i] = byte(rng.Uint32())
		}
		unknown("noise", driver.Response{Status: 200, Body: noise})
	}
}

func TestStandardReads(t *testing.T) {
	op := operation(payment.Debit, "r1")
	f := func(body string, want payment.Outcome, failure payment.Failure) {
		t.Helper()
		a, _ := standard.Dialect{}.Read(op, driver.Response{Status: 200, Body: []byte(body)})
		if a.Outcome != want || a.Failure != failure {
			t.Errorf("%s: %s %s, want %s %s", body, a.Outcome, a.Failure, want, failure)
		}
	}
	f(`{"request_id":"r1","result":"approved","amount_fen":100,"currency":"156","remote_id":"x","later":[1,{}]}`, payment.Approved, payment.NoFailure)
	f(`{"request_id":"r1","result":"declined","failure":"insufficient_funds"}`, payment.Declined, payment.InsufficientFunds)
	f(`{"request_id":"r1","result":"declined","failure":"moon_phase"}`, payment.Declined, payment.DeclinedByInstitution)
	f(`{"request_id":"r1","result":"declined"}`, payment.Declined, payment.DeclinedByInstitution)
	f(`{"request_id":"r1","result":"pending"}`, payment.Unknown, payment.LegPending)
	f(`{"request_id":"r1","result":"not_found"}`, payment.Unknown, payment.LegNotFound)
	f(`{"request_id":"r1","result":"Approved"}`, payment.Unknown, payment.AnswerUnreadable)
	f(`{"request_id":"r1","result":"approved","amount_fen":1.0}`, payment.Unknown, payment.AnswerUnreadable)
	f(`{"request_id":"r1","result":"approved"`, payment.Unknown, payment.AnswerUnreadable)
}

func TestFits(t *testing.T) {
	op := operation(payment.Debit, "r1")
	f := func(why string, want bool, a payment.Answer) {
		t.Helper()
		if a.Fits(op) != want {
			t.Errorf("%s: fits=%t, want %t", why, !want, want)
		}
	}
	approved := payment.Answer{Outcome: payment.Approved, Reference: "r1", Amount: 100, Currency: "156"}
	f("the same", true, approved)
	wrong := approved
	wrong.Amount = 101
	f("another amount", false, wrong)
	wrong = approved
	wrong.Currency = "840"
	f("another currency", false, wrong)
	wrong = approved
	wrong.Reference = "r2"
	f("another reference", false, wrong)
	f("a decline without an amount", true, payment.Answer{Outcome: payment.Declined, Reference: "r1"})
}
