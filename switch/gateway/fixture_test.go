package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"tongma/codec"
	"tongma/institutions/seal"
	"tongma/routing"
	"tongma/switch/engine"
	"tongma/switch/payment"
	"tongma/switch/stage"
)

// decider is an engine that approves everything and remembers what it was asked.
type decider struct {
	finds   int // How often it was asked how a payment stands.
	mu      sync.Mutex
	last    *engine.Request
	refused []engine.Refused
	status  payment.Status
	failure payment.Failure
	err     error
}

// Submit is Engine's.
func (e *decider) Submit(r *engine.Request) (payment.Payment, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = r
	if e.err != nil {
		return payment.Payment{}, e.err
	}
	p := r.Payment
	p.ID = payment.MakeID(0, "01J0000000000000000000TEST")
	p.Accepted, p.Status, p.Failure = time.Now(), e.status, e.failure
	if p.Amount == 0 {
		p.Amount = 1 // A cancel's amount is its original's.
	}
	return p, nil
}

// remember makes the decider know p as if it had been asked for.
func (e *decider) remember(p payment.Payment) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = &engine.Request{Payment: p}
}

// newPost is an empty request of the method of all that moves money.
func newPost() *fasthttp.RequestCtx {
	ctx := new(fasthttp.RequestCtx)
	ctx.Request.Header.SetMethod(fasthttp.MethodPost)
	return ctx
}

// Find is Engine's.
func (e *decider) Find(id payment.ID) (payment.Payment, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.finds++
	if e.last == nil {
		return payment.Payment{}, &payment.Refusal{Failure: payment.PaymentNotFound}
	}
	p := e.last.Payment
	p.ID, p.Status, p.Refunded = id, payment.StatusApproved, 1
	return p, e.err
}

// FindRequest is Engine's.
func (e *decider) FindRequest(institution, requestID string) (payment.Payment, error) {
	p, err := e.Find(payment.MakeID(0, "01J0000000000000000000TEST"))
	if err == nil && (p.Institution != institution || p.RequestID != requestID) {
		return payment.Payment{}, &payment.Refusal{Failure: payment.PaymentNotFound}
	}
	return p, err
}

// Refused is Engine's.
func (e *decider) Refused(note engine.Refused) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refused = append(e.refused, note)
}

// Ready is Engine's.
func (e *decider) Ready() error { return e.err }

// Resolve is Resolver's.
func (e *decider) Resolve(_ context.Context, op *payment.Operation) payment.Answer {
	return payment.Answer{Outcome: payment.Approved, Reference: op.Reference, Payee: "Corner Noodles", Static: true}
}

// fixture is a gateway on a real port with a decider behind it.
type fixture struct {
	t       *testing.T
	engine  *decider
	address string
	key     *seal.Key
	router  routers.Router
	gateway *Gateway
}

const institution = "corneracquirer"

func newFixture(t *testing.T, limits Limits) *fixture {
	t.Helper()
	register, err := routing.LoadRegister([]byte(stage.Register))
	if err != nil {
		t.Fatal(err)
	}
	table, findings, err := routing.Load([]byte(stage.Table), register)
	if err != nil {
		t.Fatal(err, findings)
	}
	board := new(routing.Switchboard)
	if err := board.Activate(table); err != nil {
		t.Fatal(err, findings)
	}
	f := &fixture{t: t, engine: &decider{status: payment.StatusApproved}, key: seal.NewKey("k1", []byte("0123456789abcdef"))}
	keys := map[string][]*seal.Key{}
	for _, id := range []string{institution, "kitewallet", "sparrowaggregator", "rustbank"} {
		keys[id] = []*seal.Key{f.key}
	}
	f.gateway, err = New(Options{Limits: limits, Decoder: codec.Default, Switchboard: board,
		Ring: seal.NewRing(keys), Engine: f.engine, Resolver: f.engine, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = listener.Addr().String()
	done := make(chan error, 1)
	go func() { done <- f.gateway.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := f.gateway.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	f.router = loadRouter(t, f.address)
	return f
}

func loadRouter(t *testing.T, address string) routers.Router {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	document.Servers = openapi3.Servers{{URL: "http://" + address}}
	router, err := gorillamux.NewRouter(document)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// wire is one request to be sent; its zero parts are the usual ones.
type wire struct {
	method, path, body string
	caller             string
	at                 time.Time
	change             func(http.Header)
}

// send seals and sends w, and holds the answer against the API's document. A request
// that the switch accepted must be one that the document allows.
func (f *fixture) send(w wire) (int, []byte) {
	f.t.Helper()
	if w.method == "" {
		w.method = "POST"
	}
	if w.path == "" {
		w.path = "/v1/payments"
	}
	if w.caller == "" {
		w.caller = institution
	}
	if w.at.IsZero() {
		w.at = time.Now()
	}
	request, err := http.NewRequest(w.method, "http://"+f.address+w.path, bytes.NewReader([]byte(w.body)))
	if err != nil {
		f.t.Fatal(err)
	}
	clock := strconv.FormatInt(w.at.UnixMilli(), 10)
	signature := f.key.AppendRequest(nil, []byte(w.method), []byte(w.path), []byte(clock), []byte(w.body))
	for name, value := range map[string]string{seal.HeaderInstitution: w.caller, seal.HeaderKey: "k1",
		seal.HeaderTime: clock, seal.HeaderSignature: string(signature), "Content-Type": "application/json"} {
		request.Header.Set(name, value)
	}
	if w.change != nil {
		w.change(request.Header)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	f.holdAgainstDocument(request, w.body, response, body)
	if got := response.Header.Get(seal.HeaderSignature); got != "" {
		if !f.key.VerifyAnswer([]byte(got), response.StatusCode, signature, body) {
			f.t.Errorf("%s %s: the answer's seal does not fit", w.method, w.path)
		}
	} else if response.StatusCode < 400 && w.path[:4] == "/v1/" {
		f.t.Errorf("%s %s: the answer has no seal", w.method, w.path)
	}
	return response.StatusCode, body
}

func (f *fixture) holdAgainstDocument(request *http.Request, sent string, response *http.Response, body []byte) {
	f.t.Helper()
	route, parameters, err := f.router.FindRoute(request)
	if err != nil {
		if response.StatusCode < 400 {
			f.t.Errorf("%s %s is not in the document: %v", request.Method, request.URL.Path, err)
		}
		return
	}
	request.Body = io.NopCloser(bytes.NewReader([]byte(sent)))
	input := &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route}
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil && response.StatusCode < 400 {
		f.t.Errorf("accepted a request that the document does not allow: %v", err)
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: response.StatusCode, Header: response.Header,
		Body: io.NopCloser(bytes.NewReader(body)),
	})
	if err != nil {
		f.t.Errorf("%s %s: the answer is not as the document says: %v\n%s", request.Method, request.URL.Path, err, body)
	}
}

// pay is the body of a good payment with one more or another field.
func pay(extra string) string {
	return fmt.Sprintf(`{"request_id":"r1","code":"6212345678901234567","amount_fen":100%s}`, extra)
}
