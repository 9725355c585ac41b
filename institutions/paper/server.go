package paper

import (
	"bufio"
	"encoding/json"
	"net"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"tongma/institutions/object"
	"tongma/institutions/seal"
)

// Server serves a book by the standard protocol.
type Server struct {
	ID   string // The institution's own id: its key seals the answers.
	Book *Book
	Ring *seal.Ring

	// Refused is told of each request whose seal does not fit: by whom it claims to be and with
	// which key, as they came. Nil tells nobody.
	Refused func(caller, key string)
	faults  faults
	heard   heard
	asked   questions
	http    fasthttp.Server
	hung    chan struct{} // Closed at the end: lets go of the requests that are never answered.
}

// NewServer makes a server with an empty book. ring holds the key of ID, shared with
// the switch, and the keys of whoever else may call.
func NewServer(id string, ring *seal.Ring) *Server {
	s := &Server{ID: id, Book: NewBook(), Ring: ring, hung: make(chan struct{})}
	s.http = fasthttp.Server{
		Handler:                       s.handle,
		Name:                          id,
		NoDefaultServerHeader:         true,
		NoDefaultDate:                 true,
		NoDefaultContentType:          true,
		DisableHeaderNamesNormalizing: true,
		Concurrency:                   1 << 14,
		MaxRequestBodySize:            64 << 10,
		ReadTimeout:                   time.Minute,
		WriteTimeout:                  10 * time.Second,
		IdleTimeout:                   5 * time.Minute,
		CloseOnShutdown:               true,
	}
	return s
}

// Serve serves until Shutdown.
func (s *Server) Serve(listener net.Listener) error { return s.http.Serve(listener) }

// Shutdown ends the server; what is being answered is answered first.
func (s *Server) Shutdown() error {
	close(s.hung)
	return s.http.Shutdown()
}

// SetFaults replaces the faults that are switched on.
func (s *Server) SetFaults(list []Fault) { s.faults.set(list) }

// order is one request as the bank reads it.
type order struct {
	kind, reference, caller, currency, original, account string
	amount                                               int64
}

// kinds says what each path asks for. A payment posted to the switch's own path is
// taken as a debit: its body is a valid one, and so a proxy can be put before the bank.
var kinds = map[string]string{
	"/v1/debits":      "debit",
	"/v1/payments":    "debit",
	"/v1/credits":     "credit",
	"/v1/refunds":     "refund",
	"/v1/cancels":     "cancel",
	"/v1/queries":     "query",
	"/v1/resolutions": "resolve",
}

func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	kind, ok := kinds[string(ctx.Path())]
	if string(ctx.Path()) == pathOutcomes {
		kind, ok = "outcome", true
	}
	if !ok {
		s.handlePaper(ctx)
		return
	}
	header := &ctx.Request.Header
	key := s.Ring.Find(header.Peek(seal.HeaderInstitution), header.Peek(seal.HeaderKey), time.Now())
	signature := header.Peek(seal.HeaderSignature)
	if key == nil || !key.VerifyRequest(signature, ctx.Method(), ctx.RequestURI(), header.Peek(seal.HeaderTime), ctx.PostBody()) {
		if s.Refused != nil {
			s.Refused(string(header.Peek(seal.HeaderInstitution)), string(header.Peek(seal.HeaderKey)))
		}
		ctx.Error(`{"error":{"code":"signature_invalid"}}`, fasthttp.StatusUnauthorized)
		return
	}
	if kind == "outcome" {
		s.hear(ctx, key, signature)
		return
	}
	o, fault := readOrder(ctx.PostBody(), kind)
	if fault != object.None {
		ctx.Error(`{"error":{"code":"malformed_request"}}`, fasthttp.StatusBadRequest)
		return
	}
	s.serve(ctx, key, signature, o)
}

// serve carries the order out, in the way that the fault of the moment allows.
func (s *Server) serve(ctx *fasthttp.RequestCtx, key *seal.Key, signature []byte, o *order) {
	if o.kind == "query" || o.kind == "cancel" {
		s.asked.add(o)
	}
	fault := s.faults.strike(o.kind)
	if fault == nil {
		s.reply(ctx, key, signature, o, s.do(o, ""), nil)
		return
	}
	switch fault.Name {
	case "deaf":
		<-s.hung
		return
	case "refuse":
		ctx.Error("busy", fasthttp.StatusServiceUnavailable)
		return
	case "slow", "late":
		time.Sleep(fault.delay())
	}
	decline := ""
	if fault.Name == "decline" {
		decline = "declined_by_institution"
	}
	leg := s.do(o, decline)
	if fault.Name == "contradict" {
		time.Sleep(fault.Delay)
	}
	switch fault.Name {
	case "silent":
		<-s.hung
	case "error":
		ctx.Error("out of order", fasthttp.StatusInternalServerError)
	case "garbage":
		ctx.SetBodyString(`{"request_id":`)
	case "duplicate":
		s.reply(ctx, key, signature, o, s.do(o, ""), fault)
	default:
		s.reply(ctx, key, signature, o, leg, fault)
	}
}

