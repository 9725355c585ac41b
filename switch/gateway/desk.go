package gateway

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"tongma/codec"
	"tongma/institutions/object"
	"tongma/institutions/seal"
	"tongma/routing"
	"tongma/switch/engine"
	"tongma/switch/payment"
)

// desk serves one request at a time. Its fields are reused; nothing that leaves it
// aliases the connection's buffers.
type desk struct {
	gateway *Gateway
	ctx     *fasthttp.RequestCtx
	now     time.Time
	caller  string    // Authenticated.
	sent    time.Time // The request's own time.
	key     *seal.Key
	request string // The request id, once it was read.
	path    string // As it stood on the wire: an alias of a path is another path.
	search  string // What followed its question mark.

	code     codec.Code
	query    routing.Query
	decision routing.Decision
	body     string // A copy of the request's body; what is read from it aliases it.
	out      []byte
}

func (d *desk) begin(ctx *fasthttp.RequestCtx) {
	d.ctx, d.now = ctx, time.Now()
	d.caller, d.request, d.body, d.key = "", "", "", nil
	d.sent = time.Time{}
	d.path, d.search, _ = strings.Cut(string(ctx.Request.Header.RequestURI()), "?")
	d.out = d.out[:0]
}

// handle finds what a path and method ask for.
func (g *Gateway) handle(ctx *fasthttp.RequestCtx) {
	if ctx.ConnRequestNum() == 1 {
		g.unused.Delete(ctx.Conn())
	}
	g.atDesk(ctx, (*desk).guarded)
}

// atDesk lends a desk to one request.
func (g *Gateway) atDesk(ctx *fasthttp.RequestCtx, do func(*desk)) {
	d := g.desks.Get().(*desk)
	d.begin(ctx)
	do(d)
	d.ctx, d.body = nil, ""
	g.desks.Put(d)
}

// guarded serves, and turns a broken invariant of our own into an error of this one
// request: the payments of the others go on.
func (d *desk) guarded() {
	defer func() {
		if fault := recover(); fault != nil {
			d.gateway.options.Logger.Error("gateway: a request met a fault of our own",
				zap.Any("fault", fault), zap.Stack("stack"))
			d.refuse(&payment.Refusal{Failure: payment.InternalError})
		}
	}()
	d.serve()
}

// act is one operation of the API.
type act struct {
	method string
	open   bool // Needs no seal.
	do     func(*desk)
}

var acts = map[string]act{
	"/v1/decode":    {method: "POST", do: (*desk).decode},
	"/v1/resolve":   {method: "POST", do: (*desk).resolve},
	"/health":       {method: "GET", open: true, do: (*desk).health},
	"/ready":        {method: "GET", open: true, do: (*desk).ready},
	"/openapi.json": {method: "GET", open: true, do: (*desk).openAPI},
}

func (d *desk) serve() {
	if d.misframed() {
		d.ctx.SetConnectionClose() // Who reads it the other way finds the next request elsewhere.
		d.refuse(&payment.Refusal{Failure: payment.FramingInvalid})
		return
	}
	if d.path == "/v1/payments" {
		d.servePayments()
		return
	}
	if d.search != "" {
		d.refuse(&payment.Refusal{Failure: payment.PathUnknown, Detail: "it takes no query"})
		return
	}
	if rest, ok := strings.CutPrefix(d.path, "/v1/payments/"); ok {
		d.servePayment(rest)
		return
	}
	a, ok := acts[d.path]
	if !ok {
		d.refuse(&payment.Refusal{Failure: payment.PathUnknown})
		return
	}
	d.serveAct(a)
}

// misframed reports whether two readers on the request's way can disagree where it ends (RFC
// 9112, clauses 5.2 and 6.3): a length beside a transfer coding, a coding that is not chunked,
// a header that goes on in the next line.
func (d *desk) misframed() bool {
	header := &d.ctx.Request.Header
	var measured, coded, plain, folded bool
	for line := range bytes.SplitSeq(header.RawHeaders(), []byte("\n")) {
		folded = folded || len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
		name, value, _ := bytes.Cut(line, []byte(":"))
		name = bytes.TrimSpace(name)
		measured = measured || bytes.EqualFold(name, []byte("Content-Length"))
		if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			plain = !coded && bytes.EqualFold(bytes.TrimSpace(value), []byte("chunked"))
			coded = true
		}
	}
	length := header.ContentLength()
	return folded || coded && (measured || length != lengthChunked && (length != 0 || !plain))
}

// lengthChunked is the content length that the library gives a body in chunks, but for an empty
// one.
const lengthChunked = -1

