package engine

import (
	"math/bits"

	"github.com/zeebo/xxh3"
)

// seen tells in memory whether a request id may have been used by a payment, at work or
// ended: no is certain, yes has to be looked up in the projection. It stands before
// point reads of some ten microseconds, which nearly every new request would cost.
// Filters of four times the size are added as they fill up: each costs every new request
// an access to memory.
type seen struct {
	filters []filter
	room    uint64 // Keys that the newest filter still takes.
	size    uint64 // Keys that the newest filter takes in all.
}

const (
	seenFirst   = 1 << 20 // Keys of the first filter: 2 MiB.
	seenGrowth  = 4
	seenKeyBits = 16 // Bits of a filter for each key: one in 400 of a full one is wrong.
	seenProbes  = 7  // Bits that a key sets.
)

func newSeen() *seen { return &seen{size: seenFirst / seenGrowth} }

// hashOf is what seen knows key by.
func hashOf(key []byte) uint64 { return xxh3.Hash(key) }

func (s *seen) add(hash uint64) {
	if s.room == 0 {
		s.size *= seenGrowth
		s.room = s.size
		s.filters = append(s.filters, make(filter, s.size*seenKeyBits/filterBits))
	}
	s.room--
	s.filters[len(s.filters)-1].add(hash)
}

// maybe reports whether the key of hash may have been added.
func (s *seen) maybe(hash uint64) bool {
	for i := len(s.filters) - 1; i >= 0; i-- {
		if s.filters[i].maybe(hash) {
			return true
		}
	}
	return false
}

// filter is a Bloom filter in blocks of one cache line: all bits of a key stand in one
// block, so that a look costs one access to memory instead of seven (Putze, Sanders and
// Singler, Cache-, Hash- and Space-Efficient Bloom Filters, 2007).
type filter [][filterBits / 64]uint64

const filterBits = 512

// block is hash's block and what its bits are drawn from.
func (f filter) block(hash uint64) (*[filterBits / 64]uint64, uint64) {
	high, _ := bits.Mul64(hash, uint64(len(f)))
	return &f[high], hash * 0x9e3779b97f4a7c15 // Other bits than those that chose the block.
}

func (f filter) add(hash uint64) {
	block, draw := f.block(hash)
	for range seenProbes {
		block[draw>>61] |= 1 << (draw >> 55 & 63)
		draw = bits.RotateLeft64(draw, 9)
	}
}

func (f filter) maybe(hash uint64) bool {
	block, draw := f.block(hash)
	for range seenProbes {
		if block[draw>>61]&(1<<(draw>>55&63)) == 0 {
			return false
		}
		draw = bits.RotateLeft64(draw, 9)
	}
	return true
}
