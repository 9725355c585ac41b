package admin

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strconv"

	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/payment"
)

// LegColumns are the columns of rows of legs, which reconcile reads in its shipped layout
// "journal".
var LegColumns = []string{"leg", "payment", "institution", "remote", "kind", "original", "status", "decided",
	"amount_fen", "currency", "caller", "request_id"}

// WriteLegs writes one row for each approved leg of a payment whose money moved; only those
// at institution, unless it is empty.
func WriteLegs(out *csv.Writer, e *engine.Ending, institution string) error {
	p := &e.Payment
	for i := range p.Legs {
		leg := &p.Legs[i]
		if leg.Outcome != payment.Approved || leg.Cancelled || institution != "" && leg.Institution != institution {
			continue
		}
		err := out.Write([]string{p.Reference(i), string(p.ID), leg.Institution, leg.Remote, p.Kind.String(),
			leg.Original, p.Status.String(), p.Decided.UTC().Format("2006-01-02T15:04:05.000Z"),
			strconv.FormatInt(int64(leg.Amount), 10), p.Currency, p.Institution, p.RequestID})
		if err != nil {
			return err
		}
	}
	return nil
}

// Legs are the legs of a stretch of the journal.
type Legs struct {
	To   uint64 `json:"to"`   // The last block that was read; the next stretch begins after it.
	Tail uint64 `json:"tail"` // The last block of the journal.
	Rows int    `json:"rows"`
	CSV  string `json:"csv"` // With LegColumns at its head.
}

// The limits of one stretch.
const (
	legsBlocksMax = 4096
	legsBytesMax  = 8 << 20
)

var errStretch = errors.New("admin: the stretch is full")

// listLegs reads the legs of payments that ended after a block, as far as one answer holds.
func listLegs(c *call, _ *engine.Act) (any, error) {
	query := c.http.URL.Query()
	after, err := strconv.ParseUint(query.Get("after"), 10, 64)
	if err != nil {
		return nil, &Refusal{BodyInvalid, "after is no number of a block"}
	}
	l := &Legs{To: after}
	if l.Tail, _ = c.options.Traffic.Tail(); after >= l.Tail {
		return l, nil
	}
	var text bytes.Buffer
	out := csv.NewWriter(&text)
	if err := out.Write(LegColumns); err != nil {
		return nil, err
	}
	endings := &engine.Endings{Find: c.options.Hands.Find}
	counted := &countedLegs{out: out, institution: query.Get("institution")}
	err = c.options.Traffic.Read(after+1, func(b *journal.Block) error {
		if b.Sequence > l.Tail || b.Sequence-after > legsBlocksMax || text.Len() > legsBytesMax {
			return errStretch
		}
		l.To = b.Sequence
		return endings.Block(b, engine.Visitor{Ended: counted.ended})
	})
	out.Flush()
	if err != nil && !errors.Is(err, errStretch) {
		return nil, &Refusal{JournalRefused, err.Error()}
	}
	l.Rows, l.CSV = counted.payments, text.String()
	return l, out.Error()
}

type countedLegs struct {
	out         *csv.Writer
	institution string
	payments    int
}

func (w *countedLegs) ended(e *engine.Ending) error {
	for i := range e.Payment.Legs {
		if w.institution == "" || e.Payment.Legs[i].Institution == w.institution {
			w.payments++
			break
		}
	}
	return WriteLegs(w.out, e, w.institution)
}
