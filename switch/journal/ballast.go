package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// The ballast is a file beside the store that takes room and nothing else. Where somebody
// else filled the disk past the reserve and a write finds no byte left, the ballast is
// removed and the write done again: Pebble would end the process. What was begun comes to
// its end in that room; nothing new is accepted until the ballast is back.
const ballastFile = "BALLAST"

func (o *Options) ballastPath() string { return filepath.Join(o.Directory, ballastFile) }

// ballastMissing is how many bytes of ballast the disk has yet to take.
func (o *Options) ballastMissing() uint64 {
	info, err := os.Stat(o.ballastPath())
	if err == nil && uint64(info.Size()) >= o.BallastBytes {
		return 0
	}
	return o.BallastBytes
}

// takeBallast writes the ballast where it is missing. Its content does not matter, so it
// is not synced: that its blocks are taken is enough.
func (o *Options) takeBallast() error {
	if o.ballastMissing() == 0 {
		return nil
	}
	file, err := os.OpenFile(o.ballastPath(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("journal: cannot take ballast: %w", err)
	}
	page := make([]byte, 1<<20)
	for rest := o.BallastBytes; rest > 0 && err == nil; rest -= min(rest, uint64(len(page))) {
		_, err = file.Write(page[:min(rest, uint64(len(page)))])
	}
	if err = errors.Join(err, file.Close()); err == nil {
		return nil
	}
	err = errors.Join(err, os.Remove(o.ballastPath()))
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("journal: %w: cannot take ballast: %w", ErrDiskFull, err)
	}
	return fmt.Errorf("journal: cannot take ballast: %w", err)
}

// dropBallast is called when a write found no room, before it is done again.
func (s *Store) dropBallast() {
	err := fmt.Errorf("journal: %w: no byte was left in %s", ErrDiskFull, s.options.Directory)
	s.diskFault.Store(&err)
	_ = os.Remove(s.options.ballastPath()) // Where there is none the write fails as it would have.
}
