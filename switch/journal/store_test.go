package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"tongma/switch/journal"
	"tongma/switch/journal/journaltest"
)

func options(place string) journal.Options {
	o := journal.DefaultOptions()
	o.Directory, o.DiskFreeMin, o.BallastBytes = place, 1<<20, 0
	o.MemTableBytes, o.CacheBytes = 4<<20, 8<<20
	return o
}

func open(place string) (journaltest.Store, error) { return journal.Open(options(place)) }

// silent keeps Pebble's lines out of the tests' output.
type silent struct{}

func (silent) Infof(string, ...any)              {}
func (silent) Errorf(string, ...any)             {}
func (silent) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// damage reaches below the journal, into its Pebble.
func damage(place string, sequence uint64, change func([]byte) []byte) error {
	db, err := pebble.Open(place, &pebble.Options{FormatMajorVersion: pebble.FormatNewest, Logger: silent{}})
	if err != nil {
		return err
	}
	key := binary.BigEndian.AppendUint64([]byte{'b'}, sequence)
	value, closer, err := db.Get(key)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	changed := change(append([]byte(nil), value...))
	err = closer.Close()
	if changed == nil {
		return errors.Join(err, db.Delete(key, pebble.Sync), db.Close())
	}
	return errors.Join(err, db.Set(key, changed, pebble.Sync), db.Close())
}

var embedded = journaltest.Engine{Open: open, Damage: damage}

func TestMain(m *testing.M) { journaltest.Main(m, embedded) }

func TestContract(t *testing.T) { journaltest.Run(t, embedded) }

