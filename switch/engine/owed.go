package engine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"tongma/switch/journal"
	"tongma/switch/payment"
)

// Owed is an outcome that a caller has still to be told, because it was told "unknown" before.
type Owed struct {
	Payment payment.Payment
	at      journal.Position
}

// Owed lists what institution is owed, the oldest first, at most limit.
func (e *Engine) Owed(institution string, limit int) ([]Owed, error) {
	prefix := owedPrefix(institution)
	var list []Owed
	err := e.options.View.Scan(prefix, func(key, id []byte) error {
		if len(key) != len(prefix)+12 {
			return fmt.Errorf("%w: what is owed to %s", errRecord, institution)
		}
		if len(list) == limit {
			return errEnough
		}
		at := journal.Position{Sequence: binary.BigEndian.Uint64(key[len(prefix):]), Offset: binary.BigEndian.Uint32(key[len(prefix)+8:])}
		l, err := e.projection.find(payment.ID(id))
		if err != nil {
			return err
		}
		list = append(list, Owed{Payment: *l.Payment, at: at})
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, err
}

var errEnough = errors.New("engine: enough")

// Told writes down that the caller has acknowledged the outcome, and returns when that is
// durable. The error is a *payment.Refusal: the outcome may then be announced again.
func (e *Engine) Told(o *Owed) error {
	c := e.borrow()
	e.inbox.put(input{event: event{kind: eventTold, calls: c}, rare: &rare{owed: o}})
	_, err := e.wait(c)
	return err
}

// told puts the acknowledgement into the block at hand.
func (w *writer) told(in *input) {
	b, p := w.batch, &in.owed.Payment
	from := len(b.bodies)
	b.bodies = appendString(b.bodies, string(p.ID))
	b.bodies = appendTold(b.bodies, p.Institution, in.owed.at)
	b.record(recordTold, from)
	b.updates = append(b.updates, journal.Update{Key: owedKey(p.Institution, in.owed.at), Delete: true})
	b.replies = append(b.replies, in.calls)
	if len(b.records) >= w.options.Limits.BlockRecordsMax {
		w.flush()
	}
}

func appendTold(dst []byte, institution string, at journal.Position) []byte {
	dst = appendString(dst, institution)
	dst = binary.AppendUvarint(dst, at.Sequence)
	return binary.AppendUvarint(dst, uint64(at.Offset))
}

// told reads who was told, and where it stands that this was owed.
func (r *reader) told() (institution string, at journal.Position) {
	institution = r.string()
	at.Sequence, at.Offset = r.uvarint(), uint32(r.uvarint())
	return institution, at
}
