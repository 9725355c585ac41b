//go:build !linux

package reconcile

// hugePages does nothing: only Linux takes the hint.
func hugePages([]byte) {}
