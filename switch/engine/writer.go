package engine

import (
	"crypto/rand"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"tongma/switch/journal"
	"tongma/switch/payment"
)

// writer is the one goroutine that owns a shard's state. It takes what is queued, lets
// the core decide and hands the records on as one block: to the appender, which puts it into
// the journal, and from there to the committer, which sends and answers once the block is
// durable. While one block is decided the one before it is hashed and copied and the ones
// before that are on their way to the disk.
type writer struct {
	*Engine
	core   *core
	seen   *seen
	timers timers
	fresh  fresh
	// inquiries are queries that people wait for, by the operation that was sent.
	inquiries map[*payment.Operation]*call
	entropy   *ulid.MonotonicEntropy
	tail      uint64
	batch     *batch
	spare     []input
	key       []byte      // Of the request at hand, in the projection.
	hash      uint64      // Of key.
	free      chan *batch // Batches to be filled, as many as blocks may be in flight.
	appends   chan *batch // Batches on their way into the journal, in order.
	commits   chan *batch // Batches on their way to the disk, in order.
	now       chan struct{}
	stop      bool

	noHistory    bool   // Of accounts: the journal was trimmed before it had one.
	snapshotAt   uint64 // Sequence of the newest snapshot.
	snapshotting chan struct{}
}

// spareMax bounds the inputs whose room is kept from one turn to the next.
const spareMax = 8192

// idle time after which the writer looks at its timers in any case.
const idleMax = time.Second

func newWriter(e *Engine) *writer {
	w := &writer{
		Engine:       e,
		core:         newCore(e.options.Limits, e.options.Plans, e.options.Ledger),
		seen:         newSeen(),
		inquiries:    map[*payment.Operation]*call{},
		entropy:      ulid.Monotonic(rand.Reader, 0),
		batch:        new(batch),
		free:         make(chan *batch, e.options.Limits.BlocksInFlight),
		appends:      make(chan *batch, e.options.Limits.BlocksInFlight),
		commits:      make(chan *batch, e.options.Limits.BlocksInFlight),
		now:          make(chan struct{}),
		snapshotting: make(chan struct{}, 1),
	}
	for _, institution := range e.options.Announces {
		w.core.owes[institution] = true
	}
	for range e.options.Limits.BlocksInFlight {
		w.free <- new(batch)
	}
	return w
}

// run is the writer's life.
func (w *writer) run() {
	committed := make(chan struct{})
	go w.append()
	go w.commit(committed)
	w.loop()
	close(w.appends)
	<-committed
	w.turnAway()
	w.snapshotting <- struct{}{} // Who waits for the end closes the journal, which a snapshot is being written to.
	close(w.idle)
}

// turnAway answers everybody whom nothing else will answer any more. An orderly stop has
// answered whatever was begun.
func (w *writer) turnAway() {
	failure := payment.ShuttingDown
	if w.failed.Load() != nil {
		failure = payment.JournalFailed
	}
	for _, c := range w.batch.replies {
		c.turnAway(failure)
	}
	for _, l := range w.core.lives {
		for c := l.calls; c != nil; {
			next := c.next // c is its waiter's again once it is answered.
			c.turnAway(failure)
			c = next
		}
	}
	for _, c := range w.inquiries {
		c.turnAway(failure)
	}
	w.inbox.close(failure)
}

func (w *writer) loop() {
	wake := time.NewTimer(idleMax)
	defer wake.Stop()
	for {
		wake.Reset(w.timers.next(time.Now(), idleMax))
		select {
		case <-w.inbox.ready:
		case <-wake.C:
		case <-w.now:
			w.abandon()
			return
		}
		w.turn()
		if w.failed.Load() != nil || (w.stop && w.core.working == 0) {
			w.abandon()
			return
		}
	}
}

