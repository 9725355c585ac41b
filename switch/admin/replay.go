package admin

import (
	"context"
	"fmt"
	"sort"
	"time"

	"tongma/routing"
	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/payment"
)

// Traffic is a journal that is read for what was paid; see journal.Log.
type Traffic interface {
	Read(from uint64, fn func(*journal.Block) error) error
	Block(sequence uint64) (*journal.Block, error)
	Tail() (sequence uint64, hash [32]byte)
}

// Window says which traffic is replayed, and as if when.
type Window struct {
	Since string `json:"since,omitempty"` // Instant from which on; all that is kept if left out.
	On    string `json:"on,omitempty"`    // Day to which every payment is moved; its own day if left out.
}

// WindowError is a window that cannot be read.
type WindowError struct{ cause error }

// Error says what is wrong with the window.
func (e *WindowError) Error() string { return fmt.Sprintf("admin: cannot read window: %v", e.cause) }

// times reads the window; zero where a part is left out.
func (w *Window) times() (since, on time.Time, err error) {
	if w.Since != "" {
		if since, err = routing.ParseInstant(w.Since); err != nil {
			return since, on, &WindowError{err}
		}
	}
	if w.On != "" {
		if on, err = routing.ParseInstant(w.On); err != nil {
			return since, on, &WindowError{err}
		}
	}
	return since, on, nil
}

// Replay puts the payments of traffic to table and reports what would go elsewhere.
func Replay(ctx context.Context, traffic Traffic, table *routing.Table, w Window) (*routing.Report, error) {
	since, on, err := w.times()
	if err != nil {
		return nil, err
	}
	replay := routing.NewReplay(table, on)
	from, tail := firstSince(traffic, since)
	if from > tail {
		return replay.Report(), nil
	}
	err = traffic.Read(from, func(b *journal.Block) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return engine.Intents(b, func(p *payment.Payment) error {
			if p.Kind == payment.Pay && !p.Accepted.Before(since) {
				replay.Add(passageOf(p))
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("admin: cannot read the journal: %w", err)
	}
	return replay.Report(), nil
}

// firstSince looks for the first block of since or later, by halving: the times of
// blocks grow. What was trimmed counts as too old.
func firstSince(traffic Traffic, since time.Time) (from, tail uint64) {
	tail, _ = traffic.Tail()
	n := sort.Search(int(tail), func(i int) bool {
		b, err := traffic.Block(uint64(i) + 1)
		return err == nil && !b.Time.Before(since)
	})
	return uint64(n) + 1, tail
}

// passageOf is what routing has to know of a recorded payment.
func passageOf(p *payment.Payment) *routing.Passage {
	passage := &routing.Passage{
		ID: string(p.ID), Shape: p.Shape, Caller: p.Institution, Scene: p.Scene.String(),
		AmountFen: int64(p.Amount), Currency: p.Currency, At: p.Accepted,
		Payment: p.RequestID, Institution: p.Institution,
	}
	wanted := payment.Debit
	if p.Mode == payment.MerchantPresented {
		wanted = payment.Credit
	}
	for i := range p.Legs {
		if p.Legs[i].Kind == wanted {
			passage.Institution = p.Legs[i].Institution // Else the caller's own code: no call.
		}
	}
	return passage
}