// servePayments serves the collection: a new payment, or a look-up by request id.
func (d *desk) servePayments() {
	switch {
	case d.ctx.IsPost() && d.search == "":
		d.sealed((*desk).pay)
	case d.ctx.IsPost():
		d.refuse(&payment.Refusal{Failure: payment.PathUnknown, Detail: "POST takes no query"})
	case d.ctx.IsGet():
		d.sealed((*desk).findRequest)
	default:
		d.refuse(&payment.Refusal{Failure: payment.MethodNotAllowed, Detail: "want GET or POST"})
	}
}

func (d *desk) serveAct(a act) {
	switch {
	case string(d.ctx.Method()) != a.method:
		d.refuse(&payment.Refusal{Failure: payment.MethodNotAllowed, Detail: "want " + a.method})
	case a.open:
		a.do(d)
	default:
		d.sealed(a.do)
	}
}

// servePayment serves what stands below one payment.
func (d *desk) servePayment(rest string) {
	id, verb, _ := strings.Cut(rest, "/")
	parsed, err := payment.ParseID(id)
	switch {
	case err != nil:
		d.refuse(&payment.Refusal{Failure: payment.PaymentNotFound})
	case verb == "" && !strings.HasSuffix(rest, "/"):
		d.serveAct(act{method: "GET", do: func(d *desk) { d.find(parsed) }})
	case verb == "cancel":
		d.serveAct(act{method: "POST", do: func(d *desk) { d.turnBack(parsed, payment.Cancel) }})
	case verb == "refunds":
		d.serveAct(act{method: "POST", do: func(d *desk) { d.turnBack(parsed, payment.Refund) }})
	default:
		d.refuse(&payment.Refusal{Failure: payment.PathUnknown})
	}
}

// sealed does what was asked if the request is who it says it is.
func (d *desk) sealed(do func(*desk)) {
	if refusal := d.authenticate(); refusal != nil {
		d.refuse(refusal)
		return
	}
	do(d)
}

// authenticate checks seal, time, licence and rate, in this order. A caller that has
// not proved who it is learns no more than whether an id is in the register. That is left
// so: who is licensed is public, and a wrong id is a mistake of its own.
func (d *desk) authenticate() *payment.Refusal {
	header := &d.ctx.Request.Header
	institution, signature := header.Peek(seal.HeaderInstitution), header.Peek(seal.HeaderSignature)
	if len(institution) == 0 || len(signature) == 0 {
		return &payment.Refusal{Failure: payment.SignatureMissing}
	}
	sent := header.Peek(seal.HeaderTime)
	if len(sent) == 0 {
		return &payment.Refusal{Failure: payment.TimeMissing, Field: seal.HeaderTime}
	}
	table := d.gateway.options.Switchboard.Current()
	if table == nil {
		return &payment.Refusal{Failure: payment.NotReady, Detail: "no routing table is in use"}
	}
	entry, known := table.Register().Find(string(institution))
	if !known {
		return &payment.Refusal{Failure: payment.InstitutionUnknown}
	}
	key := d.gateway.options.Ring.Find(institution, header.Peek(seal.HeaderKey), d.now)
	body := d.ctx.PostBody()
	if key == nil || !key.VerifyRequest(signature, d.ctx.Method(), d.ctx.RequestURI(), sent, body) {
		return &payment.Refusal{Failure: payment.SignatureInvalid}
	}
	d.key, d.caller = key, entry.ID
	return d.admit(sent)
}

// admit checks what may be said no to once the caller is known.
func (d *desk) admit(sent []byte) *payment.Refusal {
	m := &d.gateway.options.Limits
	ms, err := fasthttp.ParseUint(sent)
	if err != nil {
		return &payment.Refusal{Failure: payment.TimeMissing, Field: seal.HeaderTime, Detail: "want Unix milliseconds"}
	}
	d.sent = time.UnixMilli(int64(ms)).UTC()
	if age := d.now.Sub(d.sent); age > m.ReplayWindow || age < -m.FutureSkew {
		return &payment.Refusal{Failure: payment.TimeOutsideWindow, Field: seal.HeaderTime}
	}
	if err := d.gateway.options.Switchboard.Current().Register().Check(d.caller, d.now); err != nil {
		return refusalOf(err)
	}
	if !d.gateway.rates.allow(d.caller, d.now) {
		return &payment.Refusal{Failure: payment.RateLimited}
	}
	return nil
}

