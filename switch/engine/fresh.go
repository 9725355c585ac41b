package engine

import (
	"slices"
	"sync"
	"sync/atomic"
)

// fresh lists the payments of which the projection says something new since blocks that are
// not durable yet. A question about any other payment that has ended waits for no block, and
// does not wake the writer.
type fresh struct {
	mu      sync.Mutex
	list    []change      // In the order of their blocks.
	durable atomic.Uint64 // Sequence of the newest block that is; the committer writes it.
}

// change is a payment that has ended, and the block that said so or changed it since.
type change struct {
	life     *life
	sequence uint64
}

// add lists l, before block sequence can be seen in the projection.
func (f *fresh) add(l *life, sequence uint64) {
	f.mu.Lock()
	f.list = append(f.list, change{l, sequence})
	f.mu.Unlock()
}

// forget lets go of what has become durable.
func (f *fresh) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trim()
}

func (f *fresh) trim() {
	durable, n := f.durable.Load(), 0
	for n < len(f.list) && f.list[n].sequence <= durable {
		n++
	}
	f.list = slices.Delete(f.list, 0, n)
}

// concerns reports whether a look-up asks for one of the payments. What was read from the
// projection before it said no is durable.
func (f *fresh) concerns(in *input) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trim()
	return slices.ContainsFunc(f.list, func(c change) bool {
		if in.rare == nil {
			return c.life.ID == in.id
		}
		return requestKey{c.life.Institution, c.life.RequestID} == in.sought
	})
}
