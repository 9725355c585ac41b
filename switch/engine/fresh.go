package engine

import (
	"slices"
	"sync/atomic"
)

// fresh lists the payments of which the projection says something new since blocks that are
// not durable yet. A question about any other payment that has ended waits for no block.
type fresh struct {
	list    []change      // In the order of their blocks.
	durable atomic.Uint64 // Sequence of the newest block that is; the committer writes it.
}

// change is a payment that has ended, and the block that said so or changed it since.
type change struct {
	life     *life
	sequence uint64
}

func (f *fresh) add(l *life, sequence uint64) { f.list = append(f.list, change{l, sequence}) }

// forget lets go of what has become durable.
func (f *fresh) forget() {
	durable, n := f.durable.Load(), 0
	for n < len(f.list) && f.list[n].sequence <= durable {
		n++
	}
	f.list = slices.Delete(f.list, 0, n)
}

// concerns reports whether a look-up asks for one of the payments.
func (f *fresh) concerns(in *input) bool {
	f.forget()
	return slices.ContainsFunc(f.list, func(c change) bool {
		if in.id != "" {
			return c.life.ID == in.id
		}
		return requestKey{c.life.Institution, c.life.RequestID} == in.sought
	})
}
