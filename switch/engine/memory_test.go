package engine

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"tongma/switch/journal"
	"tongma/switch/payment"
)

// memory is a journal without a disk, for tests in virtual time: blocks become durable
// after a while, or fail to.
type memory struct {
	mu      sync.Mutex
	blocks  []*journal.Block
	values  map[string][]byte
	latency time.Duration
	failAt  uint64 // The append of this sequence fails; 0 for never.
	full    error
	reads   int // Blocks that were read by themselves.
	saved   map[uint64][]byte
}

func newMemory() *memory {
	return &memory{values: map[string][]byte{}, latency: time.Millisecond, saved: map[uint64][]byte{}}
}

type memoryTicket struct {
	at  time.Time
	err error
}

// Wait is journal.Ticket's.
func (t memoryTicket) Wait() error {
	time.Sleep(time.Until(t.at))
	return t.err
}

// Append is journal.Log's.
func (m *memory) Append(expect uint64, records []journal.Record, view []journal.Update) (journal.Ticket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if expect != uint64(len(m.blocks)) {
		return nil, errors.New("fenced")
	}
	ticket := memoryTicket{at: time.Now().Add(m.latency)}
	if expect+1 == m.failAt {
		ticket.err = errors.New("disk on fire")
		return ticket, nil
	}
	b := &journal.Block{Sequence: expect + 1, Time: time.Now()}
	for _, r := range records {
		r.Body = bytes.Clone(r.Body)
		b.Records = append(b.Records, r)
	}
	m.blocks = append(m.blocks, b)
	for _, u := range view {
		m.values[string(u.Key)] = bytes.Clone(u.Value)
	}
	return ticket, nil
}

// Read is journal.Log's.
func (m *memory) Read(from uint64, fn func(*journal.Block) error) error {
	for _, b := range m.blocks[from-1:] {
		if err := fn(b); err != nil {
			return err
		}
	}
	return nil
}

// Block is journal.Log's.
func (m *memory) Block(sequence uint64) (*journal.Block, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if sequence == 0 || sequence > uint64(len(m.blocks)) {
		return nil, journal.ErrNotFound
	}
	return m.blocks[sequence-1], nil
}

// Tail is journal.Log's.
func (m *memory) Tail() (uint64, [32]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(len(m.blocks)), [32]byte{}
}

// TrimBefore is journal.Log's; memory keeps everything.
func (m *memory) TrimBefore(uint64) error { return nil }

// Accepting is journal.Log's.
func (m *memory) Accepting() error { return m.full }

// Value is journal.View's.
func (m *memory) Value(key, into []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[string(key)]
	if !ok {
		return nil, journal.ErrNotFound
	}
	return append(into[:0], value...), nil
}

// Scan is journal.View's.
func (m *memory) Scan(prefix []byte, fn func(key, value []byte) error) error {
	for _, key := range slices.Sorted(maps.Keys(m.values)) {
		if bytes.HasPrefix([]byte(key), prefix) {
			if err := fn([]byte(key), m.values[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Walk is journal.View's.
func (m *memory) Walk(prefix, from []byte, back bool, fn func(key, value []byte) error) error {
	m.mu.Lock()
	keys := slices.Sorted(maps.Keys(m.values))
	m.mu.Unlock()
	if back {
		slices.Reverse(keys)
	}
	for _, key := range keys {
		if !bytes.HasPrefix([]byte(key), prefix) || back && key > string(from) || !back && key < string(from) {
			continue
		}
		if err := fn([]byte(key), m.values[key]); err != nil {
			return err
		}
	}
	return nil
}

// Save is Snapshots'.
func (m *memory) Save(sequence uint64, state []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saved[sequence] = state
	return nil
}

// Newest is Snapshots'.
func (m *memory) Newest() (uint64, []byte, error) {
	var newest uint64
	for sequence := range m.saved {
		newest = max(newest, sequence)
	}
	return newest, m.saved[newest], nil
}

// kinds counts the records of the journal by kind.
func (m *memory) kinds() map[recordKind]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := map[recordKind]int{}
	for _, b := range m.blocks {
		for _, r := range b.Records {
			counts[recordKind(r.Kind)]++
		}
	}
	return counts
}

// echo is a sender whose institutions answer by themselves after a while.
type echo struct {
	engine *Engine
	answer func(op *payment.Operation) (payment.Answer, time.Duration)
	mu     sync.Mutex
	sent   []*payment.Operation
}

// Send is Sender's.
func (s *echo) Send(ops []*payment.Operation) {
	for _, op := range ops {
		s.mu.Lock()
		s.sent = append(s.sent, op)
		s.mu.Unlock()
		answer, after := s.answer(op)
		answer.Reference, answer.Amount, answer.Currency = op.Reference, op.Amount, op.Currency
		time.AfterFunc(after, func() { s.engine.Answer(op, answer) })
	}
}

func (s *echo) count(kind payment.OperationKind) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, op := range s.sent {
		if op.Kind == kind {
			n++
		}
	}
	return n
}

func approve(*payment.Operation) (payment.Answer, time.Duration) {
	return payment.Answer{Outcome: payment.Approved}, time.Millisecond
}
