package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// Act is one administrative act: what a person did to the switch, or tried to. It is one
// form for everything that people decide, so that one list answers who did what and when.
type Act struct {
	Time    time.Time // UTC.
	Who     string    // Name of the person, or of the part of the switch that acted by itself.
	What    string    // Noun and verb, such as table.approve.
	Subject string    // What it was done to: a table's digest, a window's number.
	Refused string    // Why it was not done, a stable word; empty where it was.
	Detail  string    // For people. Never a key.

	// State is how the act left what it changed, kept under Key. It becomes durable with
	// the record or not at all. Without a Key the act changed nothing.
	Key   string
	State []byte

	// Postings is what the act posts: a window that was settled, a deposit. They must sum
	// to zero; an act whose postings do not is refused and not written.
	Postings []payment.Posting
	Caps     []CapChange // Net debit caps that the act sets.
}

// CapChange sets the net debit cap of one side, in fen.
type CapChange struct {
	Side ledger.Side
	Cap  payment.Fen
}

// actBytesMax bounds an act: with it a block must not become one that the journal refuses,
// which would stop the shard.
const actBytesMax = 12 << 20

// Act writes a down and returns when it is durable. The error is a *payment.Refusal; it
// is then not known whether the act was written, but for BodyTooLarge, where it was not.
// Start must have been called.
func (e *Engine) Act(a *Act) error {
	if refusal := e.accepting(); refusal != nil {
		return refusal
	}
	if a.size() > actBytesMax {
		return &payment.Refusal{Failure: payment.BodyTooLarge}
	}
	c := e.borrow()
	e.inbox.put(input{event: event{kind: eventAct, calls: c}, rare: &rare{act: a}})
	_, err := e.wait(c)
	return err
}

// act puts an act into the block at hand. Its caller is answered when that is durable.
func (w *writer) act(in *input) {
	a := in.act
	if len(w.batch.bodies)+a.size() > actBytesMax {
		w.flush()
	}
	if failure := w.core.book.Draw(a.Postings); failure != payment.NoFailure {
		w.refuseCall(in.calls, failure)
		return
	}
	if err := a.enter(w.core.book); err != nil {
		w.options.Logger.Error("engine: an act's postings are refused", zap.String("act", a.What), zap.Error(err))
		w.refuseCall(in.calls, payment.InternalError)
		return
	}
	w.keepAct(a)
	w.batch.replies = append(w.batch.replies, in.calls)
	if len(w.batch.records) >= w.options.Limits.BlockRecordsMax {
		w.flush()
	}
}

// size is about how many bytes a takes in the journal.
func (a *Act) size() int {
	size := len(a.Who) + len(a.What) + len(a.Subject) + len(a.Refused) + len(a.Detail) + len(a.Key) + len(a.State)
	for i := range a.Postings {
		size += len(a.Postings[i].Account) + len(a.Postings[i].Currency) + binary.MaxVarintLen64
	}
	return size
}

// enter does to the book what the act says.
func (a *Act) enter(book *ledger.Book) error {
	if err := book.Post(a.Postings); err != nil {
		return err
	}
	for _, change := range a.Caps {
		book.SetCap(change.Side, change.Cap)
	}
	return nil
}

// keepAct adds an act, whose postings are in the book already, to the block at hand.
func (w *writer) keepAct(a *Act) {
	b := w.batch
	at := journal.Position{Sequence: w.tail + 1, Offset: uint32(len(b.records))}
	from := len(b.bodies)
	b.bodies = appendAct(b.bodies, a)
	b.record(recordAct, from)
	b.updates = append(b.updates, journal.Update{Key: actKey(at)})
	if a.Key != "" {
		b.updates = append(b.updates, journal.Update{Key: stateKey(a.Key), Value: a.State})
	}
}

func actKey(at journal.Position) []byte {
	key := binary.BigEndian.AppendUint64([]byte{keyAct}, at.Sequence)
	return binary.BigEndian.AppendUint32(key, at.Offset)
}

func stateKey(key string) []byte { return append([]byte{keyState}, key...) }

