package engine

import (
	"sync"

	"tongma/switch/payment"
)

// inbox is where events wait for the writer. It has no limit of its own: what comes in
// is bounded by the gateway's connections, by the operations that were sent and by the
// refusals that are kept in a second.
type inbox struct {
	mu     sync.Mutex
	list   []input
	ready  chan struct{}
	closed payment.Failure // What is answered from now on; NoFailure while the writer lives.
}

// input is one event with what only the runner needs.
type input struct {
	event
	*rare
}

// rare is what most inputs have nothing of.
type rare struct {
	sought     requestKey // look, where the event names no payment
	refused    *Refused
	suppressed uint64 // refused: how many were not kept since the last one that was
	act        *Act
	limit      int   // queue
	owed       *Owed // told
}

// put adds one event. After close whoever waits for it is turned away at once.
func (b *inbox) put(in input) {
	b.mu.Lock()
	closed := b.closed
	if closed == payment.NoFailure {
		b.list = append(b.list, in)
	}
	first := len(b.list) == 1
	b.mu.Unlock()
	switch {
	case closed != payment.NoFailure:
		in.turnAway(closed)
	case first:
		b.wake()
	}
}

// putAnswers adds answers that came together. After close they change nothing any more:
// the next start asks again.
func (b *inbox) putAnswers(list []Answered) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(list) == 0 || b.closed != payment.NoFailure {
		return
	}
	if len(b.list) == 0 {
		b.wake()
	}
	for i := range list {
		b.list = append(b.list, input{event: event{kind: eventAnswer, op: list[i].Op, answer: &list[i].Answer}})
	}
}

// close turns away everybody who waits here, and whoever comes from now on.
func (b *inbox) close(failure payment.Failure) {
	b.mu.Lock()
	b.closed = failure
	list := b.list
	b.list = nil
	b.mu.Unlock()
	for i := range list {
		list[i].turnAway(failure)
	}
}

// turnAway answers who waits for in, if anybody does.
func (in *input) turnAway(failure payment.Failure) {
	if in.calls != nil {
		in.calls.turnAway(failure)
	}
}

func (b *inbox) wake() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take returns all that waits and leaves spare in its place.
func (b *inbox) take(spare []input) []input {
	b.mu.Lock()
	list := b.list
	b.list = spare[:0]
	b.mu.Unlock()
	return list
}
