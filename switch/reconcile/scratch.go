package reconcile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Scratch is a directory of one process's temporary files. The process holds a lock on it
// until it ends, however it ends; so what a killed one left is told from what a running
// one needs, and the next one to come removes it.
type Scratch struct {
	// Path is the directory.
	Path string

	lock *os.File
}

// scratchAge is how long a directory without lock is left alone: its owner may be about
// to lock it.
const scratchAge = time.Minute

var errInUse = errors.New("reconcile: the work directory is in use by a run that is going on")

// NewScratch makes a directory for a kind of temporary files, and removes those of the
// same kind whose process is dead.
func NewScratch(kind string) (*Scratch, error) {
	pattern := "tongma-" + kind + "-*"
	dead, err := filepath.Glob(filepath.Join(os.TempDir(), pattern))
	if err != nil {
		return nil, err
	}
	for _, path := range dead {
		removeDead(path)
	}
	path, err := os.MkdirTemp("", pattern)
	if err != nil {
		return nil, fmt.Errorf("reconcile: cannot make a temporary directory: %w", err)
	}
	lock, err := lockDirectory(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reconcile: cannot lock a temporary directory: %w", err), os.Remove(path))
	}
	return &Scratch{path, lock}, nil
}

// removeDead removes a directory that nobody holds. One that cannot be removed is somebody
// else's and no reason to fail.
func removeDead(path string) {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || time.Since(info.ModTime()) < scratchAge {
		return
	}
	lock, err := lockDirectory(path)
	if err != nil {
		return
	}
	defer lock.Close()
	_ = os.RemoveAll(path)
}

// Remove removes the directory with what is in it.
func (s *Scratch) Remove() error { return errors.Join(os.RemoveAll(s.Path), s.lock.Close()) }
