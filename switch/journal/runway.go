package journal

import "github.com/cockroachdb/pebble/v2/vfs"

// A write-ahead log that grows with every block makes each sync write two things, one after
// the other: the block, and the inode that tells the file's new size. Pebble uses old log
// files again for that reason, but has none for as long as a store is young, which at a
// thousand payments a second is the first ten minutes after every start. So zeros are written
// ahead of it. They read as the end of the log, as what is left of an older one does.

const (
	runwayStride = 1 << 20   // Zeros are written so many bytes at a time,
	runwayLow    = 256 << 10 // when fewer than these are left.
)

var runwayZeros [runwayStride]byte

// runwayFS writes zeros ahead of write-ahead logs.
type runwayFS struct{ vfs.FS }

// walCategory is what Pebble calls its write-ahead log towards the disk.
const walCategory vfs.DiskWriteCategory = "pebble-wal"

// Unwrap is vfs.FS's.
func (r *runwayFS) Unwrap() vfs.FS { return r.FS }

// Create is vfs.FS's.
func (r *runwayFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := r.FS.Create(name, category)
	if err != nil || category != walCategory {
		return file, err
	}
	return &runwayFile{File: file}, nil
}

// runwayFile is a new write-ahead log. One goroutine writes and syncs it.
type runwayFile struct {
	vfs.File
	written int64 // Bytes of the log.
	filled  int64 // Bytes of the file, zeros included.
	full    bool  // There is no room for zeros; the log needs what there is.
}

// Write is vfs.File's.
func (f *runwayFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.written += int64(n)
	return n, err
}

// SyncData is vfs.File's.
func (f *runwayFile) SyncData() error {
	f.extend()
	return f.File.SyncData()
}

// extend writes zeros where few are left. They become durable with the sync that follows.
func (f *runwayFile) extend() {
	if f.full || f.filled-f.written >= runwayLow {
		return
	}
	from := max(f.filled, f.written)
	n, err := f.File.WriteAt(runwayZeros[:], from)
	f.filled, f.full = from+int64(n), err != nil
}
