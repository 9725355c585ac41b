package journal

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Report is what a whole journal was found to hold.
type Report struct {
	Shard     uint16           `json:"shard"`
	First     uint64           `json:"first"`   // Sequence of the first block; 0 for an empty log.
	Last      uint64           `json:"last"`    // Sequence of the last block that read well.
	Trimmed   uint64           `json:"trimmed"` // Blocks up to this one were trimmed.
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

// Verify reads the whole journal in directory, which no process may have open, and
// reports what it found. It changes nothing. The error is the first thing wrong; the
// report then tells how far the log reads well. Each, if not nil, is called with every
// block in order and may object.
func Verify(directory string, each func(*Block) error) (Report, error) {
	o := DefaultOptions()
	o.Directory, o.ReadOnly = directory, true
	if _, err := vfs.Default.Stat(directory); err != nil {
		return Report{}, fmt.Errorf("journal: cannot verify: %w", err)
	}
	s, err := Open(o)
	if err != nil {
		return Report{}, err
	}
	report, err := s.verify(each)
	return report, errors.Join(err, s.Close())
}

func (s *Store) verify(each func(*Block) error) (Report, error) {
	r := Report{Shard: s.options.Shard, Trimmed: s.anchor, Kinds: map[uint8]uint64{}}
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
		if each == nil {
			return nil
		}
		return each(b)
	})
	if err != nil {
		return r, err
	}
	return r, s.verifySnapshots(&r)
}

func (s *Store) verifySnapshots(r *Report) error {
	var faults []error
	err := s.snapshots(func(at uint64, value []byte) bool {
		if len(value) < 32 || snapshotDigest(at, value[32:]) != [32]byte(value[:32]) {
			faults = append(faults, fmt.Errorf("journal: %w: the one of block %d is damaged", ErrSnapshot, at))
			return true
		}
		r.Snapshots = append(r.Snapshots, at)
		return true
	})
	return errors.Join(append(faults, err)...)
}
