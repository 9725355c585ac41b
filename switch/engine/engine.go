package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// Sender carries operations to institutions. Send must not block; what it is handed
// together should leave together. The answer to each operation comes back through
// Engine.Answer exactly once, whatever happens.
type Sender interface {
	Send(ops []*payment.Operation)
}

// Snapshots keeps what bounds the replay.
type Snapshots interface {
	Save(sequence uint64, state []byte) error
	// Newest returns the newest snapshot that reads well; sequence 0 where there is none.
	Newest() (sequence uint64, state []byte, err error)
}

// Options is everything that an Engine needs. Validate reports all faults at once.
type Options struct {
	Shard     uint16
	Limits    Limits
	Plans     map[string]Plan // By institution; the one under "" serves the others.
	Log       journal.Log
	View      journal.View
	Snapshots Snapshots
	Sender    Sender
	Logger    *zap.Logger
	// Ledger is the shard's book, empty: replay fills it. Nil keeps one without limits or
	// fees. It belongs to the engine from Open on.
	Ledger *ledger.Book
	// Announces lists the institutions that are owed outcomes that they, as callers, were not told
	// at once. Owed, unless nil, is called when one more is durable; it must not block.
	Announces []string
	Owed      func(institution string)
	// Progress is told while the journal is replayed: blocks done, of how many.
	Progress func(done, total uint64)
}

// Engine runs one shard: it carries out what the core decides, through the journal and
// the institutions' links.
type Engine struct {
	options    Options
	projection projection
	inbox      inbox
	refusals   refusals
	writer     *writer
	failed     atomic.Pointer[error] // Set when the journal refused: nothing is accepted any more.
	stopping   atomic.Bool
	idle       chan struct{} // Closed when the writer and the committer have ended.
	stopOnce   sync.Once
	calls      sync.Pool // Of *call.
}

// Open replays the journal from its newest snapshot, goes on with every payment that
// had no end, and starts the shard. Until Start is called nothing is sent.
func Open(options Options) (*Engine, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	if options.Ledger == nil {
		options.Ledger = ledger.New(ledger.DefaultLimits(), nil)
	}
	e := &Engine{options: options, idle: make(chan struct{})}
	e.projection.log, e.projection.view = options.Log, options.View
	e.inbox.ready = make(chan struct{}, 1)
	e.refusals.perSecond = options.Limits.RefusalsPerSecond
	e.writer = newWriter(e)
	if err := e.writer.replay(); err != nil {
		return nil, fmt.Errorf("engine: cannot replay the journal: %w", err)
	}
	return e, nil
}

// Start sends and answers from now on, and asks about what an earlier run left open.
func (e *Engine) Start() { go e.writer.run() }

// Submit asks for a payment and waits for its end, or until the answer deadline. The
// payment's Status tells which. The error is a *payment.Refusal: nothing was moved and
// no intent was written; except for JournalFailed, which may have left an intent behind
// that is resolved at the next start.
func (e *Engine) Submit(r *Request) (payment.Payment, error) {
	if refusal := e.accepting(); refusal != nil {
		return payment.Payment{}, refusal
	}
	c := e.borrow()
	e.inbox.put(input{event: event{kind: eventAccept, request: r, calls: c}})
	return e.payment(c)
}

// Tell takes what Submit returns. Nobody changes the payment any more, and nobody may.
type Tell func(p *payment.Payment, err error)

// Begin is Submit for a caller that has many payments in flight and does not wait for each:
// tell is called exactly once. A refusal may be told before Begin returns; all else from where
// every answer is handed out, one after the other: it must not block.
func (e *Engine) Begin(r *Request, tell Tell) {
	if refusal := e.accepting(); refusal != nil {
		tell(nil, refusal)
		return
	}
	c := e.borrow()
	c.tell = tell
	e.inbox.put(input{event: event{kind: eventAccept, request: r, calls: c}})
}

// wait returns when c is answered, with the payment that answers it, if it asked for one.
func (e *Engine) wait(c *call) (*payment.Payment, error) {
	<-c.done
	p, failure := c.payment, c.refusal
	e.release(c)
	if failure != payment.NoFailure {
		return nil, &payment.Refusal{Failure: failure}
	}
	return p, nil
}

// payment waits for the payment that answers c.
func (e *Engine) payment(c *call) (payment.Payment, error) {
	p, err := e.wait(c)
	if err != nil {
		return payment.Payment{}, err
	}
	return *p, nil
}

// accepting says why no new payment is taken; nil when one is. A full disk is named:
// somebody has to make room.
func (e *Engine) accepting() *payment.Refusal {
	if e.stopping.Load() {
		return &payment.Refusal{Failure: payment.ShuttingDown}
	}
	err := e.options.Log.Accepting()
	if failed := e.failed.Load(); failed != nil {
		err = *failed
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, journal.ErrDiskFull):
		return &payment.Refusal{Failure: payment.JournalUnavailable, Detail: journal.ErrDiskFull.Error()}
	}
	return &payment.Refusal{Failure: payment.JournalUnavailable}
}

// Ready reports why the engine takes no payments; nil when it does. The error is a
// *payment.Refusal.
func (e *Engine) Ready() error {
	if refusal := e.accepting(); refusal != nil {
		return refusal
	}
	return nil
}

// Answer takes an institution's answer to op. The link calls it exactly once for each
// operation that it was given.
func (e *Engine) Answer(op *payment.Operation, answer payment.Answer) {
	e.inbox.put(input{event: event{kind: eventAnswer, op: op, answer: &answer}})
}

// Answered is one institution's answer to one operation.
type Answered struct {
	Op     *payment.Operation
	Answer payment.Answer
}

// Answers is Answer for many that came together. The list is the engine's from then on.
func (e *Engine) Answers(list []Answered) {
	e.inbox.putAnswers(list)
}

// Late takes an answer that came after the link had given up on op.
func (e *Engine) Late(op *payment.Operation, answer payment.Answer) {
	e.inbox.put(input{event: event{kind: eventLate, op: op, answer: &answer}})
}

// Refused writes down that a request was refused before it became a payment. It never
// blocks; over the limit of a second refusals are counted instead of kept one by one.
func (e *Engine) Refused(note Refused) {
	if e.failed.Load() != nil {
		return
	}
	suppressed, keep := e.refusals.keep(time.Now(), note.Claimed)
	if !keep {
		return
	}
	e.inbox.put(input{event: event{kind: eventRefused}, rare: &rare{refused: &note, suppressed: suppressed}})
}

// Stop takes no more payments, waits until those at work have ended or ctx is done,
// answers the rest as unknown with a record of it, and ends. What is still open is
// resolved at the next start.
func (e *Engine) Stop(ctx context.Context) error {
	e.stopping.Store(true)
	e.inbox.put(input{event: event{kind: eventStop}})
	select {
	case <-e.idle:
	case <-ctx.Done():
		e.stopOnce.Do(func() { close(e.writer.now) })
		<-e.idle
	}
	if failed := e.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}
