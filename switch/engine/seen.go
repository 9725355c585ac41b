package engine

import "github.com/bits-and-blooms/bloom/v3"

// seen tells in memory whether a request id may have been used by a payment that has
// ended: no is certain, yes has to be looked up in the projection. It stands before
// point reads of some ten microseconds, which nearly every new request would cost.
// Filters of doubling size are added as they fill up.
type seen struct {
	filters []*bloom.BloomFilter
	room    uint // Keys that the newest filter still takes.
	size    uint // Keys that the newest filter takes in all.
}

const (
	seenFirst     = 1 << 20 // Keys of the first filter: 1.2 MiB.
	seenFalseRate = 0.01    // Of each filter.
)

func newSeen() *seen { return &seen{size: seenFirst / 2} }

func (s *seen) add(key []byte) {
	if s.room == 0 {
		s.size *= 2
		s.room = s.size
		s.filters = append(s.filters, bloom.NewWithEstimates(s.size, seenFalseRate))
	}
	s.room--
	s.filters[len(s.filters)-1].Add(key)
}

// maybe reports whether key may have been added.
func (s *seen) maybe(key []byte) bool {
	for i := len(s.filters) - 1; i >= 0; i-- {
		if s.filters[i].Test(key) {
			return true
		}
	}
	return false
}
