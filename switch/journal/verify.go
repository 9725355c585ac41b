package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Report is what a whole journal was found to hold.
type Report struct {
	Shard     uint16           `json:"shard"`
	First     uint64           `json:"first"`   // Sequence of the first block; 0 for an empty log.
	Last      uint64           `json:"last"`    // Sequence of the last block that read well.
	Trimmed   uint64           `json:"trimmed"` // Blocks up to this one were trimmed.
	Marked    uint64           `json:"marked"`  // The mark beside the log says that it held this block; 0 without a mark.
	Blocks    uint64           `json:"blocks"`
	Records   uint64           `json:"records"`
	Bytes     uint64           `json:"bytes"` // Of record bodies.
	Kinds     map[uint8]uint64 `json:"kinds"` // Records by kind number.
	Epochs    uint64           `json:"epochs"`
	Head      string           `json:"head"` // Hash of the last block, hex.
	From      time.Time        `json:"from"`
	To        time.Time        `json:"to"`
	Snapshots []uint64         `json:"snapshots"` // Sequences of those that read well.
}

// Checks is what somebody who knows the records adds to Verify. Each may be nil.
type Checks struct {
	// Block is called with every block, in order.
	Block func(*Block) error
	// Snapshot is called with each snapshot that reads well, after the block that it is of.
	Snapshot func(sequence uint64, state []byte) error
	// View is called after the last block, unless blocks were trimmed: what is folded from
	// these is still in the view.
	View func(View) error
}

// Verify reads the whole journal in directory, which no process may have open, and
// reports what it found. It changes nothing. The error is the first thing wrong; the
// report then tells how far the log reads well. It is ErrNotRead where nothing is known of
// the journal. The checks are called in order and may object.
func Verify(directory string, checks Checks) (Report, error) {
	o := DefaultOptions()
	o.Directory, o.ReadOnly = directory, true
	if _, err := vfs.Default.Stat(directory); err != nil {
		return Report{}, fmt.Errorf("journal: cannot verify %s: %w: %w", directory, ErrNotRead, err)
	}
	s, err := Open(o)
	switch {
	case errors.Is(err, ErrLocked):
		return Report{}, fmt.Errorf("journal: cannot verify %s: %w: %w; stop the switch, or verify a copy of the directory", directory, ErrNotRead, err)
	case errors.Is(err, pebble.ErrDBDoesNotExist):
		return Report{}, fmt.Errorf("journal: cannot verify %s: %w: no journal is there", directory, ErrNotRead)
	case err != nil:
		return Report{}, err
	}
	report, err := s.verify(&checks)
	return report, errors.Join(err, s.Close())
}

func (s *Store) verify(checks *Checks) (Report, error) {
	r := Report{Shard: s.options.Shard, Trimmed: s.anchor, Marked: s.marked, Kinds: map[uint8]uint64{}}
	states, damaged := s.states()
	epoch := uint64(0)
	err := s.Read(s.anchor+1, func(b *Block) error {
		if r.First == 0 {
			r.First, r.From = b.Sequence, b.Time
		}
		r.Last, r.To, r.Head = b.Sequence, b.Time, fmt.Sprintf("%x", b.Hash)
		r.Blocks++
		if b.Epoch != epoch {
			epoch = b.Epoch
			r.Epochs++
		}
		for i := range b.Records {
			r.Records++
			r.Bytes += uint64(len(b.Records[i].Body))
			r.Kinds[b.Records[i].Kind]++
		}
		return checks.run(b, states)
	})
	if err != nil {
		return r, err
	}
	if checks.View != nil && s.anchor == 0 {
		damaged = errors.Join(damaged, checks.View(s))
	}
	r.Snapshots = slices.SortedFunc(maps.Keys(states), func(a, b uint64) int { return cmp.Compare(b, a) })
	return r, damaged
}

// run asks the checks about b and about the snapshot that was taken after it.
func (c *Checks) run(b *Block, states map[uint64][]byte) error {
	if c.Block != nil {
		if err := c.Block(b); err != nil {
			return err
		}
	}
	if state, ok := states[b.Sequence]; ok && c.Snapshot != nil {
		return c.Snapshot(b.Sequence, state)
	}
	return nil
}

// states reads every snapshot that reads well; the error names those that do not.
func (s *Store) states() (map[uint64][]byte, error) {
	states := map[uint64][]byte{}
	var faults []error
	err := s.snapshots(func(at uint64, value []byte) bool {
		if len(value) < 32 || snapshotDigest(at, value[32:]) != [32]byte(value[:32]) {
			faults = append(faults, fmt.Errorf("journal: %w: the one of block %d is damaged", ErrSnapshot, at))
			return true
		}
		states[at] = bytes.Clone(value[32:])
		return true
	})
	return states, errors.Join(append(faults, err)...)
}
