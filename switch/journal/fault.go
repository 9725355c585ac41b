package journal

import (
	"errors"
	"fmt"
)

// The reasons for which a journal refuses to start or to accept. Test with errors.Is.
var (
	ErrNotFound       = errors.New("not_found")
	ErrTrimmed        = errors.New("trimmed")
	ErrFenced         = errors.New("fenced")
	ErrLocked         = errors.New("locked")
	ErrNotRead        = errors.New("not_read") // Nothing is known of it: there is none, or a process has it open.
	ErrDiskFull       = errors.New("disk_full")
	ErrTornBlock      = errors.New("torn_block")
	ErrCorruptBlock   = errors.New("corrupt_block")
	ErrBrokenChain    = errors.New("broken_chain")
	ErrGap            = errors.New("gap")
	ErrForeignVersion = errors.New("foreign_version")
	ErrForeignShard   = errors.New("foreign_shard")
	ErrAppendFailed   = errors.New("append_failed")
	ErrTooLarge       = errors.New("too_large")
	ErrSnapshot       = errors.New("bad_snapshot")
	ErrRevision       = errors.New("stale_revision")
)

// Fault is what is wrong with one block. Code is one of this package's errors.
type Fault struct {
	Code     error
	Sequence uint64
	Detail   string
}

// Error says code, block and detail.
func (f *Fault) Error() string {
	return fmt.Sprintf("journal: block %d: %s: %s", f.Sequence, f.Code, f.Detail)
}

// Unwrap makes errors.Is see the code.
func (f *Fault) Unwrap() error { return f.Code }
