package engine

import (
	"errors"

	"go.uber.org/zap"

	"tongma/switch/journal"
	"tongma/switch/payment"
)

// Find tells how the payment id stands. The error is a *payment.Refusal.
func (e *Engine) Find(id payment.ID) (payment.Payment, error) {
	return e.look(input{event: event{id: id}})
}

// FindRequest tells how the payment stands that institution asked for under requestID.
func (e *Engine) FindRequest(institution, requestID string) (payment.Payment, error) {
	return e.look(input{rare: &rare{sought: requestKey{institution, requestID}}})
}

// look finds a payment that has ended in the projection, and asks the writer for the others.
func (e *Engine) look(in input) (payment.Payment, error) {
	select {
	case <-e.idle: // The store may be closed by now.
		return payment.Payment{}, &payment.Refusal{Failure: payment.JournalUnavailable}
	default:
	}
	p, err := e.lookBack(&in)
	if !errors.Is(err, journal.ErrNotFound) && !e.writer.fresh.concerns(&in) {
		return p, e.lookFailed(err)
	}
	return e.lookNow(in)
}

// lookNow asks the writer for a payment at work. It answers in journal order, so what it no
// longer has is in the projection.
func (e *Engine) lookNow(in input) (payment.Payment, error) {
	c := e.borrow()
	in.calls, in.event.kind = c, eventLook
	e.inbox.put(in)
	<-c.done
	p, found, refused := c.payment, c.found, c.refusal != payment.NoFailure
	e.release(c)
	if refused { // What was found did not become durable.
		return payment.Payment{}, &payment.Refusal{Failure: payment.JournalUnavailable}
	}
	if found {
		return *p, nil
	}
	past, err := e.lookBack(&in)
	return past, e.lookFailed(err)
}

// lookBack reads a payment that has ended; journal.ErrNotFound where there is none.
func (e *Engine) lookBack(in *input) (payment.Payment, error) {
	id := in.id
	if in.rare != nil {
		var err error
		if id, err = e.projection.request(in.sought.institution, in.sought.requestID); err != nil {
			return payment.Payment{}, err
		}
	}
	l, err := e.projection.find(id)
	if err != nil {
		return payment.Payment{}, err
	}
	return *l.Payment, nil
}

// lookFailed is what a look-up's caller is told of err; nil where that is nil.
func (e *Engine) lookFailed(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, journal.ErrNotFound) {
		return &payment.Refusal{Failure: payment.PaymentNotFound}
	}
	e.options.Logger.Error("engine: cannot read the projection", zap.Error(err))
	return &payment.Refusal{Failure: payment.InternalError}
}

// find answers a look-up among the payments at work. What it says is durable before it is
// said; that there is no such payment at work is said at once, unless it has only just ended.
func (w *writer) find(in *input) {
	l := w.core.lives[in.id]
	if in.rare != nil {
		l = w.core.asked[in.sought]
	}
	switch {
	case l != nil:
		in.calls.payment, in.calls.found = l.snapshot(), true
	case !w.fresh.concerns(in):
		in.calls.finish()
		return
	}
	w.batch.replies = append(w.batch.replies, in.calls)
}