// turn lets the core decide on everything that waits, and hands the blocks on.
func (w *writer) turn() {
	now := time.Now()
	inputs := w.inbox.take(w.spare)
	for i := range inputs {
		w.input(now, &inputs[i])
	}
	clear(inputs)
	if cap(inputs) > spareMax {
		inputs = nil // A flood is over; what it needed is given back.
	}
	w.spare = inputs
	for id, ok := w.timers.due(now); ok; id, ok = w.timers.due(now) {
		w.decide(now, &event{kind: eventDue, id: id})
	}
	w.flush()
}

func (w *writer) input(now time.Time, in *input) {
	switch in.kind {
	case eventAccept:
		w.accept(now, &in.event)
	case eventLook:
		w.find(in)
	case eventRefused:
		w.refuse(in)
	case eventAct:
		w.act(in)
	case eventStand:
		in.calls.stood, in.calls.tail = w.core.book.Standings(), w.tail
		w.batch.replies = append(w.batch.replies, in.calls)
	case eventTold:
		w.told(in)
	case eventDecided:
		w.decideByHand(now, in)
	case eventInquire:
		w.inquire(now, in)
	case eventOwe:
		w.owe(in)
	case eventPost:
		w.post(now, in)
	case eventQueue:
		in.calls.queue = w.core.queue(in.limit)
		w.batch.replies = append(w.batch.replies, in.calls)
	case eventStop:
		w.stop = true
	default:
		w.decide(now, &in.event)
		if len(w.inquiries) > 0 && in.kind == eventAnswer {
			w.inquired(&in.event)
		}
	}
}

// accept gives the core what it has to know of the past, then the request.
func (w *writer) accept(now time.Time, ev *event) {
	p := &ev.request.Payment
	key := requestKey{p.Institution, p.RequestID}
	if w.core.asked[key] == nil && w.answeredBefore(key, ev) {
		return
	}
	if p.Original != "" && w.core.known(p.Original) == nil {
		w.recall(now, p.Original)
	}
	ev.id = w.newID(now)
	w.decide(now, ev)
}

// answeredBefore answers a request whose payment has ended, from the projection.
func (w *writer) answeredBefore(key requestKey, ev *event) bool {
	w.key = appendRequestKey(w.key[:0], key.institution, key.requestID)
	w.hash = hashOf(w.key)
	if !w.seen.maybe(w.hash) {
		return false
	}
	w.catchUp()
	id, err := w.projection.request(key.institution, key.requestID)
	if errors.Is(err, journal.ErrNotFound) {
		return false
	}
	var l *life
	if err == nil {
		l, err = w.projection.find(id)
	}
	switch {
	case err != nil:
		w.options.Logger.Error("engine: cannot read a payment that was asked for again", zap.Error(err))
		ev.calls.refusal = payment.InternalError
	case l.Digest != ev.request.Payment.Digest:
		ev.calls.refusal = payment.RequestConflict
	default:
		ev.calls.payment = l.Payment
	}
	w.batch.replies = append(w.batch.replies, ev.calls)
	return true
}

// recall tells the core of a payment that has ended.
func (w *writer) recall(now time.Time, id payment.ID) {
	w.catchUp()
	l, err := w.projection.find(id)
	if err == nil {
		w.decide(now, &event{kind: eventRecalled, past: l})
		return
	}
	if !errors.Is(err, journal.ErrNotFound) {
		w.options.Logger.Error("engine: cannot recall a payment", zap.Error(err))
	}
}

func (w *writer) newID(now time.Time) payment.ID {
	id, err := ulid.New(ulid.Timestamp(now), w.entropy)
	if err != nil { // The entropy of this millisecond is spent, one time in 2^80.
		w.entropy = ulid.Monotonic(rand.Reader, 0)
		id = ulid.MustNew(ulid.Timestamp(now), w.entropy)
	}
	return payment.MakeID(w.options.Shard, id.String())
}

// decide lets the core take one step and collects what has to be done.
func (w *writer) decide(now time.Time, ev *event) {
	actions := w.core.step(now, ev)
	for i := range actions {
		w.collect(&actions[i])
	}
	if len(w.batch.records) >= w.options.Limits.BlockRecordsMax {
		w.flush()
	}
}

