package settlement

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tongma/switch/engine"
)

// A sealed close stands in the journal as an act of its own. Where it has many pairs, acts
// before it hold them in parts: some hundreds of members that all trade with one another make
// more than an act may hold. The close's act comes last and counts the parts; a seal without
// it is not there.

// partPairs is how many pairs one act holds: some 4 MB. It is part of the journal's form: the
// audit compares act by act.
const partPairs = 10_000

// keptSeal is what the close's act leaves: with parts its own list is empty.
type keptSeal struct {
	Seal
	Parts int `json:"parts,omitempty"`
}

func partKey(window uint32, part int) string {
	return fmt.Sprintf("%s/part/%06d", numbered(sealKey, window), part)
}

// acts are those that write s down, in their order.
func (s *Seal) acts(now time.Time) ([]*engine.Act, error) {
	var acts []*engine.Act
	add := func(what, key, detail string, state any) error {
		text, err := json.Marshal(state)
		acts = append(acts, &engine.Act{Time: now, Who: switchName, What: what,
			Subject: fmt.Sprint(s.Window), Detail: detail, Key: key, State: text})
		return err
	}
	kept := keptSeal{Seal: *s}
	if len(s.List) > partPairs {
		kept.List = nil
		for pairs := range slices.Chunk(s.List, partPairs) {
			if err := add(actSealPart, partKey(s.Window, kept.Parts), fmt.Sprintf("%d pairs", len(pairs)), pairs); err != nil {
				return nil, err
			}
			kept.Parts++
		}
	}
	detail := fmt.Sprintf("%d payments, %s yuan, root %.16s", s.Payments, s.Gross.Yuan(), s.Root)
	err := add(actSeal, numbered(sealKey, s.Window), detail, &kept)
	return acts, err
}

// readSeal reads what the acts of a sealed close left, and checks it; nil where the window is
// not sealed yet.
func readSeal(e Engine, window uint32) (*Seal, error) {
	state, err := e.State(numbered(sealKey, window))
	if err != nil || state == nil {
		return nil, err
	}
	var kept keptSeal
	if err := json.Unmarshal(state, &kept); err != nil {
		return nil, fmt.Errorf("settlement: cannot read the seal of window %d: %w", window, err)
	}
	for part := range kept.Parts {
		var pairs []Pair
		if state, err = e.State(partKey(window, part)); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(state, &pairs); err != nil {
			return nil, fmt.Errorf("settlement: cannot read part %d of the seal of window %d: %w", part, window, err)
		}
		kept.List = append(kept.List, pairs...)
	}
	return &kept.Seal, kept.Check()
}

// whole reports whether state is all of s in one act, as every seal was kept before there were
// parts.
func (s *Seal) whole(state []byte) bool {
	text, err := json.Marshal(s)
	return err == nil && bytes.Equal(text, state)
}
