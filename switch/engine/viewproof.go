package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// viewProof holds the view against the log. It sums a hash of every entry that the blocks
// lead to, and one of every entry that is there: sums do not depend on the order, so that
// a journal of any size is proved in the memory of its open payments.
type viewProof struct {
	open     map[payment.ID]*life              // Begun and not ended.
	again    map[payment.ID][]journal.Position // Outcomes after the first: of payments that were cancelled.
	returned map[payment.ID][]byte             // As the newest record of it says.
	states   map[string][]byte
	owed     map[string]payment.ID // By key.
	want     entrySum
	trails   []entrySum // Of the accounts' histories, by spans of blocks.
}

func newViewProof() *viewProof {
	return &viewProof{
		open:     map[payment.ID]*life{},
		again:    map[payment.ID][]journal.Position{},
		returned: map[payment.ID][]byte{},
		states:   map[string][]byte{},
		owed:     map[string]payment.ID{},
	}
}

// entrySum is a number of entries and the sum of their hashes.
type entrySum struct {
	entries uint64
	sum     [4]uint64
}

func (t *entrySum) add(key, value []byte) {
	text := binary.AppendUvarint(nil, uint64(len(key)))
	sum := sha256.Sum256(append(append(text, key...), value...))
	for i := range t.sum {
		t.sum[i] += binary.BigEndian.Uint64(sum[8*i:])
	}
	t.entries++
}

// join adds what o sums up.
func (t *entrySum) join(o *entrySum) {
	for i := range t.sum {
		t.sum[i] += o.sum[i]
	}
	t.entries += o.entries
}

// endBlock takes what the block that ends posted, which book has entered.
func (v *viewProof) endBlock(sequence uint64, book *ledger.Book) {
	var sum entrySum
	book.EndBlock(sequence, func(t *ledger.Trail) {
		u := trailUpdate(t, spanOf(sequence))
		sum.add(u.Key, u.Value)
	})
	if sequence%ledger.SpanBlocks != 0 {
		return
	}
	if len(v.trails) > 0 {
		sum.join(&v.trails[len(v.trails)-1])
	}
	v.trails = append(v.trails, sum)
}

// history adds what the view must hold of the accounts' histories. A build that kept none
// may have written the newest blocks, or all: how far they go the view says itself.
func (v *viewProof) history(view journal.View) error {
	done, err := spans(view)
	if err != nil || done == 0 {
		return err
	}
	if done > uint64(len(v.trails)) {
		return fmt.Errorf("engine: the view has the history of %d spans of blocks, but the log has %d", done, len(v.trails))
	}
	v.want.join(&v.trails[done-1])
	u := spansUpdate(done)
	v.want.add(u.Key, u.Value)
	return nil
}

// record takes the next record, which reads well.
func (v *viewProof) record(record *journal.Record, at journal.Position) error {
	r := reader{body: record.Body, version: record.Version}
	id := payment.ID(r.string())
	switch kind := recordKind(record.Kind); kind {
	case recordRefused:
	case recordNote:
		v.want.add(noteKey(id, at), nil)
	case recordOwed:
		v.owed[string(owedKey(r.string(), at))] = id
	case recordTold:
		institution, owed := r.told()
		delete(v.owed, string(owedKey(institution, owed)))
	case recordRefunded:
		refunded, chargedBack := r.returned()
		v.returned[id] = appendReturned(nil, refunded, chargedBack)
	case recordAct:
		a, err := readAct(record)
		if err != nil {
			return err
		}
		v.want.add(actKey(at), nil)
		if a.Key != "" {
			v.states[a.Key] = a.State
		}
	default:
		return v.payment(id, kind, &r, at)
	}
	return r.err
}

// payment takes a record of the payment id: with its outcome it is found in the view.
func (v *viewProof) payment(id payment.ID, kind recordKind, r *reader, at journal.Position) error {
	l := v.open[id]
	if l == nil && kind != recordIntent {
		v.again[id] = append(v.again[id], at)
		return nil
	}
	if l == nil {
		l = newLife()
		v.open[id] = l
	}
	if err := fold(l, kind, r); err != nil {
		return err
	}
	l.positions = append(l.positions, at)
	if kind == recordOutcome {
		v.want.add(paymentKey(id), appendPositions(nil, l.positions))
		v.want.add(requestKeyBytes(l.Institution, l.RequestID), []byte(id))
		delete(v.open, id)
	}
	return nil
}

// check reads the whole view and reports whether it is what the blocks lead to.
func (v *viewProof) check(view journal.View) error {
	for id, sums := range v.returned {
		v.want.add(refundedKey(id), sums)
	}
	for key, id := range v.owed {
		v.want.add([]byte(key), []byte(id))
	}
	for key, state := range v.states {
		v.want.add(stateKey(key), state)
	}
	if err := v.history(view); err != nil {
		return err
	}
	var have entrySum
	err := view.Scan(nil, func(key, value []byte) error {
		have.add(key, v.first(key, value))
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(v.again) > 0:
		return fmt.Errorf("engine: the view does not lead to the second outcome of %d payments", len(v.again))
	case have.entries != v.want.entries:
		return fmt.Errorf("engine: the view has %d entries, but the blocks lead to %d", have.entries, v.want.entries)
	case have != v.want:
		return fmt.Errorf("engine: of the %d entries of the view one or more are not what the blocks lead to", have.entries)
	}
	return nil
}

// first is value as a payment's first outcome left it: without the positions of the later
// ones, which must be there.
func (v *viewProof) first(key, value []byte) []byte {
	if len(key) == 0 || key[0] != keyPayment {
		return value
	}
	id := payment.ID(key[1:])
	before, ok := bytes.CutSuffix(value, appendPositions(nil, v.again[id]))
	if ok {
		delete(v.again, id)
	}
	return before
}