func (w *writer) collect(a *action) {
	switch a.kind {
	case actionRecord:
		w.addRecord(a)
	case actionSend:
		w.batch.ops = append(w.batch.ops, a.op)
	case actionTimer:
		w.timers.set(a.life.due, a.life.ID)
	case actionReply:
		w.reply(a.life)
	case actionSame:
		a.calls.payment = a.life.snapshot()
		w.batch.replies = append(w.batch.replies, a.calls)
	case actionRefuse:
		w.refuseCall(a.calls, a.refusal)
	}
}

func (w *writer) reply(l *life) {
	for c := l.calls; c != nil; c = c.next {
		c.payment = l.last()
		w.batch.replies = append(w.batch.replies, c)
	}
	l.calls = nil
}

// addRecord encodes a record and what it changes in the projection.
func (w *writer) addRecord(a *action) {
	b, l := w.batch, a.life
	at := journal.Position{Sequence: w.tail + 1, Offset: uint32(len(b.records))}
	from := len(b.bodies)
	b.bodies = appendRecord(b.bodies, a)
	b.record(a.record, from)
	switch a.record {
	case recordNote:
		b.updates = append(b.updates, journal.Update{Key: noteKey(l.ID, at)})
		return
	case recordOwed:
		b.updates = append(b.updates, journal.Update{Key: owedKey(l.Institution, at), Value: []byte(l.ID)})
		b.owed = append(b.owed, l.Institution)
		return
	case recordRefunded:
		b.updates = append(b.updates, journal.Update{
			Key: refundedKey(l.ID), Value: appendReturned(nil, l.Refunded, l.ChargedBack),
		})
		w.fresh.add(l, at.Sequence)
		return
	}
	l.positions = append(l.positions, at)
	switch a.record {
	case recordIntent:
		// The hash is this request's: answeredBefore looked for it in the step that wrote the
		// intent, so that its place in the filter is still at hand.
		w.seen.add(w.hash)
	case recordOutcome:
		w.project(l)
		w.fresh.add(l, at.Sequence)
	}
}

// project makes an ended payment findable by its id and by its request.
func (w *writer) project(l *life) {
	b := w.batch
	from := len(b.text)
	b.text = append(append(b.text, keyPayment), l.ID...)
	key := len(b.text)
	b.text = appendPositions(b.text, l.positions)
	b.updates = append(b.updates, b.update(from, key))

	from = len(b.text)
	b.text = appendRequestKey(b.text, l.Institution, l.RequestID)
	key = len(b.text)
	b.text = append(b.text, l.ID...)
	b.requests = append(b.requests, b.update(from, key))
}

// flush hands the batch on as one block. It waits while as many blocks as allowed are on
// their way: what comes in meanwhile makes the next block larger.
func (w *writer) flush() {
	b := w.batch
	if b.empty() || w.failed.Load() != nil {
		return
	}
	w.fresh.forget()
	b.expect = w.tail
	if len(b.records) > 0 {
		w.tail++
		w.endBlock(w.tail)
		w.snapshot(b)
	}
	w.appends <- b
	w.batch = <-w.free
}

// catchUp hands the batch on and waits until the projection holds it and all before it.
func (w *writer) catchUp() {
	w.flush()
	reached := make(chan struct{})
	w.appends <- &batch{reached: reached}
	<-reached
}

// fail stops the shard: an append that failed may have been stored, so nothing may be
// decided on top of it. The next start reads what is there.
func (w *writer) fail(err error) {
	if w.failed.CompareAndSwap(nil, &err) {
		w.options.Logger.Error("engine: the shard stops", zap.Error(err))
	}
}

// abandon answers everybody who still waits: the outcome is not known, and says so in
// the journal before it says so to the caller. The payments go on at the next start.
func (w *writer) abandon() {
	for _, l := range w.core.lives {
		if l.replied || w.failed.Load() != nil {
			continue
		}
		w.core.out = w.core.out[:0]
		w.core.tellUnknown(l)
		for i := range w.core.out {
			w.collect(&w.core.out[i])
		}
	}
	w.flush()
}
