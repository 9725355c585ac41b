package journal

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pebble keeps the list of its tables in a manifest, and takes a damaged end of it for one
// that was being written when the power failed: it goes on with an older list, as if the
// blocks of the other tables had never been, and deletes those tables. With a snapshot
// after them nothing would ask for them at a start; a payment in them could be made again.
// So each table says in a property which blocks it holds, a start proves from these that
// no block is missing, and until it has, nothing is deleted.

// blocksProperty is the name of the property, of Pebble's form for an interval.
const blocksProperty = "tongma.blocks"

func newBlocksCollector() pebble.BlockPropertyCollector {
	return sstable.NewBlockIntervalCollector(blocksProperty, blocksMapper{}, nil)
}

// blocksMapper maps a block's key to its sequence; other keys to nothing.
type blocksMapper struct{}

// MapPointKey is sstable.IntervalMapper's.
func (blocksMapper) MapPointKey(key sstable.InternalKey, _ []byte) (sstable.BlockInterval, error) {
	if len(key.UserKey) != 9 || key.UserKey[0] != spaceLog {
		return sstable.BlockInterval{}, nil
	}
	sequence := binary.BigEndian.Uint64(key.UserKey[1:])
	return sstable.BlockInterval{Lower: sequence, Upper: sequence + 1}, nil
}

// MapRangeKeys is sstable.IntervalMapper's; the journal has none.
func (blocksMapper) MapRangeKeys(sstable.Span) (sstable.BlockInterval, error) {
	return sstable.BlockInterval{}, nil
}

// checkWhole proves that every block from the first to the tail is there, without reading
// what the tables hold: blocks are written in order, so a table holds all between its
// first and its last. What no table claims is in memory, or gone, or in a table of a
// build that claimed nothing: there each key is looked for.
func (s *Store) checkWhole() error {
	tables, err := s.tableBlocks()
	if err != nil {
		return err
	}
	next := s.anchor + 1
	for _, table := range tables {
		if err := s.checkBlocks(next, table.Lower); err != nil {
			return err
		}
		next = max(next, table.Upper)
	}
	return s.checkBlocks(next, s.tail+1)
}

// tableBlocks lists which blocks the tables hold, the lowest first.
func (s *Store) tableBlocks() ([]sstable.BlockInterval, error) {
	levels, err := s.db.SSTables(pebble.WithProperties())
	if err != nil {
		return nil, fmt.Errorf("journal: cannot list the tables: %w", err)
	}
	var list []sstable.BlockInterval
	for _, level := range levels {
		for i := range level {
			if interval := readInterval(level[i].Properties); !interval.IsEmpty() {
				list = append(list, interval)
			}
		}
	}
	slices.SortFunc(list, func(a, b sstable.BlockInterval) int { return cmp.Compare(a.Lower, b.Lower) })
	return list, nil
}

// readInterval is empty where the table claims nothing that can be read. The property is
// one byte of Pebble's own, the lower end, and the length, as varints.
func readInterval(properties *sstable.Properties) sstable.BlockInterval {
	if properties == nil {
		return sstable.BlockInterval{}
	}
	text := []byte(properties.UserProperties[blocksProperty])
	if len(text) < 3 {
		return sstable.BlockInterval{}
	}
	lower, n := binary.Uvarint(text[1:])
	if n <= 0 {
		return sstable.BlockInterval{}
	}
	length, m := binary.Uvarint(text[1+n:])
	if m <= 0 {
		return sstable.BlockInterval{}
	}
	return sstable.BlockInterval{Lower: lower, Upper: lower + length}
}

// checkBlocks looks for the key of every block from from to before to.
func (s *Store) checkBlocks(from, to uint64) error {
	if from >= to {
		return nil
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: blockKey(from), UpperBound: blockKey(to)})
	if err != nil {
		return fmt.Errorf("journal: cannot look for blocks: %w", err)
	}
	defer it.Close()
	for ok := it.First(); ok && from < to; ok = it.Next() {
		if binary.BigEndian.Uint64(it.Key()[1:]) != from {
			break
		}
		from++
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("journal: cannot look for blocks: %w", err)
	}
	if from < to {
		return &Fault{Code: ErrGap, Sequence: from,
			Detail: fmt.Sprintf("is missing, the log ends at %d: what held it is damaged or gone", s.tail)}
	}
	return nil
}

// keepingFS removes no file until release: what a damaged manifest does not name may be
// the only copy.
type keepingFS struct {
	vfs.FS
	mu       sync.Mutex
	released bool
	kept     []string
}

// Unwrap is vfs.FS's.
func (k *keepingFS) Unwrap() vfs.FS { return k.FS }

// Remove is vfs.FS's.
func (k *keepingFS) Remove(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.released {
		return k.FS.Remove(name)
	}
	k.kept = append(k.kept, name)
	return nil
}

// release removes what was kept, and from now on everything at once. A file that cannot
// be removed is found again at the next start.
func (k *keepingFS) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.released = true
	for _, name := range k.kept {
		_ = k.FS.Remove(name)
	}
	k.kept = nil
}
