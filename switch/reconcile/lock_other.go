//go:build !unix

package reconcile

import (
	"errors"
	"os"
)

// lockDirectory is refused where directories cannot be locked: without locks, a run could
// take another one's files for those of a dead one.
func lockDirectory(string) (*os.File, error) {
	return nil, errors.New("this system cannot lock directories")
}
