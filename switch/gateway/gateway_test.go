package gateway

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/valyala/fasthttp"

	"tongma/institutions/seal"
	"tongma/routing"
	"tongma/switch/payment"
)

func TestEveryOperationAnswersAsTheDocumentSays(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	ok := func(want int, w wire) string {
		t.Helper()
		status, body := f.send(w)
		if status != want {
			t.Errorf("%s %s: %d %s, want %d", w.method, w.path, status, body, want)
		}
		return string(body)
	}
	id := "P000001J0000000000000000000TEST"
	ok(200, wire{body: pay(`,"currency":"156","scene":"in_store","mode":"customer_presented","merchant":{"id":"M1","name":"街角面馆","category":"5812"}`)})
	ok(200, wire{method: "GET", path: "/v1/payments/" + id})
	ok(200, wire{method: "GET", path: "/v1/payments?request_id=r1"})
	ok(200, wire{path: "/v1/payments/" + id + "/refunds", body: `{"request_id":"r2","amount_fen":5}`})
	ok(200, wire{path: "/v1/payments/" + id + "/cancel", body: `{"request_id":"r3"}`})
	ok(200, wire{path: "/v1/resolve", body: `{"code":"https://qr.95516.com/00010000/01116734936470044423094034227630"}`})
	ok(200, wire{method: "GET", path: "/health"})
	ok(200, wire{method: "GET", path: "/ready"})
	if text := ok(200, wire{method: "GET", path: "/openapi.json"}); !strings.Contains(text, `"openapi": "3.1.0"`) {
		t.Errorf("the document is %.80s", text)
	}
	decoded := ok(200, wire{path: "/v1/decode", body: `{"code":"135112298638468293"}`})
	if strings.Contains(decoded, "135112298638468293") || !strings.Contains(decoded, "135112****8293") {
		t.Errorf("a payer's code is not masked: %s", decoded)
	}
	ok(200, wire{path: "/v1/decode", body: `{"code":"https://qr.95516.com/00010000/01116734936470044423094034227630"}`})
	ok(200, wire{path: "/v1/decode", body: `{"code":"00020101021129370016A000000677010111011300669245317755802TH54076000.00530376463049B3B"}`})
	vendor := "hQVDUFYwMWEYTwegAAAAd3d3UA1Nb2JpbGUgV2FsbGV0Yl5fLQZhcmVuZGVkU995BpcVgSNFZ994AiUC33cRQWJkdWxrYXJpbSBN" +
		"b3VtaW7fdg1XYWxsZXQgSXNzdWVy33UIEjRWeJq83vDfdAEB33MEMTIzNN9yCDEyMzQ1Njc4"
	if text := ok(200, wire{path: "/v1/decode", body: `{"code":"` + vendor + `"}`}); strings.Contains(text, "Moumin") {
		t.Errorf("a payer's name is not masked: %s", text)
	}
	f.engine.status, f.engine.failure = payment.StatusDeclined, payment.InsufficientFunds
	ok(200, wire{body: pay("")})
	for _, status := range []payment.Status{payment.StatusUnknown, payment.StatusPending, payment.StatusManual} {
		f.engine.status, f.engine.failure = status, payment.AnswerMissing
		ok(202, wire{body: pay("")})
	}
}

