package engine

import (
	"fmt"

	"tongma/switch/journal"
	"tongma/switch/payment"
)

// batch is one block and what may happen when it is durable.
type batch struct {
	records []journal.Record
	updates []journal.Update
	// requests are the updates by request. They go in after the others, so that both lots
	// come to the store nearly in the order of their keys, where it need not search anew
	// for the place of each.
	requests []journal.Update
	bodies   []byte // What the bodies of records lie in.
	text     []byte // What keys and values of updates lie in.
	ops      []*payment.Operation
	replies  []*call
	owed     []string // Institutions that are owed an outcome of this block.
	expect   uint64   // The sequence before the block's.
	ticket   journal.Ticket
	state    []byte        // A snapshot as of this block; nil for none.
	reached  chan struct{} // Closed by the appender; such a batch is empty and ends there.
}

func (b *batch) empty() bool {
	return len(b.records) == 0 && len(b.ops) == 0 && len(b.replies) == 0
}

// record is one more, whose body begins in bodies at from and ends where bodies ends now. It
// stays as it is when bodies grows.
func (b *batch) record(kind recordKind, from int) {
	body := b.bodies[from:len(b.bodies):len(b.bodies)]
	b.records = append(b.records, journal.Record{Kind: uint8(kind), Version: kind.version(), Body: body})
}

// update is the one whose key begins in text at from and whose value begins at value and ends
// where text ends now. It stays as it is when text grows.
func (b *batch) update(from, value int) journal.Update {
	return journal.Update{Key: b.text[from:value:value], Value: b.text[value:len(b.text):len(b.text)]}
}

func (b *batch) reset() {
	clear(b.records)
	clear(b.updates)
	clear(b.requests)
	clear(b.ops)
	clear(b.replies)
	b.records, b.updates, b.requests, b.text = b.records[:0], b.updates[:0], b.requests[:0], b.text[:0]
	b.bodies, b.ops, b.replies, b.owed = b.bodies[:0], b.ops[:0], b.replies[:0], b.owed[:0]
	b.ticket, b.state = nil, nil
}

// append puts each block into the journal, in order. After a fault none follows: the
// committer then refuses what the blocks would have answered.
func (w *writer) append() {
	defer close(w.commits)
	for b := range w.appends {
		if b.reached != nil {
			close(b.reached)
			continue
		}
		if len(b.records) > 0 && w.failed.Load() == nil {
			w.store(b)
		}
		w.commits <- b
	}
}

func (w *writer) store(b *batch) {
	b.updates = append(b.updates, b.requests...)
	ticket, err := w.options.Log.Append(b.expect, b.records, b.updates)
	if err != nil {
		w.fail(fmt.Errorf("engine: cannot append block %d: %w", b.expect+1, err))
		return
	}
	b.ticket = ticket
}

// commit waits for each block to be durable, in order, then sends and answers.
func (w *writer) commit(done chan<- struct{}) {
	defer close(done)
	for b := range w.commits {
		if b.ticket != nil && w.failed.Load() == nil {
			if err := b.ticket.Wait(); err != nil {
				w.fail(fmt.Errorf("engine: a block did not become durable: %w", err))
			} else {
				w.fresh.durable.Store(b.expect + 1)
			}
		}
		w.deliver(b)
		w.keep(b)
		b.reset()
		w.free <- b
	}
}

func (w *writer) deliver(b *batch) {
	failed := w.failed.Load() != nil
	if !failed && len(b.ops) > 0 {
		w.options.Sender.Send(b.ops)
	}
	if !failed && w.options.Owed != nil {
		for _, institution := range b.owed {
			w.options.Owed(institution)
		}
	}
	for _, c := range b.replies {
		if failed && c.refusal == payment.NoFailure {
			c.refusal = payment.JournalFailed
		}
		c.finish()
	}
}
