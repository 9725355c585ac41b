package engine

import (
	"fmt"

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
	// Find reads the payment id from the projection, where its intent stands before the
	// first block that was read. Nil where that is the journal's first.
	Find func(id payment.ID) (payment.Payment, error)

	open map[string]journal.Record // Intents, by payment id.
}

// Visitor is told what a block holds, in its order. Either may be nil.
type Visitor struct {
	Ended func(*Ending) error
	Acted func(at journal.Position, a *Act) error
}

// Block takes the next block. What it hands to v is v's to keep.
func (e *Endings) Block(b *journal.Block, v Visitor) error {
	if e.open == nil {
		e.open = map[string]journal.Record{}
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
		e.open[r.string()] = *record
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
	id := r.string()
	intent, known := e.open[id]
	delete(e.open, id)
	if r.err != nil || ended == nil || len(r.body) == 0 || payment.Status(r.body[0]) != payment.StatusApproved {
		return r.err
	}
	l := &life{}
	switch {
	case known:
		from := reader{body: intent.Body, version: intent.Version}
		from.string()
		if err := fold(l, recordIntent, &from); err != nil {
			return err
		}
	case e.Find != nil:
		p, err := e.Find(payment.ID(id))
		if err != nil {
			return fmt.Errorf("cannot find the intent of %s: %w", id, err)
		}
		l.Payment = p
	default:
		return fmt.Errorf("%w: outcome of %s without its intent", errRecord, id)
	}
	l.ID = payment.ID(id)
	if err := fold(l, recordOutcome, &r); err != nil || len(l.posted) == 0 {
		return err
	}
	return ended(&Ending{At: at, Payment: l.Payment, Postings: l.posted})
}
