package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"tongma/switch/journal"
	"tongma/switch/payment"
)

// replay rebuilds the payments at work from the newest snapshot and the blocks after it,
// and the filter of request ids from the projection.
func (w *writer) replay() error {
	tail, _ := w.options.Log.Tail()
	w.tail = tail
	from, state, err := w.options.Snapshots.Newest()
	if err != nil {
		return err
	}
	if from > tail {
		return fmt.Errorf("engine: snapshot of block %d, but the journal ends at %d", from, tail)
	}
	if err := w.core.restore(state); err != nil {
		return fmt.Errorf("engine: cannot read the snapshot of block %d: %w", from, err)
	}
	w.snapshotAt = from
	if from < tail {
		err = w.options.Log.Read(from+1, func(b *journal.Block) error {
			w.progress(b.Sequence-from, tail-from)
			return w.core.foldBlock(b)
		})
	}
	if err != nil {
		return err
	}
	err = w.options.View.Scan([]byte{keyRequest}, func(key, _ []byte) error {
		w.seen.add(hashOf(key))
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.fillHistory(); err != nil {
		return err
	}
	return w.resume()
}

func (w *writer) progress(done, total uint64) {
	if w.options.Progress != nil {
		w.options.Progress(done, total)
	}
}

// foldBlock applies the records of one block to the payments at work.
func (c *core) foldBlock(b *journal.Block) error {
	for i := range b.Records {
		record := &b.Records[i]
		at := journal.Position{Sequence: b.Sequence, Offset: uint32(i)}
		if err := c.foldRecord(record, at); err != nil {
			return fmt.Errorf("block %d, record %d: %w", b.Sequence, i, err)
		}
	}
	return nil
}

func (c *core) foldRecord(record *journal.Record, at journal.Position) error {
	kind := recordKind(record.Kind)
	if !readable(record) {
		return fmt.Errorf("%w: kind %d version %d is not of this build", errRecord, record.Kind, record.Version)
	}
	switch kind {
	case recordRefused, recordNote, recordRefunded, recordOwed, recordTold:
		return nil
	case recordAct:
		a, err := readAct(record)
		if err != nil {
			return err
		}
		return a.enter(c.book)
	}
	r := reader{body: record.Body, version: record.Version}
	id := payment.ID(r.string())
	l := c.lives[id]
	if l == nil {
		if kind != recordIntent {
			return nil // The second outcome of a payment that had ended.
		}
		l = newLife()
		l.ID = id
		c.lives[id] = l
	}
	if err := fold(l, kind, &r); err != nil {
		return err
	}
	l.positions = append(l.positions, at)
	if err := c.book.Post(l.posted); err != nil {
		return err
	}
	l.posted = nil
	if l.ended() && kind == recordOutcome {
		delete(c.lives, id)
	}
	return nil
}

// resume sets going again what replay found at work.
func (w *writer) resume() error {
	list, err := w.core.relink(w.projection.find)
	if err != nil {
		return err
	}
	for _, l := range list {
		w.seen.add(hashOf(requestKeyBytes(l.Institution, l.RequestID)))
	}
	spacing := time.Second / time.Duration(w.options.Limits.ResumePerSecond)
	actions := w.core.resumeAll(time.Now(), list, spacing)
	for i := range actions {
		w.collect(&actions[i])
	}
	if len(list) > 0 {
		w.options.Logger.Info("engine: payments without an end are resumed", zap.Int("payments", len(list)))
	}
	return nil
}

// relink gives the payments at work back what only memory held: their place among the
// requests, their originals, what they reserve. It returns them by age. find reads a
// payment that has ended.
func (c *core) relink(find func(payment.ID) (*life, error)) ([]*life, error) {
	list := make([]*life, 0, len(c.lives))
	for _, l := range c.lives {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *life) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for _, l := range list {
		c.asked[requestKey{l.Institution, l.RequestID}] = l
		if l.phase != phaseManual {
			c.working++
		}
		if err := c.linkOriginal(l, find); err != nil {
			return nil, err
		}
		c.holdAgain(l)
	}
	return list, nil
}

func (c *core) linkOriginal(l *life, find func(payment.ID) (*life, error)) error {
	if l.Original == "" {
		return nil
	}
	original := c.known(l.Original)
	if original == nil {
		var err error
		if original, err = find(l.Original); err != nil {
			return fmt.Errorf("engine: cannot find the original of %s: %w", l.ID, err)
		}
		c.past[l.Original] = original
	}
	l.original = original
	l.attach()
	return nil
}

// resumeAll goes on with every payment of list, spread over time so that institutions
// are not flooded with queries.
func (c *core) resumeAll(now time.Time, list []*life, spacing time.Duration) []action {
	c.out = c.out[:0]
	for i, l := range list {
		if c.lives[l.ID] == l {
			c.resume(now, l, time.Duration(i)*spacing)
		}
	}
	c.arm()
	return c.out
}

// snapshotVersion stands first in a snapshot. It is the version of the intents in it.
const snapshotVersion = intentVersion

// snapshot writes the payments at work down once in a while, as they are after b, so that a
// start need not read the journal from its beginning. When one is still being written the
// next waits for its turn.
func (w *writer) snapshot(b *batch) {
	if w.tail-w.snapshotAt < uint64(w.options.Limits.SnapshotBlocks) {
		return
	}
	select {
	case w.snapshotting <- struct{}{}:
		b.state, w.snapshotAt = w.core.save(), w.tail
	default:
	}
}

// keep saves the snapshot that b carries, if it is durable, beside the payments' path.
func (w *writer) keep(b *batch) {
	if b.state == nil {
		return
	}
	if w.failed.Load() != nil {
		<-w.snapshotting
		return
	}
	sequence, state := b.expect+1, b.state
	go func() {
		defer func() { <-w.snapshotting }()
		if err := w.options.Snapshots.Save(sequence, state); err != nil {
			w.options.Logger.Warn("engine: cannot save a snapshot", zap.Error(err))
		}
	}()
}

// save encodes the book and the durable part of every payment at work.
func (c *core) save() []byte {
	state := appendString([]byte{snapshotVersion}, string(c.book.AppendState(nil)))
	for _, l := range c.lives {
		state = appendLife(state, l)
	}
	return state
}

func appendLife(dst []byte, l *life) []byte {
	body := appendString(nil, string(l.ID))
	body = appendIntent(body, l.Payment)
	body = append(body, byte(l.phase))
	body = appendLegs(body, l)
	body = append(body, byte(l.Status), byte(l.failure))
	body = appendPositions(body, l.positions)
	return appendString(dst, string(body))
}

// restore is the inverse of save; an empty state holds nothing.
func (c *core) restore(state []byte) error {
	if len(state) == 0 {
		return nil
	}
	if state[0] < recordVersion || state[0] > snapshotVersion {
		return fmt.Errorf("%w: snapshot version %d is not of this build", errRecord, state[0])
	}
	r := reader{body: state[1:]}
	if err := c.book.Restore([]byte(r.string())); err != nil {
		return err
	}
	for len(r.body) > 0 {
		body := reader{body: []byte(r.string()), version: state[0]}
		l := newLife()
		l.ID = payment.ID(body.string())
		body.intent(l.Payment)
		l.phase = phase(body.byte())
		body.legs(l)
		l.Status, l.failure = payment.Status(body.byte()), payment.Failure(body.byte())
		positions, err := readPositions(body.body)
		if err = firstError(r.err, body.err, err); err != nil {
			return err
		}
		l.positions = positions
		c.lives[l.ID] = l
	}
	return r.err
}

func firstError(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}
