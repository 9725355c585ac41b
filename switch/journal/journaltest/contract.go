// Package journaltest is the contract of a journal as tests: every engine behind
// journal.Log and journal.View has to pass Run.
//
// It knows the contract. It may not know any engine.
package journaltest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"tongma/switch/journal"
)

// Store is what an engine gives: the log and the view beside it.
type Store interface {
	journal.Log
	journal.View
	Epoch() uint64
	Close() error
}

// Engine opens stores for the tests.
type Engine struct {
	// Open opens the store that lives at place, which is a directory of the test's own.
	Open func(place string) (Store, error)
	// Damage changes the stored bytes of block sequence of a closed store; nil from change
	// removes the block.
	Damage func(place string, sequence uint64, change func([]byte) []byte) error
}

// Run holds engine against the contract.
func Run(t *testing.T, engine Engine) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Engine)
	}{
		{"Fence", testFence},
		{"Order", testOrder},
		{"Replay", testReplay},
		{"Epoch", testEpoch},
		{"View", testView},
		{"Trim", testTrim},
		{"Locked", testLocked},
		{"Damage", testDamage},
		{"Kill", testKill},
		{"PowerCut", testPowerCut},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, engine) })
	}
}

func (e Engine) open(t *testing.T, place string) Store {
	t.Helper()
	s, err := e.Open(place)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t *testing.T, s Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// records makes count records that tell where they stand.
func records(sequence uint64, count int) []journal.Record {
	list := make([]journal.Record, count)
	for i := range list {
		list[i] = journal.Record{Kind: uint8(i%3 + 1), Version: 1, Body: fmt.Appendf(nil, "block %d record %d", sequence, i)}
	}
	return list
}

// fill appends blocks up to sequence last, each of three records and one view entry.
func fill(t *testing.T, s Store, last uint64) {
	t.Helper()
	tail, _ := s.Tail()
	for sequence := tail + 1; sequence <= last; sequence++ {
		ticket, err := s.Append(sequence-1, records(sequence, 3), []journal.Update{
			{Key: fmt.Appendf(nil, "key %04d", sequence), Value: fmt.Append(nil, sequence)},
		})
		if err == nil {
			err = ticket.Wait()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func testFence(t *testing.T, e Engine) {
	s := e.open(t, t.TempDir())
	defer closeStore(t, s)
	fill(t, s, 3)
	for _, expect := range []uint64{0, 2, 4, 1 << 60} {
		if _, err := s.Append(expect, records(9, 1), nil); !errors.Is(err, journal.ErrFenced) {
			t.Errorf("append expecting %d on a log of 3: %v, want %v", expect, err, journal.ErrFenced)
		}
	}
	fill(t, s, 4)
	if tail, _ := s.Tail(); tail != 4 {
		t.Errorf("the log ends at %d, want 4: a refused append must change nothing", tail)
	}
}

// testOrder appends with several blocks on their way: they are visible at once, and
// waiting for a later one first does no harm.
func testOrder(t *testing.T, e Engine) {
	s := e.open(t, t.TempDir())
	defer closeStore(t, s)
	var tickets []journal.Ticket
	for sequence := uint64(1); sequence <= 40; sequence++ {
		ticket, err := s.Append(sequence-1, records(sequence, int(sequence)), nil)
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, ticket)
		if b, err := s.Block(sequence); err != nil || len(b.Records) != int(sequence) {
			t.Fatalf("block %d is not visible after Append: %v", sequence, err)
		}
		if len(tickets) == 4 {
			for i := 3; i >= 0; i-- {
				if err := tickets[i].Wait(); err != nil {
					t.Fatal(err)
				}
			}
			tickets = tickets[:0]
		}
	}
	checkLog(t, s, 1, 40, func(sequence uint64) int { return int(sequence) })
}

// checkLog reads blocks first to last and compares every byte with what records made.
func checkLog(t *testing.T, s Store, first, last uint64, count func(uint64) int) {
	t.Helper()
	next := first
	var before [32]byte
	err := s.Read(first, func(b *journal.Block) error {
		if b.Sequence != next {
			return fmt.Errorf("read block %d, want %d", b.Sequence, next)
		}
		if next > first && b.Previous != before {
			return fmt.Errorf("block %d does not carry the hash of the one before", next)
		}
		want := records(b.Sequence, count(b.Sequence))
		if len(b.Records) != len(want) {
			return fmt.Errorf("block %d has %d records, want %d", next, len(b.Records), len(want))
		}
		for i, r := range b.Records {
			if r.Kind != want[i].Kind || r.Version != want[i].Version || !bytes.Equal(r.Body, want[i].Body) {
				return fmt.Errorf("block %d record %d is %q, want %q", next, i, r.Body, want[i].Body)
			}
		}
		before = b.Hash
		next++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if next != last+1 {
		t.Fatalf("read up to block %d, want %d", next-1, last)
	}
}

func three(uint64) int { return 3 }

func testReplay(t *testing.T, e Engine) {
	place := t.TempDir()
	s := e.open(t, place)
	fill(t, s, 25)
	_, head := s.Tail()
	closeStore(t, s)
	s = e.open(t, place)
	defer closeStore(t, s)
	if tail, hash := s.Tail(); tail != 25 || hash != head {
		t.Fatalf("after a restart the log ends at %d, want 25 with the same hash", tail)
	}
	checkLog(t, s, 1, 25, three)
	checkLog(t, s, 20, 25, three)
	if err := s.Read(26, func(*journal.Block) error { return errors.New("there is no block 26") }); err != nil {
		t.Error(err)
	}
	stop := errors.New("stop")
	if err := s.Read(1, func(*journal.Block) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Read returned %v, want the reader's own error", err)
	}
}

func testEpoch(t *testing.T, e Engine) {
	place := t.TempDir()
	last := uint64(0)
	for range 3 {
		s := e.open(t, place)
		if s.Epoch() <= last {
			t.Errorf("epoch %d after %d", s.Epoch(), last)
		}
		last = s.Epoch()
		tail, _ := s.Tail()
		fill(t, s, tail+1)
		if b, err := s.Block(tail + 1); err != nil || b.Epoch != last {
			t.Errorf("the block is of epoch %d, %v, want %d", b.Epoch, err, last)
		}
		closeStore(t, s)
	}
}

func testView(t *testing.T, e Engine) {
	place := t.TempDir()
	s := e.open(t, place)
	fill(t, s, 12)
	ticket, err := s.Append(12, records(13, 3), []journal.Update{{Key: []byte("key 0002"), Delete: true}})
	if err == nil {
		err = ticket.Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if value, err := s.Value([]byte("key 0012"), nil); err != nil || string(value) != "12" {
			t.Errorf("key 0012 is %q, %v", value, err)
		}
		if _, err := s.Value([]byte("key 0002"), nil); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("a deleted key: %v, want %v", err, journal.ErrNotFound)
		}
		var keys []string
		err := s.Scan([]byte("key 000"), func(key, _ []byte) error {
			keys = append(keys, string(key))
			return nil
		})
		if err != nil || len(keys) != 8 || keys[0] != "key 0001" || keys[7] != "key 0009" {
			t.Errorf("scan found %q, %v", keys, err)
		}
		testWalk(t, s)
		closeStore(t, s)
		s = e.open(t, place)
	}
	closeStore(t, s)
}

// testWalk walks the keys 0001 to 0013, of which 0002 is gone.
func testWalk(t *testing.T, s Store) {
	t.Helper()
	f := func(from string, back bool, want string) {
		t.Helper()
		var keys []byte
		err := s.Walk([]byte("key 000"), []byte("key "+from), back, func(key, _ []byte) error {
			if len(keys) == 3 {
				return journal.ErrNotFound
			}
			keys = append(keys, key[len(key)-1])
			return nil
		})
		if string(keys) != want || err != nil && (len(keys) < 3 || !errors.Is(err, journal.ErrNotFound)) {
			t.Errorf("from %s, back %t: %q, %v, want %q", from, back, keys, err, want)
		}
	}
	f("0001", false, "134")
	f("0002", false, "345")
	f("00020", false, "345")
	f("0008", false, "89")
	f("0009x", false, "")
	f("0000", true, "")
	f("0002", true, "1")
	f("0004", true, "431")
	f("0009x", true, "987")
}

func testTrim(t *testing.T, e Engine) {
	place := t.TempDir()
	s := e.open(t, place)
	fill(t, s, 30)
	if err := s.TrimBefore(31); err == nil {
		t.Error("trimmed past the tail")
	}
	if err := s.TrimBefore(11); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Block(10); !errors.Is(err, journal.ErrTrimmed) {
			t.Errorf("block 10: %v, want %v", err, journal.ErrTrimmed)
		}
		if err := s.Read(5, nil); !errors.Is(err, journal.ErrTrimmed) {
			t.Errorf("reading from 5: %v, want %v", err, journal.ErrTrimmed)
		}
		tail, _ := s.Tail()
		checkLog(t, s, 11, tail, three)
		fill(t, s, tail+5)
		closeStore(t, s)
		s = e.open(t, place)
	}
	closeStore(t, s)
}

func testLocked(t *testing.T, e Engine) {
	place := t.TempDir()
	s := e.open(t, place)
	defer closeStore(t, s)
	if second, err := e.Open(place); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("a second opening: %v, want %v", err, journal.ErrLocked)
		if err == nil {
			closeStore(t, second)
		}
	}
}

// testDamage changes what is stored and expects a clear refusal, from the opening where
// the last block is hurt and from reading in any case.
func testDamage(t *testing.T, e Engine) {
	flip := func(at int) func([]byte) []byte {
		return func(data []byte) []byte {
			data[(at+len(data))%len(data)] ^= 0x40
			return data
		}
	}
	for _, test := range []struct {
		name     string
		sequence uint64
		change   func([]byte) []byte
		want     error
	}{
		{"TornMiddle", 5, func(d []byte) []byte { return d[:20] }, journal.ErrTornBlock},
		{"TornTail", 9, func(d []byte) []byte { return d[:len(d)/2] }, journal.ErrTornBlock},
		{"CutTail", 9, func(d []byte) []byte { return d[:len(d)-10] }, journal.ErrCorruptBlock},
		{"FlippedBody", 5, flip(90), journal.ErrCorruptBlock},
		{"FlippedTail", 9, flip(90), journal.ErrCorruptBlock},
		{"FlippedChecksum", 5, flip(-1), journal.ErrCorruptBlock},
		{"FlippedMagic", 5, flip(0), journal.ErrCorruptBlock},
		{"ForeignVersion", 5, flip(3), journal.ErrForeignVersion},
		{"Missing", 5, func([]byte) []byte { return nil }, journal.ErrGap},
		{"MissingTail", 9, func([]byte) []byte { return nil }, journal.ErrGap},
	} {
		t.Run(test.name, func(t *testing.T) {
			place := t.TempDir()
			s := e.open(t, place)
			fill(t, s, 9)
			closeStore(t, s)
			if err := e.Damage(place, test.sequence, test.change); err != nil {
				t.Fatal(err)
			}
			checkRefused(t, e, place, test.want)
		})
	}
}

func checkRefused(t *testing.T, e Engine, place string, want error) {
	t.Helper()
	s, err := e.Open(place)
	if err == nil {
		defer closeStore(t, s)
		err = s.Read(1, func(*journal.Block) error { return nil })
	}
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	var fault *journal.Fault
	if !errors.As(err, &fault) || fault.Sequence == 0 {
		t.Errorf("%v does not say which block is at fault", err)
	}
}
