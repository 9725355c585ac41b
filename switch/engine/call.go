package engine

import (
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// call is one caller that waits for a reply. Whoever takes one on answers it, at the latest
// when the writer ends: the caller waits for nothing else.
type call struct {
	engine  *Engine          // Whose pool it is from.
	done    chan struct{}    // Receives one value when payment or refusal is set.
	tell    Tell             // Called instead; nil where somebody waits.
	payment *payment.Payment // Nobody changes it any more.
	refusal payment.Failure
	found   bool // Find: the payment is at work, and payment says how it stands.
	queue   []Undecided
	stood   []ledger.Stood
	tail    uint64 // stand: blocks up to this one were durable when the answer came.
	inquiry *Inquiry
	next    *call // Another caller who waits for the same payment.
}

func newCall() *call { return &call{done: make(chan struct{}, 1)} }

// borrow takes a call from the engine's pool, or makes one.
func (e *Engine) borrow() *call {
	if c, ok := e.calls.Get().(*call); ok {
		return c
	}
	c := newCall()
	c.engine = e
	return c
}

// release gives c back; only its waiter does so, after done, or who tells.
func (e *Engine) release(c *call) {
	c.payment, c.refusal, c.found, c.next = nil, payment.NoFailure, false, nil
	c.queue, c.stood, c.tail, c.inquiry, c.tell = nil, nil, 0, nil, nil
	e.calls.Put(c)
}

// join makes c wait for l; a nil call waits for nothing.
func (c *call) join(l *life) {
	if c == nil {
		return
	}
	c.next, l.calls = l.calls, c
}

// finish wakes the waiter, or tells whoever is to be told; c is theirs from then on.
func (c *call) finish() {
	tell := c.tell
	if tell == nil {
		c.done <- struct{}{}
		return
	}
	p, failure := c.payment, c.refusal
	c.engine.release(c)
	if failure != payment.NoFailure {
		tell(nil, &payment.Refusal{Failure: failure})
		return
	}
	tell(p, nil)
}

// turnAway is finish with a refusal.
func (c *call) turnAway(failure payment.Failure) {
	c.refusal = failure
	c.finish()
}