// do carries the order out on the book.
func (s *Server) do(o *order, decline string) Leg {
	switch o.kind {
	case "query":
		leg, ok := s.Book.Leg(o.reference)
		if !ok {
			return Leg{State: "not_found"}
		}
		return leg
	case "cancel":
		leg := s.Book.Cancel(o.reference)
		if leg.Failure != "leg_not_cancellable" {
			leg.State, leg.Failure = "approved", ""
		}
		return leg
	case "resolve":
		return Leg{State: "approved", Amount: o.amount, Currency: o.currency}
	}
	leg, conflict := s.Book.Move(Leg{
		Reference: o.reference, Kind: o.kind, Caller: o.caller, Amount: o.amount,
		Currency: o.currency, Original: o.original,
	}, o.account, decline)
	if conflict {
		return Leg{State: "declined", Failure: "request_conflict"}
	}
	return leg
}

// reply renders and seals the answer.
func (s *Server) reply(ctx *fasthttp.RequestCtx, key *seal.Key, signature []byte, o *order, leg Leg, fault *Fault) {
	state := leg.State
	if state == "cancelled" {
		state = "declined"
	}
	amount := o.amount
	if fault != nil && fault.Name == "contradict" {
		state = map[string]string{"approved": "declined", "declined": "approved"}[state]
	}
	if fault != nil && fault.Name == "wrong_amount" {
		amount++
	}
	b := append(ctx.Response.Body()[:0], '{')
	b = object.AppendField(b, "request_id", o.reference)
	b = object.AppendField(b, "result", state)
	b = object.AppendInt(b, "amount_fen", amount)
	b = object.AppendField(b, "currency", o.currency)
	b = object.AppendField(b, "failure", leg.Failure)
	if o.kind == "resolve" {
		b = object.AppendField(b, "payee", "Merchant of "+s.ID)
		b = object.AppendBool(b, "static", true)
	}
	b = append(b, '}')
	ctx.Response.SetBodyRaw(b)
	if fault != nil && fault.Name == "wrong_seal" {
		signature = signature[1:]
	}
	var text [seal.Size]byte
	ctx.Response.Header.Set(seal.HeaderKey, key.ID)
	ctx.Response.Header.SetBytesV(seal.HeaderSignature, key.AppendAnswer(text[:0], 200, signature, b))
}

// readOrder reads a request; fields that a bank does not need are ignored.
func readOrder(body []byte, kind string) (*order, object.Fault) {
	o := &order{kind: kind, currency: "156"}
	var r object.Reader
	r.Reset(body)
	for r.Next() {
		switch string(r.Key) {
		case "request_id":
			o.reference = string(r.Text())
		case "caller":
			o.caller = string(r.Text())
		case "currency":
			if text := r.Text(); string(text) != o.currency {
				o.currency = string(text)
			}
		case "original":
			o.original = string(r.Text())
		case "code", "account":
			o.account = string(r.Text())
		case "direction":
			o.kind = string(r.Text())
		case "amount_fen":
			o.amount = r.Int()
		default:
			r.Skip()
		}
	}
	if o.reference == "" || o.kind == "refund" {
		r.Reject(object.Malformed, "request_id")
	}
	return o, r.Fault
}

// handlePaper serves what only an institution made of memory has: its book to be read,
// its faults and balances to be set. It is meant for loopback.
func (s *Server) handlePaper(ctx *fasthttp.RequestCtx) {
	switch string(ctx.Path()) {
	case "/paper/book":
		ctx.SetContentType("application/x-ndjson")
		ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
			out := json.NewEncoder(w)
			s.Book.Each(func(leg Leg) { _ = out.Encode(leg) })
		})
	case "/paper/outcomes":
		ctx.SetContentType("application/x-ndjson")
		ctx.SetBodyString(s.heard.text())
	case "/paper/questions":
		ctx.SetContentType("application/x-ndjson")
		ctx.SetBodyString(s.asked.text())
	case "/paper/faults":
		s.handleFaults(ctx)
	case "/paper/balances":
		var balances map[string]int64
		if err := json.Unmarshal(ctx.PostBody(), &balances); err != nil {
			ctx.Error(err.Error(), fasthttp.StatusBadRequest)
			return
		}
		for account, fen := range balances {
			s.Book.SetBalance(account, fen)
		}
	default:
		ctx.Error(`{"error":{"code":"path_unknown"}}`, fasthttp.StatusNotFound)
	}
}

// handleFaults takes the faults, one a line, as ParseFault reads them; none switches all off.
func (s *Server) handleFaults(ctx *fasthttp.RequestCtx) {
	var list []Fault
	for _, line := range strings.Fields(string(ctx.PostBody())) {
		fault, err := ParseFault(line)
		if err != nil {
			ctx.Error(err.Error(), fasthttp.StatusBadRequest)
			return
		}
		list = append(list, fault)
	}
	s.SetFaults(list)
}