// TestBadInput is the list of what can be wrong with a request: each has its code and
// its HTTP status, none reaches the engine, each leaves an audit record.
func TestBadInput(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	refused := func(want payment.Failure, w wire) {
		t.Helper()
		f.engine.last, f.engine.refused = nil, nil
		status, body := f.send(w)
		var answer struct {
			Error struct{ Code, Message string } `json:"error"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Errorf("%.60s: %v", w.body, err)
		}
		if answer.Error.Code != want.Code() || status != want.HTTPStatus() || answer.Error.Message != want.Sentence() {
			t.Errorf("%.90s: %d %s, want %d %s", w.body, status, body, want.HTTPStatus(), want)
		}
		if f.engine.last != nil {
			t.Errorf("%.60s: it reached the engine", w.body)
		}
		if len(f.engine.refused) != 1 || f.engine.refused[0].Failure != want {
			t.Errorf("%.60s: audit records %+v, want one of %s", w.body, f.engine.refused, want)
		}
	}
	body := func(want payment.Failure, text string) { t.Helper(); refused(want, wire{body: text}) }

	body(payment.MalformedRequest, "")
	body(payment.MalformedRequest, "null")
	body(payment.MalformedRequest, `[`+pay("")+`]`)
	body(payment.MalformedRequest, pay("")[:40])
	body(payment.MalformedRequest, pay("")+"x")
	body(payment.BodyTooLarge, pay(`,"scene":"`+strings.Repeat("x", 20<<10)+`"`))
	body(payment.NotUTF8, pay(",\"merchant\":{\"name\":\"\xff\"}"))
	body(payment.DuplicateKey, pay(`,"amount_fen":100`))
	body(payment.DuplicateKey, pay(`,"merchant":{"id":"a","id":"a"}`))
	body(payment.UnknownField, pay(`,"amount":100`))
	body(payment.UnknownField, pay(`,"Code":"62"`))
	body(payment.UnknownField, pay(`,"merchant":{"owner":"a"}`))
	body(payment.WrongType, `{"request_id":5}`)
	body(payment.WrongType, `{"request_id":"r1","code":"6212345678901234567","amount_fen":"100"}`)
	body(payment.WrongType, `{"request_id":"r1","code":null}`)
	body(payment.WrongType, pay(`,"merchant":"a"`))
	amount := func(want payment.Failure, text string) {
		t.Helper()
		body(want, `{"request_id":"r1","code":"6212345678901234567","amount_fen":`+text+`}`)
	}
	amount(payment.AmountInvalid, "0")
	amount(payment.AmountInvalid, "-1")
	amount(payment.AmountInvalid, "1000000000001")
	amount(payment.AmountInvalid, "99999999999999999999999")
	amount(payment.AmountInvalid, "1.5")
	amount(payment.AmountInvalid, "1.0")
	amount(payment.AmountInvalid, "1e2")
	body(payment.AmountInvalid, `{"request_id":"r1","code":"6212345678901234567"}`)
	body(payment.MissingField, `{"code":"6212345678901234567","amount_fen":100}`)
	body(payment.MissingField, `{"request_id":"r1","amount_fen":100}`)
	body(payment.FieldInvalid, `{"request_id":"","code":"6212345678901234567","amount_fen":100}`)
	body(payment.FieldInvalid, `{"request_id":"`+strings.Repeat("r", 65)+`","code":"6212345678901234567","amount_fen":100}`)
	for _, id := range []string{`a\u0000b`, `a\nb`, `a\u007fb`} {
		body(payment.FieldInvalid, `{"request_id":"`+id+`","code":"6212345678901234567","amount_fen":100}`)
		refused(payment.FieldInvalid, wire{path: "/v1/payments/P000001J0000000000000000000TEST/refunds", body: `{"request_id":"` + id + `","amount_fen":1}`})
	}
	body(payment.FieldInvalid, pay(`,"scene":"moon"`))
	body(payment.FieldInvalid, pay(`,"payer":{"institution":"lanternbank","account":"a"}`))
	resolve := func(want payment.Failure, text string) {
		t.Helper()
		refused(want, wire{path: "/v1/resolve", body: text})
	}
	resolve(payment.UnknownField, `{"request_id":"r1","code":"https://qr.95516.com/00010000/1"}`)
	resolve(payment.AmountInvalid, `{"code":"https://qr.95516.com/00010000/1","amount_fen":-5}`)
	resolve(payment.MissingField, `{}`)
	refused(payment.UnknownField, wire{path: "/v1/decode", body: `{"code":"6212345678901234567","amount_fen":5}`})
	body(payment.TargetUnlicensed, `{"request_id":"r1","code":"https://qr.95516.com/00010000/1","amount_fen":1,"payer":{"institution":"rustbank","account":"a"}}`)
	body(payment.CurrencyUnsupported, pay(`,"currency":"840"`))
	body(payment.ModeMismatch, pay(`,"mode":"merchant_presented"`))
	body(payment.CodeUnknown, strings.Replace(pay(""), "6212345678901234567", "hello", 1))
	body(payment.CodeInvalid, strings.Replace(pay(""), "6212345678901234567", "000201010211", 1))
	body(payment.CodeInvalid, strings.Replace(pay(""), "6212345678901234567", "https://qr.95516.com.evil.cn/1", 1))
	body(payment.NoRoute, strings.Replace(pay(""), "6212345678901234567", "https://i.qianbao.qq.com/wallet/sqrcode.htm?a=1", 1))
	body(payment.AgreementLimit, strings.Replace(pay(""), ":100", ":5000001", 1))

	good := pay("")
	refused(payment.PathUnknown, wire{path: "/v2/payments", body: good})
	refused(payment.PathUnknown, wire{path: "/v1/payments/P000001J0000000000000000000TEST/steal", body: good})
	refused(payment.PaymentNotFound, wire{method: "GET", path: "/v1/payments/nonsense"})
	refused(payment.MethodNotAllowed, wire{method: "DELETE", path: "/v1/payments"})
	refused(payment.MethodNotAllowed, wire{method: "GET", path: "/v1/decode"})
	refused(payment.TimeOutsideWindow, wire{body: good, at: time.Now().Add(-6 * time.Minute)})
	refused(payment.TimeOutsideWindow, wire{body: good, at: time.Now().Add(time.Minute)})
	header := func(want payment.Failure, change func(http.Header)) {
		t.Helper()
		refused(want, wire{body: good, change: change})
	}
	header(payment.TimeMissing, func(h http.Header) { h.Del(seal.HeaderTime) })
	header(payment.SignatureMissing, func(h http.Header) { h.Del(seal.HeaderSignature) })
	header(payment.SignatureMissing, func(h http.Header) { h.Del(seal.HeaderInstitution) })
	header(payment.SignatureInvalid, func(h http.Header) { h.Set(seal.HeaderSignature, strings.Repeat("0", 64)) })
	header(payment.SignatureInvalid, func(h http.Header) { h.Set(seal.HeaderTime, "5") })
	header(payment.SignatureInvalid, func(h http.Header) { h.Set(seal.HeaderKey, "k2") })
	header(payment.InstitutionUnknown, func(h http.Header) { h.Set(seal.HeaderInstitution, "nobody") })
	header(payment.SignatureInvalid, func(h http.Header) { h.Set(seal.HeaderInstitution, "cedarbank") })
	refused(payment.InstitutionUnlicensed, wire{body: good, caller: "sparrowaggregator"})
	refused(payment.InstitutionSuspended, wire{body: good, caller: "rustbank"})

	refund := "/v1/payments/P000001J0000000000000000000TEST/refunds"
	refused(payment.MissingField, wire{path: refund, body: `{"request_id":"r1"}`})
	refused(payment.MissingField, wire{path: refund, body: `{"amount_fen":1}`})
	refused(payment.AmountInvalid, wire{path: refund, body: `{"request_id":"r1","amount_fen":-5}`})
	refused(payment.UnknownField, wire{path: strings.Replace(refund, "refunds", "cancel", 1), body: `{"request_id":"r1","amount_fen":5}`})
	status, _ := f.send(wire{body: good})
	if status != 200 {
		t.Errorf("after all that a good request gets %d", status)
	}
}

func TestRateLimit(t *testing.T) {
	limits := DefaultLimits()
	limits.RatePerSecond, limits.RateBurst = 1, 3
	f := newFixture(t, limits)
	counts := map[int]int{}
	for range 10 {
		status, _ := f.send(wire{body: pay("")})
		counts[status]++
	}
	if counts[200] < 3 || counts[429] < 5 {
		t.Errorf("statuses %v, want three or four 200 and the rest 429", counts)
	}
	if status, _ := f.send(wire{body: pay(""), caller: "kitewallet"}); status != 200 {
		t.Errorf("another institution gets %d, want 200: the limit is each one's own", status)
	}
}

func TestEngineRefusalsReachTheCaller(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	for _, failure := range payment.Failures() {
		if failure.HTTPStatus() < 400 {
			continue // An institution's word stands in a payment, never in a refusal.
		}
		f.engine.err = &payment.Refusal{Failure: failure}
		status, body := f.send(wire{body: pay("")})
		if status != failure.HTTPStatus() || !strings.Contains(string(body), `"`+failure.Code()+`"`) {
			t.Errorf("%s: %d %s", failure, status, body)
		}
	}
	f.engine.err = &payment.Refusal{Failure: payment.JournalUnavailable, Detail: "disk_full"}
	if status, body := f.send(wire{method: "GET", path: "/ready"}); status != 503 || !strings.Contains(string(body), `"detail":"disk_full"`) {
		t.Errorf("ready on a full disk: %d %s", status, body)
	}
}

func TestLegs(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	legs := func(caller, body string, want ...payment.Leg) {
		t.Helper()
		if status, answer := f.send(wire{caller: caller, body: body}); status != 200 {
			t.Errorf("%d %s", status, answer)
			return
		}
		got := f.engine.last.Payment.Legs
		if !slices.Equal(got, want) {
			t.Errorf("%s: legs %+v, want %+v", body, got, want)
		}
	}
	link := `{"request_id":"r1","code":"https://qr.95516.com/00010000/01116734936470044423094034227630","amount_fen":100%}`
	with := func(extra string) string { return strings.Replace(link, "%", extra, 1) }
	legs(institution, pay(""), payment.Leg{Kind: payment.Debit, Institution: "harbourbank", Amount: 100})
	legs("kitewallet", with(""), payment.Leg{Kind: payment.Credit, Institution: "orchardbank", Amount: 100})
	legs("kitewallet", with(`,"payer":{"institution":"lanternbank","account":"t"}`),
		payment.Leg{Kind: payment.Debit, Institution: "lanternbank", Amount: 100},
		payment.Leg{Kind: payment.Credit, Institution: "orchardbank", Amount: 100})
	legs("kitewallet", with(`,"payer":{"institution":"kitewallet","account":"t"}`),
		payment.Leg{Kind: payment.Credit, Institution: "orchardbank", Amount: 100})
	legs("kitewallet", `{"request_id":"r1","code":"135112298638468293","amount_fen":100}`)
	if got := f.engine.last.Payment.CodeMask; got != "135112****8293" {
		t.Errorf("mask %q", got)
	}
}

func TestDocumentListsEveryFailureAndReason(t *testing.T) {
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	var want []any
	for _, failure := range payment.Failures() {
		want = append(want, failure.Code())
	}
	if got := document.Components.Schemas["FailureCode"].Value.Enum; !slices.Equal(got, want) {
		t.Errorf("the document lists %v, want %v", got, want)
	}
	want = nil
	for _, reason := range append(payment.Reasons(payment.Chargeback), payment.Reasons(payment.Adjustment)...) {
		want = append(want, reason.Code())
	}
	if got := document.Components.Schemas["Payment"].Value.Properties["reason"].Value.Enum; !slices.Equal(got, want) {
		t.Errorf("the document lists %v, want %v", got, want)
	}
}

func TestRoutingRefusalsAreAllTranslated(t *testing.T) {
	for code := range routing.Refusals {
		if _, ok := routeFailures[code]; !ok {
			t.Errorf("%s has no failure of ours", code)
		}
	}
}

// The hot path allocates what outlives the request, and little else.
func TestPayAllocations(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	var ctx fasthttp.RequestCtx
	body := pay(`,"merchant":{"id":"M1"}`)
	prepare := func() {
		ctx.Request.Reset()
		ctx.Response.Reset()
		ctx.Request.Header.SetMethod("POST")
		ctx.Request.SetRequestURI("/v1/payments")
		ctx.Request.SetBodyString(body)
		ctx.Request.Header.Set(seal.HeaderInstitution, institution)
		ctx.Request.Header.Set(seal.HeaderKey, "k1")
	}
	prepare()
	at := []byte("0")
	at = fasthttp.AppendUint(at[:0], int(time.Now().UnixMilli()))
	signature := f.key.AppendRequest(nil, []byte("POST"), []byte("/v1/payments"), at, []byte(body))
	ctx.Request.Header.SetBytesV(seal.HeaderTime, at)
	ctx.Request.Header.SetBytesV(seal.HeaderSignature, signature)
	n := testing.AllocsPerRun(200, func() {
		ctx.Response.Reset()
		f.gateway.handle(&ctx)
	})
	if ctx.Response.StatusCode() != 200 {
		t.Fatalf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
	}
	if n > 14 {
		t.Errorf("%v allocations a payment, want 14 or fewer", n)
	}
}
