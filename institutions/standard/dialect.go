// Package standard is the dialect of an institution that has none of its own yet: JSON
// over HTTP, sealed (package seal). A bank joins the switch by serving these paths:
//
//	POST /v1/debits       take amount_fen from the payer that code or account names
//	POST /v1/credits      give amount_fen to the merchant that code names
//	POST /v1/refunds      direction "give_back": return amount_fen to the payer of leg original
//	                      direction "take_back": take it back from the payee of leg original
//	POST /v1/cancels      undo leg request_id whole; a leg never seen is refused for ever after
//	POST /v1/queries      what became of leg request_id?
//	POST /v1/resolutions  who is paid by code, and how much does it ask for? Moves nothing
//
// An institution that pays through the switch may also serve
//
//	POST /v1/outcomes     how a payment ended of which the switch could not tell the outcome at once
//
// with {"payment_id","request_id","kind","status","amount_fen","currency","refunded_fen"?,
// "charged_back_fen"?,"failure"?}, in the words of the switch's own answers. It is announced at
// least once, until it is answered with HTTP 200 and a seal; what an institution has heard before
// it ignores.
//
// A request is {"request_id","caller","amount_fen","currency","code"?,"account"?,
// "original"?,"direction"?,"merchant"?:{"id"},"scene"?}. request_id is the leg's own,
// at most 40 characters; its query and its cancel carry the same. Money moves at most
// once under it: the same request_id again gets the same answer. Fields that the bank
// does not know are to be ignored.
//
// The answer is HTTP 200 with {"request_id","result","amount_fen","currency",
// "failure"?,"remote_id"?,"payee"?,"static"?}. result is approved, declined, pending or
// not_found; request_id, amount_fen and currency repeat the request's. failure is one of
// the switch's failure codes, such as insufficient_funds. The answer to a cancel is
// approved when the leg is undone or will never happen, declined when it cannot be. The
// answer to a query of a leg that was cancelled is declined. Any other status, and any
// body that is not this, counts as an unknown outcome: the switch asks again.
//
// The package knows this protocol. It may not know connections.
package standard

import (
	"fmt"

	"tongma/institutions/driver"
	"tongma/institutions/object"
	"tongma/switch/payment"
)

// Dialect is the standard dialect. It has no state.
type Dialect struct{}

var (
	_ driver.Dialect   = Dialect{}
	_ driver.Announcer = Dialect{}
)

var paths = map[payment.OperationKind]string{
	payment.Debit:     "/v1/debits",
	payment.Credit:    "/v1/credits",
	payment.GiveBack:  "/v1/refunds",
	payment.TakeBack:  "/v1/refunds",
	payment.CancelLeg: "/v1/cancels",
	payment.Query:     "/v1/queries",
	payment.Resolve:   "/v1/resolutions",
}

// Render is driver.Dialect's.
func (Dialect) Render(op *payment.Operation, into *driver.Request) error {
	path, ok := paths[op.Kind]
	if !ok {
		return fmt.Errorf("standard: cannot render operation %s", op.Kind)
	}
	into.Path = path
	b := append(into.Body[:0], '{')
	b = object.AppendField(b, "request_id", op.Reference)
	b = object.AppendField(b, "caller", op.Caller)
	b = object.AppendInt(b, "amount_fen", int64(op.Amount))
	b = object.AppendField(b, "currency", op.Currency)
	b = object.AppendField(b, "code", op.Code)
	b = object.AppendField(b, "account", op.Account)
	b = object.AppendField(b, "original", op.Original)
	if op.Kind == payment.GiveBack || op.Kind == payment.TakeBack {
		b = object.AppendField(b, "direction", op.Kind.String())
	}
	if op.Merchant != "" {
		b = append(b, `,"merchant":{`...)
		b = append(object.AppendField(b, "id", op.Merchant), '}')
	}
	b = object.AppendField(b, "scene", op.Scene.String())
	into.Body = append(b, '}')
	return nil
}

// RenderOutcome is driver.Announcer's.
func (Dialect) RenderOutcome(p *payment.Payment, into *driver.Request) {
	into.Path = "/v1/outcomes"
	b := append(into.Body[:0], '{')
	b = object.AppendField(b, "payment_id", string(p.ID))
	b = object.AppendField(b, "request_id", p.RequestID)
	b = object.AppendField(b, "kind", p.Kind.String())
	b = object.AppendField(b, "status", p.Status.String())
	b = object.AppendInt(b, "amount_fen", int64(p.Amount))
	b = object.AppendField(b, "currency", p.Currency)
	if p.Refunded > 0 {
		b = object.AppendInt(b, "refunded_fen", int64(p.Refunded))
	}
	if p.ChargedBack > 0 {
		b = object.AppendInt(b, "charged_back_fen", int64(p.ChargedBack))
	}
	b = object.AppendField(b, "failure", p.Failure.Code())
	into.Body = append(b, '}')
}

// Read is driver.Dialect's. Its errors name the fault, never the content.
func (Dialect) Read(op *payment.Operation, response driver.Response) (payment.Answer, error) {
	unreadable := payment.Answer{Failure: payment.AnswerUnreadable}
	if response.Status != 200 {
		return unreadable, fmt.Errorf("standard: status %d, want 200", response.Status)
	}
	var a payment.Answer
	var result, failure []byte
	var r object.Reader
	r.Reset(response.Body)
	for r.Next() {
		switch string(r.Key) {
		case "request_id":
			a.Reference = same(r.Text(), op.Reference)
		case "result":
			result = r.Text()
		case "amount_fen":
			a.Amount = payment.Fen(r.Int())
		case "currency":
			a.Currency = same(r.Text(), op.Currency)
		case "failure":
			failure = r.Text()
		case "remote_id":
			a.Remote = string(r.Text())
		case "payee":
			a.Payee = string(r.Text())
		case "static":
			a.Static = r.Bool()
		default:
			r.Skip()
		}
	}
	if r.Fault != object.None {
		return unreadable, fmt.Errorf("standard: cannot read answer: %w", r.Fault)
	}
	if len(a.Remote) > remoteMax || len(a.Payee) > payeeMax {
		return unreadable, fmt.Errorf("standard: remote_id or payee is above %d bytes", payeeMax)
	}
	return judge(a, string(result), string(failure))
}

// Limits of what an answer may carry, in bytes.
const (
	remoteMax = 64
	payeeMax  = 256
)

// same returns want itself where text is equal to it, so that the usual answer
// allocates nothing.
func same(text []byte, want string) string {
	if string(text) == want {
		return want
	}
	return string(text)
}

// judge turns the institution's words into an outcome. A word that the protocol does
// not have is Unknown.
func judge(a payment.Answer, result, failure string) (payment.Answer, error) {
	switch result {
	case "approved":
		a.Outcome = payment.Approved
		return a, nil
	case "declined":
		a.Outcome = payment.Declined
		a.Failure = payment.DeclinedByInstitution
		if f, ok := payment.ParseFailure(failure); ok && f.Institutional() {
			a.Failure = f
		}
		return a, nil
	case "pending":
		a.Failure = payment.LegPending
		return a, nil
	case "not_found":
		a.Failure = payment.LegNotFound
		return a, nil
	}
	a.Failure = payment.AnswerUnreadable
	return a, fmt.Errorf("standard: result of %d characters is none of the protocol's", len(result))
}
