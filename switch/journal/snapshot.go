package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

func snapshotKey(sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{spaceSnapshot}, sequence)
}

// Save keeps state as what the blocks up to sequence fold to, and forgets all but the
// newest snapshots.
func (s *Store) Save(sequence uint64, state []byte) error {
	digest := snapshotDigest(sequence, state)
	err := s.set(snapshotKey(sequence), append(digest[:], state...))
	if err != nil {
		return fmt.Errorf("journal: cannot save the snapshot of block %d: %w", sequence, err)
	}
	var kept []uint64
	err = s.snapshots(func(at uint64, _ []byte) bool {
		kept = append(kept, at)
		return true
	})
	for i := s.options.SnapshotsKept; i < len(kept); i++ {
		err = errors.Join(err, guard(func() error { return s.db.Delete(snapshotKey(kept[i]), pebble.NoSync) }))
	}
	return err
}

// Newest returns the newest snapshot that reads well: a damaged one is passed over for
// the one before it, and with none left the sequence is 0 and everything is replayed. It
// is an error when that is not possible because the log was trimmed.
func (s *Store) Newest() (uint64, []byte, error) {
	tail, _ := s.Tail()
	var sequence uint64
	var state []byte
	err := s.snapshots(func(at uint64, value []byte) bool {
		if at > tail || len(value) < sha256.Size {
			return true
		}
		if snapshotDigest(at, value[sha256.Size:]) != [32]byte(value[:sha256.Size]) {
			return true
		}
		sequence, state = at, append([]byte(nil), value[sha256.Size:]...)
		return false
	})
	s.mu.Lock()
	anchor := s.anchor
	s.mu.Unlock()
	if err == nil && sequence < anchor {
		return 0, nil, fmt.Errorf("journal: %w: the log begins after block %d and no snapshot reaches it", ErrSnapshot, anchor)
	}
	return sequence, state, err
}

func snapshotDigest(sequence uint64, state []byte) [32]byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, sequence))
	h.Write(state)
	return [32]byte(h.Sum(nil))
}

// snapshots calls fn with each snapshot, the newest first, until it returns false.
func (s *Store) snapshots(fn func(sequence uint64, value []byte) bool) error {
	it, err := s.db.NewIter(bounds([]byte{spaceSnapshot}))
	if err != nil {
		return fmt.Errorf("journal: cannot read the snapshots: %w", err)
	}
	defer it.Close()
	for ok := it.Last(); ok; ok = it.Prev() {
		if !fn(binary.BigEndian.Uint64(it.Key()[1:]), it.Value()) {
			break
		}
	}
	return it.Error()
}
