package journal_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"tongma/switch/journal"
)

// smallDisk mounts a file system of 64 MiB of its own. It needs root on Linux.
func smallDisk(t *testing.T) (place string) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("a small disk needs root on Linux")
	}
	place = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", place).CombinedOutput(); err != nil {
		t.Skipf("this machine cannot mount: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", place).Run() })
	return place
}

// fill writes a file of that name that leaves room for free bytes.
func fill(t *testing.T, place, name string, free int) (filler string) {
	t.Helper()
	filler = filepath.Join(place, name)
	file, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	page := make([]byte, 4096)
	for err == nil {
		_, err = file.Write(page)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Truncate(max(0, info.Size()-int64(free))), file.Close()); err != nil {
		t.Fatal(err)
	}
	return filler
}

// within fails the test if do has not ended in time.
func within(t *testing.T, limit time.Duration, what string, do func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		t.Fatalf("%s has not ended after %s", what, limit)
		return nil
	}
}

// strikes are the ways in which the journal can find that no byte is left.
var strikes = map[string]func(*journal.Store) error{
	"append":   appendLarge,
	"snapshot": func(s *journal.Store) error { return s.Save(1, make([]byte, 1<<20)) },
	"setting": func(s *journal.Store) error {
		_, err := s.CompareAndSet("table", s.Setting("table").Revision, make([]byte, 256<<10), 0)
		return err
	},
	// It does not fit beside Pebble's tables and makes it begin a new write-ahead log.
	"large snapshot": func(s *journal.Store) error { return s.Save(1, make([]byte, 3<<20)) },
}

func appendLarge(s *journal.Store) error {
	tail, _ := s.Tail()
	body := make([]byte, 64<<10) // Of which packing takes nothing away.
	_, _ = rand.NewChaCha8([32]byte{byte(tail)}).Read(body)
	ticket, err := s.Append(tail, []journal.Record{{Kind: 1, Version: 1, Body: body}}, nil)
	if err != nil {
		return err
	}
	return ticket.Wait()
}

// strike writes until the disk is full, and returns the last block that was durable and
// what the last write and the journal itself say.
func strike(t *testing.T, s *journal.Store, write func(*journal.Store) error) (durable uint64, failed, accepting error) {
	t.Helper()
	for range 200 {
		durable, _ = s.Tail()
		failed = within(t, 10*time.Second, "a write", func() error { return write(s) })
		if accepting = s.Accepting(); failed != nil || accepting != nil {
			return durable, failed, accepting
		}
	}
	t.Fatal("the disk does not get full")
	return
}

// checkFull closes s on its full disk, sees a start refused there, and, with room again,
// finds every block that was durable.
func checkFull(t *testing.T, s *journal.Store, o journal.Options, durable uint64) {
	t.Helper()
	_ = within(t, 10*time.Second, "the close", s.Close) // It may say that the disk is full.
	more := fill(t, filepath.Dir(o.Directory), "more", 0)
	err := within(t, 10*time.Second, "a start", func() error { _, err := journal.Open(o); return err })
	if !errors.Is(err, journal.ErrDiskFull) {
		t.Errorf("a start on the full disk says %v, want %v", err, journal.ErrDiskFull)
	}
	if err := errors.Join(os.Remove(more), os.Remove(filepath.Join(filepath.Dir(o.Directory), "filler"))); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, o)
	if tail, _ := s.Tail(); tail < durable {
		t.Errorf("the log ends at %d, but %d was durable", tail, durable)
	}
	if err := errors.Join(appendLarge(s), s.Accepting(), s.Close()); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if _, err := journal.Verify(o.Directory, journal.Checks{}); err != nil {
		t.Error(err)
	}
}

// TestDiskReallyFull writes until no byte is left, past the reserve that is to prevent it.
// The ballast makes room for the write that strikes; nothing new is accepted from then on,
// what was begun is still written, and nothing is lost.
func TestDiskReallyFull(t *testing.T) {
	for name, write := range strikes {
		t.Run(name, func(t *testing.T) {
			place := smallDisk(t)
			o := options(filepath.Join(place, "journal"))
			o.DiskFreeMin, o.BallastBytes = 1, 12<<20
			s := openStore(t, o)
			appendBlocks(t, s, 3)
			fill(t, place, "filler", 512<<10)
			_, failed, accepting := strike(t, s, write)
			if failed != nil || !errors.Is(accepting, journal.ErrDiskFull) {
				t.Errorf("the write that struck says %v, accepting says %v, want nil and %v", failed, accepting, journal.ErrDiskFull)
			}
			if err := appendLarge(s); err != nil {
				t.Errorf("what was begun cannot be written: %v", err)
			}
			durable, _ := s.Tail()
			checkFull(t, s, o, durable)
		})
	}
}

// TestDiskFullWithoutBallast: whoever strikes is told disk_full, the log is closed for
// good, the process lives. (A write that needs a new write-ahead log is not among them:
// Pebble ends the process there, which is what the ballast is for.)
func TestDiskFullWithoutBallast(t *testing.T) {
	for _, name := range []string{"append", "snapshot", "setting"} {
		t.Run(name, func(t *testing.T) {
			place := smallDisk(t)
			o := options(filepath.Join(place, "journal"))
			o.DiskFreeMin, o.MemTableBytes = 1, 16<<20
			s := openStore(t, o)
			appendBlocks(t, s, 3)
			fill(t, place, "filler", 512<<10)
			durable, failed, _ := strike(t, s, strikes[name])
			if !errors.Is(failed, journal.ErrDiskFull) {
				t.Errorf("a full disk says %v, want %v", failed, journal.ErrDiskFull)
			}
			for _, err := range []error{s.Accepting(), appendLarge(s)} {
				if !errors.Is(err, journal.ErrDiskFull) {
					t.Errorf("after it: %v, want %v", err, journal.ErrDiskFull)
				}
			}
			checkFull(t, s, o, durable)
		})
	}
}
