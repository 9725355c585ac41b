package gateway

import (
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"tongma/codec"
	"tongma/routing"
	"tongma/switch/engine"
	"tongma/switch/payment"
)

// copyBody makes the request's body the desk's own: the connection's buffer is used
// again while the payment is still under way.
func (d *desk) copyBody() { d.body = string(d.ctx.PostBody()) }

// pay takes a payment: read, decode, route, decide.
func (d *desk) pay() {
	d.copyBody()
	var m payMessage
	if refusal := readPay(d.body, payFields, &m); refusal != nil {
		d.refuse(refusal)
		return
	}
	d.request = m.requestID
	r, refusal := d.decide(&m)
	if refusal != nil {
		d.refuseUnlessAsked(refusal)
		return
	}
	d.submit(r)
}

// refuseUnlessAsked refuses a request that is not the repeat of one that was taken. What
// was taken keeps its answer: the table, the code rules and the agreements may have
// changed since, and a refusal would say of money that moved that it did not. Whose requests
// are refused too often for each to be looked up is told so, which says of no money anything.
func (d *desk) refuseUnlessAsked(refusal *payment.Refusal) {
	if d.request == "" {
		d.refuse(refusal)
		return
	}
	if !d.gateway.repeats.allow(d.caller, d.now) {
		d.refuse(&payment.Refusal{Failure: payment.RateLimited, Detail: "payments that are refused; ask how this one stands"})
		return
	}
	p, err := d.gateway.options.Engine.FindRequest(d.caller, d.request)
	var unknown *payment.Refusal
	switch {
	case errors.As(err, &unknown) && unknown.Failure == payment.PaymentNotFound:
		d.refuse(refusal)
	case err != nil:
		d.fail(err)
	case p.Digest != d.digest():
		d.refuse(&payment.Refusal{Failure: payment.RequestConflict})
	default:
		d.gateway.known.hear(&p, d.now)
		d.reply(&p)
	}
}

func (d *desk) submit(r *engine.Request) {
	p, err := d.gateway.options.Engine.Submit(r)
	if err != nil {
		d.fail(err)
		return
	}
	d.gateway.known.hear(&p, d.now)
	d.reply(&p)
}

// decide turns a payment message into a request to the engine.
func (d *desk) decide(m *payMessage) (*engine.Request, *payment.Refusal) {
	if m.requestID == "" {
		return nil, &payment.Refusal{Failure: payment.MissingField, Field: "request_id"}
	}
	scene, mode, refusal := d.read(m)
	if refusal != nil {
		return nil, refusal
	}
	if !payment.Fen(m.amount).Valid() {
		return nil, &payment.Refusal{Failure: payment.AmountInvalid, Field: "amount_fen"}
	}
	if refusal := d.route(m, m.requestID); refusal != nil {
		return nil, refusal
	}
	r := &engine.Request{Code: strings.Trim(m.code, " \t\r\n"), Payment: payment.Payment{
		Kind: payment.Pay, Institution: d.caller, RequestID: m.requestID, Digest: d.digest(),
		Requested: d.sent, Mode: mode, Scene: scene, Amount: payment.Fen(m.amount),
		Currency: d.code.Currency, CodeMask: mask(m.code), Scheme: d.code.Scheme,
		Merchant: merchantOf(m, &d.code), Category: categoryOf(m, &d.code),
		Rule: d.decision.Rule, TableVersion: d.decision.TableVersion + "@" + d.decision.TableDigest[:12],
		Shape: d.shape(),
	}}
	return r, d.legs(m, r)
}

// read decodes the code and checks the message against it.
func (d *desk) read(m *payMessage) (scene payment.Scene, mode payment.Mode, refusal *payment.Refusal) {
	if m.code == "" {
		return 0, 0, &payment.Refusal{Failure: payment.MissingField, Field: "code"}
	}
	if m.scene != "" {
		var ok bool
		if scene, ok = payment.ParseScene(m.scene); !ok {
			return 0, 0, &payment.Refusal{Failure: payment.FieldInvalid, Field: "scene"}
		}
	}
	if err := d.gateway.options.Decoder().Decode(m.code, &d.code); err != nil {
		return 0, 0, codeRefusal(err)
	}
	mode, known := payment.ParseMode(string(d.code.Mode))
	if !known { // Who shows the code decides who is debited: never guess.
		return 0, 0, &payment.Refusal{Failure: payment.CodeInvalid, Field: "code", Detail: "mode is unknown"}
	}
	if m.mode != "" && m.mode != mode.String() {
		return 0, 0, &payment.Refusal{Failure: payment.ModeMismatch, Field: "mode"}
	}
	return scene, mode, d.agree(m)
}