// appendAct appends the body of an act. It begins with an empty payment id.
func appendAct(dst []byte, a *Act) []byte {
	dst = appendString(dst, "")
	dst = binary.AppendVarint(dst, a.Time.UnixNano())
	for _, text := range [...]string{a.Who, a.What, a.Subject, a.Refused, a.Detail, a.Key} {
		dst = appendString(dst, text)
	}
	dst = appendString(dst, string(a.State))
	dst = appendPostings(dst, a.Postings)
	dst = binary.AppendUvarint(dst, uint64(len(a.Caps)))
	for _, change := range a.Caps {
		dst = appendString(dst, change.Side.Institution)
		dst = append(dst, byte(change.Side.Medium))
		dst = binary.AppendVarint(dst, int64(change.Cap))
	}
	return dst
}

func readAct(record *journal.Record) (Act, error) {
	r := reader{body: record.Body, version: record.Version}
	r.string()
	a := Act{Time: r.time()}
	for _, text := range [...]*string{&a.Who, &a.What, &a.Subject, &a.Refused, &a.Detail, &a.Key} {
		*text = r.string()
	}
	a.State = []byte(r.string())
	if r.version >= actVersion {
		a.Postings = r.postings()
		for n := r.uvarint(); n > 0 && r.err == nil; n-- {
			side := ledger.Side{Institution: r.string(), Medium: payment.Medium(r.byte())}
			a.Caps = append(a.Caps, CapChange{side, payment.Fen(r.varint())})
		}
	}
	if r.err == nil && len(r.body) > 0 {
		return a, fmt.Errorf("%w: %d bytes too many in act", errRecord, len(r.body))
	}
	return a, r.err
}

// Standings tells how every side stands that ever moved or was limited. The error is a
// *payment.Refusal.
func (e *Engine) Standings() ([]ledger.Stood, error) {
	list, _, err := e.stand()
	return list, err
}

// stand tells how every side stands, and up to which block that is durable.
func (e *Engine) stand() ([]ledger.Stood, uint64, error) {
	c := e.borrow()
	e.inbox.put(input{event: event{kind: eventStand, calls: c}})
	<-c.done
	list, tail, failure := c.stood, c.tail, c.refusal
	e.release(c)
	if failure != payment.NoFailure {
		return nil, 0, &payment.Refusal{Failure: failure}
	}
	return list, tail, nil
}

// State gives how the newest act left what is kept under key; nil where none did.
func (e *Engine) State(key string) ([]byte, error) {
	value, err := e.options.View.Value(stateKey(key), nil)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil
	}
	return value, err
}

// States calls visit with everything that acts keep under a key that begins with prefix,
// in the order of the keys. What it is given is valid only during the call.
func (e *Engine) States(prefix string, visit func(key string, state []byte) error) error {
	return e.options.View.Scan(stateKey(prefix), func(key, value []byte) error {
		return visit(string(key[1:]), value)
	})
}

// Acts calls visit with every act whose block was not trimmed, the oldest first.
func (e *Engine) Acts(visit func(Act) error) error {
	return e.options.View.Scan([]byte{keyAct}, func(key, _ []byte) error {
		block, err := e.options.Log.Block(binary.BigEndian.Uint64(key[1:]))
		if errors.Is(err, journal.ErrTrimmed) {
			return nil
		}
		if err != nil {
			return err
		}
		offset := binary.BigEndian.Uint32(key[9:])
		if int(offset) >= len(block.Records) {
			return fmt.Errorf("%w: offset %d of %d records", errRecord, offset, len(block.Records))
		}
		a, err := readAct(&block.Records[offset])
		if err != nil {
			return err
		}
		return visit(a)
	})
}

// Intents calls visit with every payment that began in b, as its intent stands there.
func Intents(b *journal.Block, visit func(p *payment.Payment) error) error {
	for i := range b.Records {
		record := &b.Records[i]
		if recordKind(record.Kind) != recordIntent || !readable(record) {
			continue
		}
		r := reader{body: record.Body, version: record.Version}
		l := newLife()
		l.ID = payment.ID(r.string())
		if err := fold(l, recordIntent, &r); err != nil {
			return fmt.Errorf("block %d, record %d: %w", b.Sequence, i, err)
		}
		if err := visit(l.Payment); err != nil {
			return err
		}
	}
	return nil
}
