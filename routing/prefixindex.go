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

// with gives the key of one more byte. k has fewer than prefixBytesMax.
func (k prefixKey) with(next byte) prefixKey {
	length := k.length()
	k[length>>3] |= uint64(next) << (8 * (length & 7))
	k[1] += 1 << 56
	return k
}

func (k prefixKey) length() int { return int(k[1] >> 56) }

func (k prefixKey) String() string {
	var buffer [prefixBytesMax]byte
	return string(k.text(&buffer))
}

// text writes the prefix into buffer.
func (k prefixKey) text(buffer *[prefixBytesMax]byte) []byte {
	for i := range k.length() {
		buffer[i] = byte(k[i>>3] >> (8 * (i & 7)))
	}
	return buffer[:k.length()]
}

func (k prefixKey) hash() uint64 {
	high, low := bits.Mul64(k[0]^0x9E3779B97F4A7C15, k[1]^0xD6E8FEB86659FD93)
	return high ^ low
}

// row is what a clause, or one line of a list, says beside its prefix.
type row struct {
	lengths lengthSet
	clause  int32
	target  int32 // Index in the rule's targets for a line of a list, else -1.
	line    int32
}

// candidate is a row that may match texts with its prefix.
type candidate struct {
	key prefixKey
	row
	next int32 // Next candidate with the same key, -1 at the end.
}

// prefixIndex finds the candidates of a text by its prefixes: one probe for each
// length of prefix that occurs, whatever their number.
type prefixIndex struct {
	candidates []candidate
	slots      []int32 // Open addressing; index of the first candidate of a key, plus 1.
	shift      int
	depths     []depth // Longest first.
	stems      stems   // Candidates that long lists share out; they are in no slot.
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
	x.stems.build(x.candidates, rank)
	for i := range x.candidates {
		c := &x.candidates[i]
		if c.next = -1; x.stems.holds(c.key) {
			continue
		}
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

// inOrder gives the candidates by their texts: a prefix before what begins with it.
func (x *prefixIndex) inOrder() []int32 {
	type placed struct {
		high, low uint64
		index     int32
	}
	list := make([]placed, len(x.candidates))
	for i := range x.candidates {
		key := x.candidates[i].key
		list[i] = placed{bits.ReverseBytes64(key[0]), bits.ReverseBytes64(key[1]), int32(i)}
	}
	slices.SortFunc(list, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.high, b.high), cmp.Compare(a.low, b.low), cmp.Compare(a.index, b.index))
	})
	order := make([]int32, len(list))
	for i := range list {
		order[i] = list[i].index
	}
	return order
}

// each calls visit for every candidate whose prefix text begins with.
func (x *prefixIndex) each(text string, visit func(*candidate)) {
	whole := keyOf(text[:min(len(text), prefixBytesMax)])
	found := x.stems.find(text)
	for at, l := found.at, found.first; l != noLeaf; at, l = x.stems.after(at) {
		if l.begins(found.digits) {
			r := x.stems.rows[uint16(l)]
			r.line = x.stems.lines[at]
			visit(&candidate{key: whole.cut(l.length()), row: r, next: -1})
		}
	}
	for _, depth := range x.depths {
		if depth.length > len(text) {
			continue
		}
		for i := x.find(whole.cut(depth.length)); i >= 0; i = x.candidates[i].next {
			visit(&x.candidates[i])
		}
	}
}