func openStore(t *testing.T, o journal.Options) *journal.Store {
	t.Helper()
	s, err := journal.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func appendBlocks(t *testing.T, s *journal.Store, last uint64) {
	t.Helper()
	tail, _ := s.Tail()
	for ; tail < last; tail++ {
		ticket, err := s.Append(tail, []journal.Record{{Kind: 1, Version: 1, Body: []byte("body")}}, nil)
		if err == nil {
			err = ticket.Wait()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A block that is well formed but was put in another's place is found by the chain.
func TestSwappedBlocksBreakTheChain(t *testing.T) {
	place, other := t.TempDir(), t.TempDir()
	var stolen []byte
	for _, directory := range []string{other, place} {
		s := openStore(t, options(directory))
		appendBlocks(t, s, 9)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		err := damage(directory, 5, func(data []byte) []byte {
			data, stolen = append([]byte(nil), orOwn(stolen, data)...), data
			return data
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	report, err := journal.Verify(place, journal.Checks{})
	if !errors.Is(err, journal.ErrBrokenChain) {
		t.Errorf("got %v, want %v", err, journal.ErrBrokenChain)
	}
	if report.Last != 4 {
		t.Errorf("the log reads well up to %d, want 4", report.Last)
	}
}

func orOwn(stolen, own []byte) []byte {
	if stolen == nil {
		return own
	}
	return stolen
}

func TestForeignShardIsRefused(t *testing.T) {
	place := t.TempDir()
	if err := openStore(t, options(place)).Close(); err != nil {
		t.Fatal(err)
	}
	o := options(place)
	o.Shard = 7
	if _, err := journal.Open(o); !errors.Is(err, journal.ErrForeignShard) {
		t.Errorf("got %v, want %v", err, journal.ErrForeignShard)
	}
}

func TestDiskFullRefusesToStartAndToAccept(t *testing.T) {
	o := options(t.TempDir())
	o.DiskFreeMin, o.DiskCheckEvery = 1000, 5*time.Millisecond
	var free atomic.Uint64
	free.Store(1001)
	o.DiskFree = func(string) (uint64, error) { return free.Load(), nil }
	s := openStore(t, o)
	if err := s.Accepting(); err != nil {
		t.Errorf("with room: %v", err)
	}
	free.Store(999)
	for deadline := time.Now().Add(5 * time.Second); s.Accepting() == nil && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if err := s.Accepting(); !errors.Is(err, journal.ErrDiskFull) {
		t.Errorf("without room: %v, want %v", err, journal.ErrDiskFull)
	}
	appendBlocks(t, s, 1) // What was begun is still brought to its end.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(o); !errors.Is(err, journal.ErrDiskFull) {
		t.Errorf("starting without room: %v, want %v", err, journal.ErrDiskFull)
	}
}

func TestOversizedBlockIsRefusedAndHarmless(t *testing.T) {
	o := options(t.TempDir())
	s := openStore(t, o)
	big := []journal.Record{{Kind: 1, Version: 1, Body: make([]byte, o.BlockBytesMax)}}
	if _, err := s.Append(0, big, nil); !errors.Is(err, journal.ErrTooLarge) {
		t.Errorf("got %v, want %v", err, journal.ErrTooLarge)
	}
	appendBlocks(t, s, 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// newestLog reads the write-ahead log in place, and tells how much of it is written: zeros are
// kept ahead.
func newestLog(t *testing.T, place string) (name string, data []byte, written int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(place, "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no write-ahead log in %s: %v", place, err)
	}
	name = files[len(files)-1]
	if data, err = os.ReadFile(name); err != nil {
		t.Fatal(err)
	}
	return name, data, len(bytes.TrimRight(data, "\x00"))
}

// A byte that flips in the write-ahead log makes Pebble read a shorter log: the mark
// tells that it was longer.
func TestDamagedWriteAheadLogIsRefused(t *testing.T) {
	for _, percent := range []int{10, 50, 90, 97} {
		place := t.TempDir()
		s := openStore(t, options(place))
		appendBlocks(t, s, 400)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		name, data, written := newestLog(t, place)
		data[written*percent/100] ^= 0x10
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := journal.Open(options(place)); err == nil {
			tail, _ := s.Tail()
			t.Errorf("a byte at %d %%: opened with %d of 400 blocks", percent, tail)
			_ = s.Close()
		}
	}
}

func TestDamagedSnapshotFallsBack(t *testing.T) {
	place := t.TempDir()
	s := openStore(t, options(place))
	appendBlocks(t, s, 20)
	for _, at := range []uint64{5, 10, 15} {
		if err := s.Save(at, fmt.Append(nil, "state ", at)); err != nil {
			t.Fatal(err)
		}
	}
	checkNewest(t, s, 15)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	hurt := func(at uint64) {
		db, err := pebble.Open(place, &pebble.Options{FormatMajorVersion: pebble.FormatNewest, Logger: silent{}})
		if err != nil {
			t.Fatal(err)
		}
		key := binary.BigEndian.AppendUint64([]byte{'s'}, at)
		if err := errors.Join(db.Set(key, []byte("damaged beyond reading, of forty bytes.."), pebble.Sync), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	hurt(15)
	s = openStore(t, options(place))
	checkNewest(t, s, 10)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Verify(place, journal.Checks{}); !errors.Is(err, journal.ErrSnapshot) {
		t.Errorf("verify says %v, want %v", err, journal.ErrSnapshot)
	}
	hurt(10)
	s = openStore(t, options(place))
	checkNewest(t, s, 0)
	if err := s.TrimBefore(8); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Newest(); !errors.Is(err, journal.ErrSnapshot) {
		t.Errorf("a trimmed log without a snapshot: %v, want %v", err, journal.ErrSnapshot)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func checkNewest(t *testing.T, s *journal.Store, want uint64) {
	t.Helper()
	at, state, err := s.Newest()
	if err != nil || at != want || (at > 0 && string(state) != fmt.Sprint("state ", want)) {
		t.Errorf("newest snapshot is of block %d (%q), %v, want %d", at, state, err, want)
	}
}

func TestSettings(t *testing.T) {
	place := t.TempDir()
	s := openStore(t, options(place))
	changes, stop := s.Watch("table/")
	if _, err := s.CompareAndSet("table/a", 0, []byte("one"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CompareAndSet("table/a", 0, []byte("two"), 0); !errors.Is(err, journal.ErrRevision) {
		t.Errorf("a stale revision: %v, want %v", err, journal.ErrRevision)
	}
	if _, err := s.CompareAndSet("table/a", 1, []byte("two"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CompareAndSet("lease/0", 0, []byte("me"), 30*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CompareAndSet("lease/0", 0, []byte("you"), time.Second); !errors.Is(err, journal.ErrRevision) {
		t.Errorf("a second holder: %v, want %v", err, journal.ErrRevision)
	}
	time.Sleep(40 * time.Millisecond)
	taken, err := s.CompareAndSet("lease/0", 0, []byte("you"), time.Hour)
	if err != nil || taken.Revision != 2 {
		t.Errorf("an expired lease: revision %d, %v, want 2", taken.Revision, err)
	}
	for _, want := range []string{"one", "two"} {
		if got := <-changes; string(got.Value) != want {
			t.Errorf("watched %q, want %q", got.Value, want)
		}
	}
	stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, options(place))
	if got := s.Setting("table/a"); string(got.Value) != "two" || got.Revision != 2 {
		t.Errorf("after a restart: %q at revision %d", got.Value, got.Revision)
	}
	if got := s.Setting("nothing"); got.Revision != 0 {
		t.Errorf("what is not there has revision %d", got.Revision)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyReportsTheWholeLog(t *testing.T) {
	place := t.TempDir()
	s := openStore(t, options(place))
	appendBlocks(t, s, 12)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := journal.Verify(place, journal.Checks{})
	if err != nil || r.First != 1 || r.Last != 12 || r.Records != 12 || r.Kinds[1] != 12 || r.Epochs != 1 || r.Bytes != 48 {
		t.Errorf("report %+v, %v", r, err)
	}
	objection := errors.New("no")
	if r, err = journal.Verify(place, journal.Checks{Block: func(b *journal.Block) error {
		if b.Sequence == 7 {
			return objection
		}
		return nil
	}}); !errors.Is(err, objection) || r.Last != 7 {
		t.Errorf("an objection at block 7: report up to %d, %v", r.Last, err)
	}
	if _, err := journal.Verify(place+"/nowhere", journal.Checks{}); err == nil {
		t.Error("verified a directory that does not exist")
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, count := range []int{20, 100, 300} {
		b.Run(fmt.Sprintf("records=%d", count), func(b *testing.B) {
			s, err := journal.Open(func() journal.Options {
				o := journal.DefaultOptions()
				o.Directory = b.TempDir()
				return o
			}())
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			list := make([]journal.Record, count)
			updates := make([]journal.Update, count)
			for i := range list {
				list[i] = journal.Record{Kind: 1, Version: 1, Body: make([]byte, 200)}
				updates[i] = journal.Update{Key: make([]byte, 32), Value: make([]byte, 8)}
			}
			var before journal.Ticket
			b.ReportAllocs()
			n := uint64(0)
			for b.Loop() {
				for i := range updates {
					binary.BigEndian.PutUint64(updates[i].Key, n*uint64(count)+uint64(i))
				}
				ticket, err := s.Append(n, list, updates)
				if err != nil {
					b.Fatal(err)
				}
				if before != nil {
					if err := before.Wait(); err != nil {
						b.Fatal(err)
					}
				}
				before = ticket
				n++
			}
			_ = before.Wait()
			b.ReportMetric(float64(n)*float64(count)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// TestDamagedTableIsRefused flips a bit at many places of a table: the journal is not sound, or
// the bit was of no use; nothing panics.
func TestDamagedTableIsRefused(t *testing.T) {
	place := t.TempDir()
	s := openStore(t, options(place))
	appendBlocks(t, s, 300)
	for range 2 { // What the log holds is written into a table at the next start.
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, options(place))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(place, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no table in the journal: %v", err)
	}
	refused := 0
	for _, table := range tables {
		good, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(good); at += max(1, len(good)/40) {
			restore := flip(t, table, at)
			_, err := journal.Verify(place, journal.Checks{})
			if errors.Is(err, journal.ErrNotRead) {
				t.Errorf("%s, byte %d: %v", filepath.Base(table), at, err)
			}
			if err != nil {
				refused++
			}
			restore()
		}
	}
	if refused < 10 {
		t.Errorf("damage was seen %d times alone", refused)
	}
	acceptsNothing(t, place, tables[0])
	if _, err := journal.Verify(place, journal.Checks{}); err != nil {
		t.Errorf("undamaged: %v", err)
	}
}

// acceptsNothing opens a journal for writing whose first block is damaged: who reads it has an
// error, and from then on nothing is accepted.
func acceptsNothing(t *testing.T, place, table string) {
	t.Helper()
	defer flip(t, table, 0)()
	s, err := journal.Open(options(place))
	if err != nil {
		t.Fatalf("the newest block reads well: %v", err)
	}
	if err := s.Read(1, func(*journal.Block) error { return nil }); err == nil {
		t.Error("the damaged block is read")
	}
	tail, _ := s.Tail()
	if _, err := s.Append(tail, []journal.Record{{Kind: 1, Version: 1}}, nil); !errors.Is(err, journal.ErrCorruptBlock) {
		t.Errorf("a journal with a damaged table accepts a block, or: %v", err)
	}
	_ = s.Close() // It says the same once more.
}

// flip flips a bit of a file until restore is called.
func flip(t *testing.T, name string, at int) (restore func()) {
	t.Helper()
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spoiled := bytes.Clone(good)
	spoiled[at] ^= 0x10
	write(spoiled)
	return func() { write(good) }
}
