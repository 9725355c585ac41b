package routing

import (
	"cmp"
	"math/bits"
	"slices"
)

// prefixKey is a prefix of up to 15 bytes; the last byte is its length. Two words
// compare and hash faster than a string and need no pointer.
type prefixKey [2]uint64

func keyOf(prefix string) prefixKey {
	var key prefixKey
	for i := range len(prefix) {
		key[i>>3] |= uint64(prefix[i]) << (8 * (i & 7))
	}
	key[1] |= uint64(len(prefix)) << 56
	return key
}

// cut gives the key of the first length bytes.
func (k prefixKey) cut(length int) prefixKey {
	switch {
	case length >= 8:
		k[1] &= 1<<(8*(length-8)) - 1
	default:
		k[0] &= 1<<(8*length) - 1
		k[1] = 0
	}
	k[1] |= uint64(length) << 56
	return k
}

func (k prefixKey) length() int { return int(k[1] >> 56) }

func (k prefixKey) String() string {
	var text [prefixBytesMax]byte
	for i := range k.length() {
		text[i] = byte(k[i>>3] >> (8 * (i & 7)))
	}
	return string(text[:k.length()])
}

func (k prefixKey) hash() uint64 {
	high, low := bits.Mul64(k[0]^0x9E3779B97F4A7C15, k[1]^0xD6E8FEB86659FD93)
	return high ^ low
}

// candidate is a clause, or one line of a list, that may match texts with its prefix.
type candidate struct {
	key     prefixKey
	lengths lengthSet
	clause  int32
	target  int32 // Index in the rule's targets for a line of a list, else -1.
	line    int32
	next    int32 // Next candidate with the same key, -1 at the end.
}

// prefixIndex finds the candidates of a text by its prefixes: one probe for each
// length of prefix that occurs, whatever their number.
type prefixIndex struct {
	candidates []candidate
	slots      []int32 // Open addressing; index of the first candidate of a key, plus 1.
	shift      int
	depths     []depth // Longest first.
}

// depth is one length of prefix that occurs, with the highest rank at it and at the
// shorter ones, which ends the search early.
type depth struct {
	length int
	rank   uint64
}

func (x *prefixIndex) add(c candidate) { x.candidates = append(x.candidates, c) }

// build makes the slots; rank gives the rank of a candidate.
func (x *prefixIndex) build(rank func(*candidate) uint64) {
	size := 4
	for size < 2*len(x.candidates) {
		size *= 2
	}
	x.slots = make([]int32, size)
	x.shift = 64 - bits.TrailingZeros(uint(size))
	var highest [prefixBytesMax + 1]uint64
	var occurs [prefixBytesMax + 1]bool
	for i := range x.candidates {
		c := &x.candidates[i]
		length := c.key.length()
		highest[length] = max(highest[length], rank(c))
		occurs[length] = true
		x.insert(int32(i))
	}
	below := uint64(0)
	for length := range highest {
		if occurs[length] {
			below = max(below, highest[length])
			x.depths = append(x.depths, depth{length, below})
		}
	}
	slices.SortFunc(x.depths, func(a, b depth) int { return cmp.Compare(b.length, a.length) })
}

func (x *prefixIndex) insert(i int32) {
	c := &x.candidates[i]
	c.next = -1
	mask := uint64(len(x.slots) - 1)
	for at := c.key.hash() >> x.shift; ; at = (at + 1) & mask {
		head := x.slots[at]
		if head == 0 {
			x.slots[at] = i + 1
			return
		}
		if first := &x.candidates[head-1]; first.key == c.key {
			c.next, first.next = first.next, i
			return
		}
	}
}

// find gives the first candidate with exactly this key, or -1.
func (x *prefixIndex) find(key prefixKey) int32 {
	mask := uint64(len(x.slots) - 1)
	for at := key.hash() >> x.shift; ; at = (at + 1) & mask {
		head := x.slots[at]
		if head == 0 {
			return -1
		}
		if x.candidates[head-1].key == key {
			return head - 1
		}
	}
}
