package engine

import (
	"fmt"
	"time"

	"tongma/switch/journal"
	"tongma/switch/payment"
)

// Ending is the outcome of a payment whose money moved, as the journal holds it.
type Ending struct {
	At       journal.Position // Of the outcome's record.
	Payment  payment.Payment  // With its intent's fields; Refunded is not filled.
	Postings []payment.Posting
}

// Endings reads blocks in order and tells which payments moved money and what people did
// between them: what settlement is folded from. It keeps the intents of payments that have
// no end yet; the zero value begins anywhere, if it is told where to look for older ones.
type Endings struct {
	// Brief reads no more than settlement asks for, which runs beside the payments on the same
	// processors: of a payment ID, Kind, Reason, Original, Institution, RequestID, Amount, Status,
	// Failure and Decided; of its legs Kind, Medium, Institution and Amount.
	Brief bool

	// Find reads the payment id from the projection, where its intent stands before the
	// first block that was read. Nil where that is the journal's first.
	Find func(id payment.ID) (payment.Payment, error)

	open   map[string]intent
	names  map[string]string // Of institutions and accounts: each is kept once.
	ending Ending
}

// intent is one that has no outcome yet.
type intent struct {
	id      string
	body    []byte // After the id.
	version uint8
}

// namesMax bounds the names that are kept.
const namesMax = 1 << 16

// Visitor is told what a block holds, in its order. Either may be nil. An Ending is valid
// during the call.
type Visitor struct {
	Ended func(*Ending) error
	Acted func(at journal.Position, a *Act) error
}

// Block takes the next block.
func (e *Endings) Block(b *journal.Block, v Visitor) error {
	if e.open == nil {
		e.open, e.names = map[string]intent{}, map[string]string{}
	}
	for i := range b.Records {
		at := journal.Position{Sequence: b.Sequence, Offset: uint32(i)}
		if err := e.record(&b.Records[i], at, v); err != nil {
			return fmt.Errorf("engine: block %d, record %d: %w", b.Sequence, i, err)
		}
	}
	return nil
}

func (e *Endings) record(record *journal.Record, at journal.Position, v Visitor) error {
	if !readable(record) {
		return fmt.Errorf("%w: kind %d version %d is not of this build", errRecord, record.Kind, record.Version)
	}
	switch recordKind(record.Kind) {
	case recordIntent:
		r := reader{body: record.Body}
		id := r.string()
		e.open[id] = intent{id, r.body, record.Version}
		return r.err
	case recordOutcome:
		return e.outcome(record, at, v.Ended)
	case recordAct:
		if v.Acted == nil {
			return nil
		}
		a, err := readAct(record)
		if err != nil {
			return err
		}
		return v.Acted(at, &a)
	}
	return nil
}

// outcome tells an ending if the outcome posted anything. The second outcome of a payment
// that was cancelled does not: its cancel did.
func (e *Endings) outcome(record *journal.Record, at journal.Position, ended func(*Ending) error) error {
	r := reader{body: record.Body, version: record.Version}
	id := r.text()
	begun, known := e.open[string(id)]
	delete(e.open, string(id))
	if r.err != nil || ended == nil || len(r.body) == 0 || payment.Status(r.body[0]) != payment.StatusApproved {
		return r.err
	}
	p := &e.ending.Payment
	switch {
	case known && !e.Brief:
		whole := newLife()
		from := reader{body: begun.body, version: begun.version}
		if err := fold(whole, recordIntent, &from); err != nil {
			return err
		}
		*p = *whole.Payment
		p.ID = payment.ID(begun.id)
	case known:
		*p = payment.Payment{ID: payment.ID(begun.id), Legs: p.Legs}
		from := reader{body: begun.body, version: begun.version}
		if e.intent(p, &from); from.err != nil {
			return from.err
		}
	case e.Find != nil:
		found, err := e.Find(payment.ID(id))
		if err != nil {
			return fmt.Errorf("cannot find the intent of %s: %w", id, err)
		}
		*p = found
	default:
		return fmt.Errorf("%w: outcome of %s without its intent", errRecord, id)
	}
	if !e.Brief {
		return e.whole(&r, at, ended)
	}
	p.Status, p.Failure = payment.Status(r.byte()), payment.Failure(r.byte())
	p.Decided = time.Unix(0, r.varint()).UTC()
	e.legs(p, &r)
	e.postings(&r)
	if r.err == nil && len(r.body) > 0 {
		return fmt.Errorf("%w: %d bytes too many in outcome", errRecord, len(r.body))
	}
	if r.err != nil || len(e.ending.Postings) == 0 {
		return r.err
	}
	e.ending.At = at
	return ended(&e.ending)
}

// whole tells an ending with everything that the outcome says.
func (e *Endings) whole(r *reader, at journal.Position, ended func(*Ending) error) error {
	p := e.ending.Payment
	l := &life{Payment: &p}
	if err := fold(l, recordOutcome, r); err != nil || len(l.posted) == 0 {
		return err
	}
	return ended(&Ending{At: at, Payment: p, Postings: l.posted})
}

// intent reads the beginning of an intent's body; see appendIntent.
func (e *Endings) intent(p *payment.Payment, r *reader) {
	p.Kind = payment.Kind(r.byte())
	r.skip(2)
	if r.version >= intentVersion {
		p.Reason = payment.Reason(r.byte())
	}
	r.skip(len(p.Digest))
	p.Original = payment.ID(r.string())
	p.Institution, p.RequestID = e.name(r.text()), r.string()
	r.varint()
	r.varint()
	p.Amount = payment.Fen(r.varint())
}

// legs reads the legs; see appendLegs.
func (e *Endings) legs(p *payment.Payment, r *reader) {
	r.skip(1)
	n := int(r.byte())
	if n > payment.LegsMax {
		r.fail("legs")
		return
	}
	p.Legs = p.Legs[:0]
	for range n {
		leg := payment.Leg{Kind: payment.OperationKind(r.byte()), Medium: payment.Medium(r.byte())}
		r.skip(3)
		leg.Institution = e.name(r.text())
		r.text()
		leg.Amount = payment.Fen(r.varint())
		r.text()
		p.Legs = append(p.Legs, leg)
	}
}

// postings reads what an outcome posted; see appendPostings.
func (e *Endings) postings(r *reader) {
	list := e.ending.Postings[:0]
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		list = append(list, payment.Posting{
			Account: e.name(r.text()), Amount: payment.Fen(r.varint()), Currency: e.name(r.text()),
		})
	}
	e.ending.Postings = list
}

// name is text as a string that is made once.
func (e *Endings) name(text []byte) string {
	if known, ok := e.names[string(text)]; ok {
		return known
	}
	if len(e.names) >= namesMax {
		clear(e.names)
	}
	fresh := string(text)
	e.names[fresh] = fresh
	return fresh
}

// text reads a text without copying it.
func (r *reader) text() []byte {
	n := r.uvarint()
	if n > uint64(len(r.body)) {
		r.fail("text")
		return nil
	}
	text := r.body[:n]
	r.body = r.body[n:]
	return text
}

// skip passes n bytes over.
func (r *reader) skip(n int) {
	if n > len(r.body) {
		r.fail("byte")
		return
	}
	r.body = r.body[n:]
}
