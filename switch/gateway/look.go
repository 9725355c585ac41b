package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"tongma/codec"
	"tongma/institutions/object"
	"tongma/switch/payment"
)

// find tells how a payment stands, to those who take part in it.
func (d *desk) find(id payment.ID) {
	p, over, err := d.ask(string(id), func() (payment.Payment, error) { return d.gateway.options.Engine.Find(id) })
	if err == nil && !p.Party(d.caller) {
		err = &payment.Refusal{Failure: payment.NotAParty}
	}
	d.tell(p, over, err)
}

// errMetered refuses a question over the limits of which nothing is known.
var errMetered = &payment.Refusal{Failure: payment.RateLimited, Detail: "questions how payments stand"}

// ask lets the engine say how a payment stands; over the limits the answer is what it said last,
// and may wait. Nobody may write to it.
func (d *desk) ask(key string, engine func() (payment.Payment, error)) (p *payment.Payment, over bool, err error) {
	asked, p := d.gateway.known.ask(key, d.caller, d.now)
	if asked != nil {
		p, err := engine()
		if err != nil {
			return nil, false, err
		}
		d.gateway.known.hear(&p, d.now)
		return &p, false, nil
	}
	d.rest()
	if p == nil {
		return nil, true, errMetered
	}
	return p, true, nil
}

// tell answers a question. One over the limits leaves no record: of refusals so many a second
// are written down, and these would take the place of those that people have to see.
func (d *desk) tell(p *payment.Payment, over bool, err error) {
	switch {
	case err != nil && over:
		d.say(asRefusal(err))
	case err != nil:
		d.fail(err)
	default:
		d.reply(p)
	}
}

// rest lets an answer wait that is over the limits, or says no: each institution has so many a
// second, and all whose seal is not good share one such pace. A hundred of them in one write
// would keep a core for more than a millisecond, and whichever process a payment needs next waits
// for it; those of many connections would keep it for good. What a thousandth of a second brings
// goes out together, since to wait costs as much as an answer. Nobody waits for more than a tenth
// of a second, so that each connection beyond some 1,600 adds ten answers a second.
func (d *desk) rest() {
	if wait := d.gateway.paces.of(d.caller).wait(d.now, restMax); wait >= restMin {
		time.Sleep(wait)
	}
}

const (
	restPerSecond = 16_000
	restBurst     = 1
	restMin       = time.Millisecond
	restMax       = 100 * time.Millisecond
)

// findRequest tells how the payment stands that the caller asked for under a request id.
func (d *desk) findRequest() {
	arguments := d.ctx.QueryArgs()
	requestID := string(arguments.Peek("request_id"))
	switch {
	case requestID == "":
		d.refuse(&payment.Refusal{Failure: payment.MissingField, Field: "request_id"})
		return
	case len(requestID) > requestIDMax || arguments.Len() != 1:
		d.refuse(&payment.Refusal{Failure: payment.FieldInvalid, Field: "request_id", Detail: "want one, and nothing else"})
		return
	}
	p, over, err := d.ask(underRequest(d.caller, requestID), func() (payment.Payment, error) {
		return d.gateway.options.Engine.FindRequest(d.caller, requestID)
	})
	d.tell(p, over, err)
}

// decode says what a code is, without moving anything. A payer's code is masked.
func (d *desk) decode() {
	var m payMessage
	if !d.readCode(decodeFields, &m) {
		return
	}
	if err := d.gateway.options.Decoder().Decode(m.code, &d.code); err != nil {
		d.refuseCode(err)
		return
	}
	if d.code.Mode == codec.CustomerPresented {
		for i := range d.code.Fields {
			d.code.Fields[i].Value, d.code.Fields[i].Readable = mask(d.code.Fields[i].Value), ""
		}
	}
	text, err := json.Marshal(&d.code)
	if err != nil {
		d.refuse(&payment.Refusal{Failure: payment.InternalError})
		return
	}
	d.out = append(d.out[:0], text...)
	d.answer(fasthttp.StatusOK)
}

// readCode reads a message that carries a code and perhaps an amount and a scene.
func (d *desk) readCode(allowed int, m *payMessage) bool {
	d.copyBody()
	refusal := readPay(d.body, allowed, m)
	if refusal == nil && m.code == "" {
		refusal = &payment.Refusal{Failure: payment.MissingField, Field: "code"}
	}
	if refusal != nil {
		d.refuse(refusal)
		return false
	}
	return true
}

// refuseCode answers with what is wrong with a code and where.
func (d *desk) refuseCode(err error) {
	refusal := codeRefusal(err)
	var e *codec.Error
	if errors.As(err, &e) {
		refusal.Detail = e.Error()
	}
	d.refuse(refusal)
}

// resolve asks the code's institution who is to be paid and how much.
func (d *desk) resolve() {
	var m payMessage
	if !d.readCode(resolveFields, &m) {
		return
	}
	if m.hasAmount && !payment.Fen(m.amount).Valid() {
		d.refuse(&payment.Refusal{Failure: payment.AmountInvalid, Field: "amount_fen"})
		return
	}
	_, mode, refusal := d.read(&m)
	if refusal == nil {
		refusal = d.route(&m, "")
	}
	if refusal != nil {
		d.refuse(refusal)
		return
	}
	answer := payment.Answer{Outcome: payment.Approved, Static: d.code.Static, Payee: d.code.Merchant.Name, Amount: payment.Fen(m.amount)}
	if d.decision.Institution != d.caller && mode == payment.MerchantPresented {
		answer = d.askIssuer(&m)
	}
	if answer.Outcome != payment.Approved {
		if answer.Failure == payment.NoFailure || answer.Failure.HTTPStatus() == fasthttp.StatusOK {
			answer.Failure = payment.InstitutionUnavailable
		}
		d.refuse(&payment.Refusal{Failure: answer.Failure})
		return
	}
	d.out = append(d.out[:0], '{')
	d.out = object.AppendField(d.out, "institution", d.decision.Institution)
	d.out = object.AppendField(d.out, "scheme", d.code.Scheme)
	d.out = object.AppendField(d.out, "mode", mode.String())
	d.out = object.AppendField(d.out, "payee", answer.Payee)
	if answer.Amount > 0 {
		d.out = object.AppendInt(d.out, "amount_fen", int64(answer.Amount))
	}
	d.out = object.AppendField(d.out, "currency", d.code.Currency)
	d.out = object.AppendBool(d.out, "static", answer.Static)
	d.out = append(d.out, '}')
	d.answer(fasthttp.StatusOK)
}

func (d *desk) askIssuer(m *payMessage) payment.Answer {
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	return d.gateway.options.Resolver.Resolve(ctx, &payment.Operation{
		Kind: payment.Resolve, Institution: d.decision.Institution, Caller: d.caller,
		Code: m.code, Amount: payment.Fen(m.amount), Currency: d.code.Currency, Time: d.sent,
	})
}
