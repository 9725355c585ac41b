package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// bounds limits an iterator to the keys that begin with prefix.
func bounds(prefix []byte) *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)}
}

// after is the first key beyond those that begin with prefix; nil where nothing is beyond.
func after(prefix []byte) []byte {
	upper := bytes.Clone(prefix)
	for i := len(upper) - 1; i >= 0; i-- {
		upper[i]++
		if upper[i] != 0 {
			return upper[:i+1]
		}
	}
	return nil
}

// Tail is Log's.
func (s *Store) Tail() (uint64, [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tail, s.hash
}

// Block is Log's. It checks the block by itself; Read also checks the chain.
func (s *Store) Block(sequence uint64) (*Block, error) {
	s.mu.Lock()
	anchor, tail := s.anchor, s.tail
	s.mu.Unlock()
	if sequence <= anchor {
		return nil, &Fault{Code: ErrTrimmed, Sequence: sequence, Detail: fmt.Sprintf("the log begins after %d", anchor)}
	}
	data, err := s.value(blockKey(sequence), nil)
	if errors.Is(err, ErrNotFound) && sequence <= tail {
		return nil, &Fault{Code: ErrGap, Sequence: sequence, Detail: fmt.Sprintf("is missing, the log ends at %d", tail)}
	}
	if err != nil {
		return nil, err
	}
	return decodeBlock(data, sequence)
}

// Read is Log's. Each block must follow the one before it: next sequence, its hash,
// an epoch that is not older. The first block read is held against the one before it.
func (s *Store) Read(from uint64, fn func(*Block) error) error {
	s.mu.Lock()
	anchor, anchored, tail := s.anchor, s.anchored, s.tail
	s.mu.Unlock()
	if from <= anchor {
		return &Fault{Code: ErrTrimmed, Sequence: from, Detail: fmt.Sprintf("the log begins after %d", anchor)}
	}
	before := Block{Sequence: from - 1, Hash: anchored}
	if from-1 > anchor {
		b, err := s.Block(from - 1)
		if err != nil {
			return err
		}
		before = *b
	}
	return s.readChain(&before, tail, fn)
}

func (s *Store) readChain(before *Block, tail uint64, fn func(*Block) error) error {
	options := bounds([]byte{spaceLog})
	options.LowerBound = blockKey(before.Sequence + 1)
	it, err := s.db.NewIter(options)
	if err != nil {
		return fmt.Errorf("journal: cannot read the log: %w", err)
	}
	defer it.Close()
	for ok := it.First(); ok && before.Sequence < tail; ok = it.Next() {
		data := append([]byte(nil), it.Value()...)
		b, err := decodeBlock(data, binary.BigEndian.Uint64(it.Key()[1:]))
		if err == nil {
			err = s.follows(before, b)
		}
		if err == nil {
			err = fn(b)
		}
		if err != nil {
			return err
		}
		before = b
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("journal: cannot read the log: %w", err)
	}
	if before.Sequence < tail {
		return &Fault{Code: ErrGap, Sequence: before.Sequence + 1, Detail: fmt.Sprintf("is missing, the log ends at %d", tail)}
	}
	return nil
}

// follows checks that b is the block after before.
func (s *Store) follows(before, b *Block) error {
	switch {
	case b.Sequence != before.Sequence+1:
		return &Fault{Code: ErrGap, Sequence: before.Sequence + 1, Detail: fmt.Sprintf("is missing, next is %d", b.Sequence)}
	case b.Previous != before.Hash:
		return &Fault{Code: ErrBrokenChain, Sequence: b.Sequence, Detail: "does not follow the block before it"}
	case b.Epoch < before.Epoch:
		return &Fault{Code: ErrBrokenChain, Sequence: b.Sequence,
			Detail: fmt.Sprintf("epoch %d after epoch %d", b.Epoch, before.Epoch)}
	case b.Shard != s.options.Shard:
		return &Fault{Code: ErrForeignShard, Sequence: b.Sequence, Detail: fmt.Sprintf("is of shard %d", b.Shard)}
	}
	return nil
}

// TrimBefore is Log's.
func (s *Store) TrimBefore(sequence uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sequence <= s.anchor+1 {
		return nil
	}
	if sequence > s.tail {
		return fmt.Errorf("journal: cannot trim before %d: the log ends at %d", sequence, s.tail)
	}
	data, err := s.value(blockKey(sequence-1), nil)
	if err != nil {
		return err
	}
	last, err := decodeBlock(data, sequence-1)
	if err != nil {
		return err
	}
	batch := s.db.NewBatch()
	defer batch.Close()
	anchor := append(binary.BigEndian.AppendUint64(nil, last.Sequence), last.Hash[:]...)
	err = errors.Join(
		batch.Set(keyAnchor, anchor, nil),
		batch.DeleteRange(blockKey(0), blockKey(sequence), nil))
	if err == nil {
		err = guard(func() error { return batch.Commit(pebble.Sync) })
	}
	if err != nil {
		return fmt.Errorf("journal: cannot trim before %d: %w", sequence, s.fail(err))
	}
	s.anchor, s.anchored = last.Sequence, last.Hash
	return nil
}

// Value is View's.
func (s *Store) Value(key, into []byte) ([]byte, error) {
	return s.value(append([]byte{spaceView}, key...), into)
}

// Scan is View's.
func (s *Store) Scan(prefix []byte, fn func(key, value []byte) error) error {
	it, err := s.db.NewIter(bounds(append([]byte{spaceView}, prefix...)))
	if err != nil {
		return fmt.Errorf("journal: cannot scan the view: %w", err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if err := fn(it.Key()[1:], it.Value()); err != nil {
			return err
		}
	}
	return it.Error()
}

// Walk is View's.
func (s *Store) Walk(prefix, from []byte, back bool, fn func(key, value []byte) error) error {
	it, err := s.db.NewIter(bounds(append([]byte{spaceView}, prefix...)))
	if err != nil {
		return fmt.Errorf("journal: cannot walk the view: %w", err)
	}
	defer it.Close()
	from = append([]byte{spaceView}, from...)
	ok, next := false, it.Next
	if back {
		ok, next = it.SeekLT(append(from, 0)), it.Prev // What is below the next key there can be.
	} else {
		ok = it.SeekGE(from)
	}
	for ; ok; ok = next() {
		if err := fn(it.Key()[1:], it.Value()); err != nil {
			return err
		}
	}
	return it.Error()
}