// say answers with an error and leaves no record.
func (d *desk) say(r *payment.Refusal) {
	d.out = append(d.out[:0], `{"error":{`...)
	d.out = object.AppendField(d.out, "code", r.Failure.Code())
	d.out = object.AppendField(d.out, "message", r.Failure.Sentence())
	d.out = object.AppendField(d.out, "field", r.Field)
	d.out = object.AppendField(d.out, "detail", r.Detail)
	d.out = append(d.out, '}', '}')
	d.answer(r.Failure.HTTPStatus())
}

// refuse answers with an error, perhaps after a rest, and writes the refusal down.
func (d *desk) refuse(r *payment.Refusal) {
	d.rest()
	d.say(r)
	institution := d.caller
	if institution == "" {
		institution = clip(string(d.ctx.Request.Header.Peek(seal.HeaderInstitution)), 64)
	}
	d.gateway.options.Engine.Refused(engine.Refused{
		Institution: institution, RequestID: d.request, Path: clip(d.path, 128),
		Failure: r.Failure, Time: d.now.UTC(), Claimed: d.caller == "",
	})
}

func clip(text string, bytesMax int) string {
	if len(text) > bytesMax {
		text = text[:bytesMax]
	}
	return strings.ToValidUTF8(text, "?")
}

var jsonType = []byte("application/json")

// answer sends d.out, sealed where the caller is known.
func (d *desk) answer(status int) {
	response := &d.ctx.Response
	response.SetStatusCode(status)
	response.Header.SetContentTypeBytes(jsonType)
	response.SetBody(d.out)
	if d.key == nil {
		return
	}
	var text [seal.Size]byte
	request := d.ctx.Request.Header.Peek(seal.HeaderSignature)
	response.Header.Set(seal.HeaderKey, d.key.ID)
	response.Header.SetBytesV(seal.HeaderSignature, d.key.AppendAnswer(text[:0], status, request, d.out))
}

// fail answers an engine's error.
func (d *desk) fail(err error) { d.refuse(asRefusal(err)) }

func asRefusal(err error) *payment.Refusal {
	if refusal, ok := err.(*payment.Refusal); ok {
		return refusal
	}
	return &payment.Refusal{Failure: payment.InternalError}
}

// reply answers with a payment.
func (d *desk) reply(p *payment.Payment) {
	d.out = appendPayment(d.out[:0], p)
	if p.Status.Final() {
		d.answer(fasthttp.StatusOK)
	} else {
		d.answer(fasthttp.StatusAccepted)
	}
}

func appendPayment(dst []byte, p *payment.Payment) []byte {
	dst = append(dst, '{')
	dst = object.AppendField(dst, "payment_id", string(p.ID))
	dst = object.AppendField(dst, "request_id", p.RequestID)
	dst = object.AppendField(dst, "kind", p.Kind.String())
	dst = object.AppendField(dst, "status", p.Status.String())
	dst = object.AppendInt(dst, "amount_fen", int64(p.Amount))
	dst = object.AppendField(dst, "currency", p.Currency)
	dst = object.AppendField(dst, "mode", p.Mode.String())
	dst = object.AppendField(dst, "scene", p.Scene.String())
	dst = object.AppendField(dst, "scheme", p.Scheme)
	dst = object.AppendField(dst, "original", string(p.Original))
	dst = object.AppendField(dst, "reason", p.Reason.Code())
	if n := len(p.Legs); n > 0 {
		dst = object.AppendField(dst, "institution", p.Legs[n-1].Institution)
	}
	if p.Refunded > 0 {
		dst = object.AppendInt(dst, "refunded_fen", int64(p.Refunded))
	}
	if p.ChargedBack > 0 {
		dst = object.AppendInt(dst, "charged_back_fen", int64(p.ChargedBack))
	}
	if p.Failure != payment.NoFailure {
		dst = append(dst, `,"failure":{`...)
		dst = object.AppendField(dst, "code", p.Failure.Code())
		dst = object.AppendField(dst, "message", p.Failure.Sentence())
		dst = append(dst, '}')
	}
	dst = append(dst, `,"accepted_at":"`...)
	dst = p.Accepted.UTC().AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"', '}')
}

func (d *desk) health() {
	d.out = append(d.out[:0], `{"status":"up"}`...)
	d.answer(fasthttp.StatusOK)
}

func (d *desk) ready() {
	if err := d.gateway.options.Engine.Ready(); err != nil {
		d.say(asRefusal(err))
		return
	}
	table := d.gateway.options.Switchboard.Current()
	if table == nil {
		d.say(&payment.Refusal{Failure: payment.NotReady, Detail: "no routing table is in use"})
		return
	}
	d.out = append(d.out[:0], `{"status":"ready","table":`...)
	d.out = strconv.AppendQuote(d.out, table.Version())
	d.out = append(d.out, '}')
	d.answer(fasthttp.StatusOK)
}