// agree holds amount and currency of the message against those of the code.
func (d *desk) agree(m *payMessage) *payment.Refusal {
	switch {
	case d.code.Currency == "" && m.currency == "":
		d.code.Currency = home
	case d.code.Currency == "":
		d.code.Currency = m.currency
	case m.currency != "" && m.currency != d.code.Currency:
		return &payment.Refusal{Failure: payment.AmountMismatch, Field: "currency"}
	}
	if d.code.Currency != home {
		return &payment.Refusal{Failure: payment.CurrencyUnsupported, Field: "currency"}
	}
	if d.code.HasAmount {
		if m.hasAmount && m.amount != d.code.AmountFen {
			return &payment.Refusal{Failure: payment.AmountMismatch, Field: "amount_fen"}
		}
		m.amount, m.hasAmount = d.code.AmountFen, true
	}
	return nil
}

// home is the currency that the switch moves: yuan.
const home = "156"

func codeRefusal(err error) *payment.Refusal {
	var e *codec.Error
	if errors.As(err, &e) && e.Code == codec.CodeUnknown {
		return &payment.Refusal{Failure: payment.CodeUnknown, Field: "code"}
	}
	if e != nil {
		return &payment.Refusal{Failure: payment.CodeInvalid, Field: "code", Detail: e.Code}
	}
	return &payment.Refusal{Failure: payment.CodeInvalid, Field: "code"}
}

// route finds who answers for the code. sticky keeps a repeated request with the same target.
func (d *desk) route(m *payMessage, sticky string) *payment.Refusal {
	d.query = routing.Query{
		Code: &d.code, Text: strings.Trim(m.code, " \t\r\n"), Caller: d.caller, Scene: m.scene,
		AmountFen: m.amount, Currency: d.code.Currency, At: d.now, Payment: sticky,
		Health: d.gateway.options.Health,
	}
	if d.query.Scene == "" {
		d.query.Scene = payment.InStore.String()
	}
	if err := d.gateway.options.Switchboard.Route(&d.query, &d.decision); err != nil {
		return refusalOf(err)
	}
	return nil
}

// shape is what a record keeps of the code for a replay of the traffic.
func (d *desk) shape() string {
	d.out = routing.AppendShape(d.out[:0], &d.query)
	return string(d.out)
}

// legs lays out what has to be called. A leg whose institution is the caller needs no call.
func (d *desk) legs(m *payMessage, r *engine.Request) *payment.Refusal {
	p, target := &r.Payment, d.decision.Institution
	kind := payment.Debit
	if p.Mode == payment.MerchantPresented {
		kind = payment.Credit
	}
	if m.payerInstitution != "" {
		if refusal := d.payerLeg(m, r); refusal != nil {
			return refusal
		}
	}
	if target == d.caller {
		return nil
	}
	p.Legs = append(p.Legs, payment.Leg{Kind: kind, Institution: target, Amount: p.Amount, Medium: d.medium(target)})
	for _, other := range d.decision.Targets[1:] {
		if other.Institution != d.caller {
			r.Alternatives = append(r.Alternatives, other.Institution)
		}
	}
	return nil
}

// payerLeg is the debit at the bank whose card a wallet pays from.
func (d *desk) payerLeg(m *payMessage, r *engine.Request) *payment.Refusal {
	if r.Payment.Mode != payment.MerchantPresented {
		return &payment.Refusal{Failure: payment.FieldInvalid, Field: "payer", Detail: "the payer's code names the payer"}
	}
	if m.payerInstitution == d.caller {
		return nil
	}
	if m.payerAccount == "" {
		return &payment.Refusal{Failure: payment.MissingField, Field: "payer.account"}
	}
	if err := d.gateway.options.Switchboard.Choose(&d.query).Permit(m.payerInstitution, &d.query); err != nil {
		refusal := refusalOf(err)
		refusal.Field = "payer.institution"
		return refusal
	}
	r.Account = m.payerAccount
	r.Payment.Legs = append(r.Payment.Legs,
		payment.Leg{Kind: payment.Debit, Institution: m.payerInstitution,
			Amount: r.Payment.Amount, Medium: d.medium(m.payerInstitution)})
	return nil
}

