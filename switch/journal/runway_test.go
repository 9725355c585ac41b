package journal_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tongma/switch/journal"
)

// sizedFS counts the syncs of the write-ahead log before which it had grown.
type sizedFS struct {
	vfs.FS
	syncs, grown int
}

func (s *sizedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := s.FS.Create(name, category)
	if filepath.Ext(name) == ".log" {
		file = &sizedFile{File: file, of: s}
	}
	return file, err
}

type sizedFile struct {
	vfs.File
	of   *sizedFS
	size int64
}

func (f *sizedFile) SyncData() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	f.of.syncs++
	if info.Size() != f.size {
		f.of.grown++
	}
	f.size = info.Size()
	return f.File.SyncData()
}

// A sync of the log seldom has a new size to make durable.
func TestLogSeldomGrows(t *testing.T) {
	sized := &sizedFS{FS: vfs.Default}
	o := options(t.TempDir())
	o.FS = sized
	s := openStore(t, o)
	appendBlocks(t, s, 2000)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if sized.syncs < 500 || sized.grown > 5 {
		t.Errorf("%d of %d syncs found the log grown, want a few", sized.grown, sized.syncs)
	}
	s = openStore(t, options(o.Directory))
	defer s.Close()
	if tail, _ := s.Tail(); tail != 2000 {
		t.Errorf("the log ends at %d, want 2000", tail)
	}
}

// crowdedFS has no room for what is written ahead.
type crowdedFS struct{ vfs.FS }

func (c crowdedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := c.FS.Create(name, category)
	return crowdedFile{file}, err
}

type crowdedFile struct{ vfs.File }

func (f crowdedFile) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(p[:len(p)/3], at)
	return n, errors.Join(err, io.ErrShortWrite)
}

// Where there is no room for zeros the log goes on without.
func TestNoRoomAhead(t *testing.T) {
	o := options(t.TempDir())
	o.FS = crowdedFS{vfs.Default}
	s := openStore(t, o)
	appendBlocks(t, s, 300)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, options(o.Directory))
	defer s.Close()
	if tail, _ := s.Tail(); tail != 300 {
		t.Errorf("the log ends at %d, want 300", tail)
	}
}

// A log that is cut off in the zeros behind its end reads whole.
func TestZerosAheadAreTheEnd(t *testing.T) {
	place := t.TempDir()
	s := openStore(t, options(place))
	appendBlocks(t, s, 50)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name, data, written := newestLog(t, place)
	if len(data) < 1<<20 || written > 1<<18 {
		t.Fatalf("%d bytes of which %d are written: no zeros ahead", len(data), written)
	}
	for _, size := range []int{len(data), len(data) - 1, (written + len(data)) / 2, written + 4096} {
		if err := os.Truncate(name, int64(size)); err != nil {
			t.Fatal(err)
		}
		report, err := journal.Verify(place, journal.Checks{})
		if err != nil || report.Blocks != 50 {
			t.Errorf("cut to %d bytes: %+v, %v, want 50 blocks", size, report, err)
		}
	}
}
