//go:build unix

package reconcile

import (
	"os"
	"syscall"
)

// lockDirectory takes a directory for this process until the file is closed; errInUse when
// another one has it.
func lockDirectory(path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, errInUse
	}
	return file, nil
}
