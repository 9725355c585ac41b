package settlement

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"tongma/switch/engine"
	"tongma/switch/journal"
)

// Audit proves the windows of a journal from nothing: each sealed close is what the blocks
// before its cut fold to, and what a window was finalised with is its netting.
type Audit struct {
	fold  *Fold
	seals map[uint32]*Seal
	found int // Seals that stand in the journal.

	acts  []*engine.Act   // Those that the newest seal in parts stands in,
	of    uint32          // its window,
	parts map[string]bool // and the keys of those that were reached.
}

// NewAudit begins before the first block.
func NewAudit() *Audit {
	a := &Audit{seals: map[uint32]*Seal{}}
	a.fold = NewFold(func(s *Seal) error {
		a.seals[s.Window] = s
		return nil
	})
	a.fold.acted = a.acted
	return a
}

// Block takes the next block. A journal whose beginning was trimmed cannot be audited.
func (a *Audit) Block(b *journal.Block) error { return a.fold.Block(b) }

// Windows is how many closes were reached, and how many seals stand in the journal; a
// close without a seal is sealed at the next start.
func (a *Audit) Windows() (closed, sealed int) { return len(a.seals), a.found }

func (a *Audit) acted(act *engine.Act) error {
	var number uint32
	if _, err := fmt.Sscan(act.Subject, &number); err != nil {
		return nil // A proposal names none that is sealed.
	}
	s := a.seals[number]
	switch {
	case act.What == actSeal || act.What == actSealPart:
		return a.kept(act, number, s)
	case act.What == actFinalise:
		var w Window
		if err := json.Unmarshal(act.State, &w); err != nil {
			return fmt.Errorf("settlement: cannot read how window %d was finalised: %w", number, err)
		}
		if s == nil || !slices.Equal(act.Postings, s.Postings(w.Excluded...)) {
			return fmt.Errorf("%w: window %d was finalised with other sums than its own", ErrSeal, number)
		}
	}
	return nil
}

// kept takes an act that a sealed close stands in.
func (a *Audit) kept(act *engine.Act, number uint32, s *Seal) error {
	if s == nil {
		return fmt.Errorf("%w: window %d has a seal and no close", ErrSeal, number)
	}
	if a.of != number || a.acts == nil {
		acts, err := s.acts(act.Time)
		if err != nil {
			return err
		}
		a.acts, a.of, a.parts = acts, number, map[string]bool{}
	}
	last := len(a.acts) - 1
	at := slices.IndexFunc(a.acts, func(want *engine.Act) bool {
		return want.What == act.What && want.Key == act.Key && bytes.Equal(want.State, act.State)
	})
	switch {
	case at == last && len(a.parts) < last:
		return fmt.Errorf("%w: window %d has %d of %d parts", ErrSeal, number, len(a.parts), last)
	case at == last || act.What == actSeal && s.whole(act.State):
		a.found++
		a.acts = nil
	case at < 0:
		return fmt.Errorf("%w: window %d is not what the blocks fold to", ErrSeal, number)
	default:
		a.parts[act.Key] = true
	}
	return nil
}

func hashOf(text []byte) Hash { return sha256.Sum256(text) }