// digest names the request's content: what is asked, not when or under which key.
func (d *desk) digest() payment.Digest {
	d.out = append(append(d.out[:0], d.ctx.Method()...), '\n')
	d.out = append(append(d.out, d.path...), '\n')
	d.out = append(d.out, d.body...)
	sum := sha256.Sum256(d.out)
	return payment.Digest(sum[:16])
}

// maskKept is how many characters of a code stay readable at each end.
const maskKept = 4

// mask hides all of a code but its first six and its last four characters; less of a
// short one.
func mask(code string) string {
	code = strings.Trim(code, " \t\r\n")
	if len(code) < 16 {
		return "****"
	}
	return strings.ToValidUTF8(code[:6]+"****"+code[len(code)-maskKept:], "?")
}

func merchantOf(m *payMessage, c *codec.Code) string {
	switch {
	case m.merchantID != "":
		return m.merchantID
	case c.Merchant.ID != "":
		return c.Merchant.ID
	case c.Merchant.Name != "":
		return c.Merchant.Name
	}
	return m.merchantName
}

// categoryOf is the merchant's category, of the message or of the code.
func categoryOf(m *payMessage, c *codec.Code) string {
	if m.category != "" {
		return m.category
	}
	return c.Merchant.Category
}

// medium is the money of institution: an operator's wallets hold e-CNY, all others
// commercial money.
func (d *desk) medium(institution string) payment.Medium {
	entry, known := d.gateway.options.Switchboard.Current().Register().Find(institution)
	if known && entry.Licence.Kind == "ecny-operator" {
		return payment.ECNY
	}
	return payment.Commercial
}

// turnBack takes a refund or a cancel of payment id.
func (d *desk) turnBack(id payment.ID, kind payment.Kind) {
	d.copyBody()
	var m turnBackMessage
	if refusal := readTurnBack(d.body, kind, &m); refusal != nil {
		d.refuse(refusal)
		return
	}
	d.request = m.requestID
	if kind == payment.Refund && !payment.Fen(m.amount).Valid() {
		d.refuse(&payment.Refusal{Failure: payment.AmountInvalid, Field: "amount_fen"})
		return
	}
	d.submit(&engine.Request{Payment: payment.Payment{
		Kind: kind, Original: id, Institution: d.caller, RequestID: m.requestID,
		Digest: d.digest(), Requested: d.sent, Amount: payment.Fen(m.amount),
	}})
}

// refusalOf translates routing's closed list into ours. The table is total; a test says so.
func refusalOf(err error) *payment.Refusal {
	var r *routing.Refusal
	if errors.As(err, &r) {
		if failure, ok := routeFailures[r.Code]; ok {
			return &payment.Refusal{Failure: failure}
		}
	}
	return &payment.Refusal{Failure: payment.InternalError}
}

var routeFailures = map[routing.Code]payment.Failure{
	routing.NoRoute:               payment.NoRoute,
	routing.NoAgreement:           payment.NoAgreement,
	routing.OverAgreementLimit:    payment.AgreementLimit,
	routing.Maintenance:           payment.Maintenance,
	routing.TargetUnlicensed:      payment.TargetUnlicensed,
	routing.TableAbsent:           payment.NotReady,
	routing.InstitutionUnknown:    payment.InstitutionUnknown,
	routing.InstitutionUnlicensed: payment.InstitutionUnlicensed,
	routing.InstitutionSuspended:  payment.InstitutionSuspended,
	routing.InstitutionWithdrawn:  payment.InstitutionUnlicensed,
	routing.InstitutionNotYet:     payment.InstitutionUnlicensed,
	routing.InstitutionExpired:    payment.InstitutionUnlicensed,
}

// answerWithin bounds a resolution, which a person waits for.
const answerWithin = 3 * time.Second
