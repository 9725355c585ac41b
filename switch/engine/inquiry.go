package engine

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"tongma/switch/journal"
	"tongma/switch/payment"
)

// Inquiry is what an institution said when people had it asked about one leg.
type Inquiry struct {
	Payment payment.Payment // As it stands after the answer.
	Answer  payment.Answer
	Asked   bool // False where the switch is doing something else about the leg just now.
}

// InquiriesMax is how many inquiries may wait for their answers at once.
const InquiriesMax = 64

// Inquire asks the institution of leg number leg (from 0) how it stands, and waits for the
// answer, at most as long as the institution's link does. The answer stands in the journal
// when Inquire returns. A payment that has ended, or that people decide about, is not changed
// by it; one that the switch itself is asking about goes on as after any query.
//
// act says who wants to know; it is durable before the query leaves. The error is a
// *payment.Refusal: PaymentNotFound, or Overloaded with too many inquiries at work.
func (e *Engine) Inquire(id payment.ID, leg int, act *Act) (Inquiry, error) {
	if refusal := e.accepting(); refusal != nil {
		return Inquiry{}, refusal
	}
	c, inquiry := e.borrow(), &Inquiry{}
	c.inquiry = inquiry
	e.inbox.put(input{event: event{kind: eventInquire, id: id, leg: leg, calls: c}, rare: &rare{act: act}})
	p, err := e.payment(c)
	if err != nil {
		return Inquiry{}, err // The engine may still write to inquiry.
	}
	inquiry.Payment = p
	return *inquiry, nil
}

// inquire writes the act and lets the core ask. Both are in one block.
func (w *writer) inquire(now time.Time, in *input) {
	ev := &in.event
	if len(w.batch.records)+decisionRecordsMax > w.options.Limits.BlockRecordsMax {
		w.flush()
	}
	if w.core.lives[in.id] == nil {
		if ev.past = w.ended(in.id, in.calls); ev.past == nil {
			return
		}
	}
	if len(w.inquiries) >= InquiriesMax {
		w.refuseCall(in.calls, payment.Overloaded)
		return
	}
	w.keepAct(in.act)
	asked := false
	for _, a := range w.core.step(now, ev) {
		w.collect(&a)
		if a.kind == actionSend {
			w.inquiries[a.op], asked = in.calls, true
		}
	}
	if asked {
		return
	}
	l := w.core.lives[in.id]
	if l == nil {
		l = ev.past
	}
	in.calls.payment = l.snapshot()
	w.batch.replies = append(w.batch.replies, in.calls)
}

// ended reads a payment that has ended from the projection; where there is none the call is
// answered so.
func (w *writer) ended(id payment.ID, c *call) *life {
	w.catchUp()
	l, err := w.projection.find(id)
	switch {
	case err == nil:
		return l
	case errors.Is(err, journal.ErrNotFound):
		w.refuseCall(c, payment.PaymentNotFound)
	default:
		w.options.Logger.Error("engine: cannot read a payment that people ask about", zap.Error(err))
		w.refuseCall(c, payment.InternalError)
	}
	return nil
}

func (w *writer) refuseCall(c *call, failure payment.Failure) {
	c.refusal = failure
	w.batch.replies = append(w.batch.replies, c)
}

// inquired tells who had an institution asked what it answered. What the core made of the
// answer stands in this block or in one before.
func (w *writer) inquired(ev *event) {
	c := w.inquiries[ev.op]
	if c == nil {
		return
	}
	delete(w.inquiries, ev.op)
	c.inquiry.Asked, c.inquiry.Answer = true, *ev.answer
	if l := w.core.lives[ev.op.Payment]; l != nil {
		c.payment = l.snapshot()
	} else if l := w.ended(ev.op.Payment, c); l != nil {
		c.payment = l.Payment
	} else {
		return
	}
	w.batch.replies = append(w.batch.replies, c)
}

// inquire sends one query more than the plan has. It does not count against the plan, and
// changes nothing by itself: the answer is taken as any other is.
func (c *core) inquire(ev *event) {
	l := c.lives[ev.id]
	asking := l != nil && l.phase == phaseAsking && ev.leg == l.leg && l.current().Kind != payment.CancelLeg
	switch {
	case l == nil:
		l = ev.past
	case l.phase != phaseManual && !asking:
		return
	}
	if ev.leg < 0 || ev.leg >= len(l.Legs) || l.Reason != payment.NoReason {
		return // Of what two persons booked no institution knows the reference.
	}
	at := *l // The leg at hand of an ended payment is its last one.
	at.leg = ev.leg
	c.out = append(c.out, action{kind: actionSend, life: l, op: at.operation(payment.Query)})
}

// Owe writes down that the caller of an ended payment is to be told its outcome, whether it
// was told before or not, together with act. The error is a *payment.Refusal: PaymentNotFound;
// NotAParty where the caller does not take outcomes; NotReady where the payment has no end,
// after which its caller is told anyhow.
func (e *Engine) Owe(id payment.ID, act *Act) (payment.Payment, error) {
	if refusal := e.accepting(); refusal != nil {
		return payment.Payment{}, refusal
	}
	c := e.borrow()
	e.inbox.put(input{event: event{kind: eventOwe, id: id, calls: c}, rare: &rare{act: act}})
	return e.payment(c)
}

// owe writes the act and what is owed. Both are in one block.
func (w *writer) owe(in *input) {
	if len(w.batch.records)+decisionRecordsMax > w.options.Limits.BlockRecordsMax {
		w.flush()
	}
	if w.core.lives[in.id] != nil {
		w.refuseCall(in.calls, payment.NotReady)
		return
	}
	l := w.ended(in.id, in.calls)
	switch {
	case l == nil:
		return
	case !w.core.owes[l.Institution]:
		w.refuseCall(in.calls, payment.NotAParty)
		return
	}
	w.keepAct(in.act)
	w.addRecord(&action{kind: actionRecord, life: l, record: recordOwed})
	in.calls.payment = l.Payment
	w.batch.replies = append(w.batch.replies, in.calls)
}
