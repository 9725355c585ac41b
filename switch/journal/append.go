package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// blockKey is where block sequence is stored.
func blockKey(sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{spaceLog}, sequence)
}

// Append is Log's: one batch holds the block and the view's updates; its write-ahead log
// entry is synced once for all of them.
func (s *Store) Append(expect uint64, records []Record, updates []Update) (Ticket, error) {
	s.appending.Lock()
	defer s.appending.Unlock()
	if err := s.failure(); err != nil {
		return nil, err
	}
	tail, hash := s.Tail()
	if expect != tail {
		return nil, fmt.Errorf("journal: %w: the log ends at %d, not at %d", ErrFenced, tail, expect)
	}
	if size := recordsSize(records); size > s.options.BlockBytesMax {
		return nil, fmt.Errorf("journal: %w: records of %d bytes, limit %d", ErrTooLarge, size, s.options.BlockBytesMax)
	}
	block := Block{
		Shard: s.options.Shard, Epoch: s.epoch, Sequence: expect + 1,
		Time: time.Now().UTC(), Previous: hash,
	}
	data := s.encoder.encode(&block, records)
	batch := s.db.NewBatchWithSize(len(data) + updatesSize(updates) + 64)
	op := batch.SetDeferred(9, len(data))
	op.Key[0] = spaceLog
	binary.BigEndian.PutUint64(op.Key[1:], block.Sequence)
	copy(op.Value, data)
	if err := op.Finish(); err != nil {
		return nil, s.fail(err)
	}
	if err := stageUpdates(batch, updates); err != nil {
		return nil, s.fail(err)
	}
	if err := guard(func() error { return s.db.ApplyNoSyncWait(batch, pebble.Sync) }); err != nil {
		return nil, s.fail(err)
	}
	s.mu.Lock()
	s.tail, s.hash = block.Sequence, block.Hash
	s.mu.Unlock()
	return &ticket{store: s, batch: batch, sequence: block.Sequence}, nil
}

// guard does one write to Pebble, which panics where its write-ahead log can no longer
// be written: a disk that is really full. That is a failed write, not our own fault.
func guard(write func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%v", fault)
		}
	}()
	return write()
}

// set stores value beside the log, durable when it returns. A write that failed closes
// the log for good: they share what Pebble can no longer write.
func (s *Store) set(key, value []byte) error {
	err := guard(func() error { return s.db.Set(key, value, pebble.Sync) })
	if err == nil {
		return nil
	}
	return s.fail(err)
}

func updatesSize(updates []Update) int {
	size := 0
	for i := range updates {
		size += len(updates[i].Key) + len(updates[i].Value) + 12
	}
	return size
}

func stageUpdates(batch *pebble.Batch, updates []Update) error {
	for i := range updates {
		u := &updates[i]
		if u.Delete {
			if err := batch.Delete(append([]byte{spaceView}, u.Key...), nil); err != nil {
				return err
			}
			continue
		}
		op := batch.SetDeferred(1+len(u.Key), len(u.Value))
		op.Key[0] = spaceView
		copy(op.Key[1:], u.Key)
		copy(op.Value, u.Value)
		if err := op.Finish(); err != nil {
			return err
		}
	}
	return nil
}

// fail closes the log for good: the append may have been stored. The first reason stays.
func (s *Store) fail(err error) error {
	if strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		err = fmt.Errorf("%w: %w", ErrDiskFull, err) // Pebble keeps the text of the cause alone.
	}
	err = fmt.Errorf("journal: %w: %w", ErrAppendFailed, err)
	s.failed.CompareAndSwap(nil, &err)
	return s.failure()
}

// failure is why the log accepts nothing more; nil while it does.
func (s *Store) failure() error {
	if failed := s.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// ticket is one append on its way to the disk.
type ticket struct {
	store    *Store
	batch    *pebble.Batch
	sequence uint64
	once     sync.Once
	err      error
}

// Wait is Ticket's.
func (t *ticket) Wait() error {
	t.once.Do(func() {
		err := t.batch.SyncWait()
		err = errors.Join(err, t.batch.Close())
		t.batch = nil
		if err != nil {
			t.err = t.store.fail(err)
			return
		}
		t.store.mu.Lock()
		t.store.durable = max(t.store.durable, t.sequence)
		t.store.mu.Unlock()
	})
	return t.err
}
