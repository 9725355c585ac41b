package routing

import (
	"math/bits"
	"slices"
)

// A stem is the first seven digits of a prefix. Where many prefixes begin with the same
// two digits, as the numbers of one card scheme do, the next five number a bucket of
// sixteen leaves, which is one line of memory: a look-up waits for it once, however many
// prefixes there are, where probing each length waits twice for each.
const (
	stemDigits = 7
	headDigits = 2
	stemsOfOne = 100_000 // Stems of one head.

	headMin      = 10_000 // Prefixes of one head for which its buckets are worth 6.4 MB.
	leafMax      = 64     // Leaves of one stem that are read one after the other.
	bucketLeaves = 16     // The last one ends the bucket, or says where it goes on.

	leafDigits = 4 // Digits of a leaf after its stem; longer prefixes stay in slots.
	leafRows   = 1 << 15
)

// stems finds rows by the digits of their prefixes. Where a list is long the memory
// decides how fast it is, so a look-up reads four bytes of each leaf and nothing else.
type stems struct {
	heads  [100]int32                 // Number of the head's first bucket, plus 1; 0 for none.
	leaves []leaf                     // All buckets, then what did not fit into them.
	lines  []int32                    // Of each leaf, in the list's file; no look-up reads them.
	rows   []row                      // What leaves say, each once and without its line.
	below  [prefixBytesMax + 1]uint64 // Highest rank that can stand after a leaf of this length.
}

// leaf is one prefix: in its upper half the digits after the stem, four bits each, from
// the left and filled up with ones; in its lower half what it says, the index of a row.
// With the highest bit of the lower half set it is no prefix: the other bits say at which
// leaf the bucket goes on.
type leaf uint32

// noLeaf ends a bucket.
const noLeaf leaf = 0xFFFF_FFFF

const elsewhere leaf = 0x8000

func leafOf(key prefixKey, row uint32) leaf {
	var buffer [prefixBytesMax]byte
	return leaf(afterStem(key.text(&buffer)))<<16 | leaf(row)
}

// goesOnAt is the leaf that says where a bucket goes on.
func goesOnAt(at int) leaf { return leaf(at)>>15<<16 | elsewhere | leaf(at)&(elsewhere-1) }

// next is where a leaf that says so sends to.
func (l leaf) next() uint32 { return uint32(l>>16<<15 | l&(elsewhere-1)) }

// filler is how many of its four digits the leaf leaves open.
func (l leaf) filler() int { return bits.TrailingZeros16(^uint16(l>>16)) / 4 }

func (l leaf) length() int { return stemDigits + leafDigits - l.filler() }

// begins says that a text with these digits after its stem begins with the leaf's prefix.
func (l leaf) begins(digits uint16) bool {
	return (uint16(l>>16)^digits)>>(4*l.filler()) == 0
}

// afterStem gives the digits that follow the stem, filled up with ones, which are no digit.
func afterStem[T string | []byte](text T) uint16 {
	digits := uint16(0xFFFF)
	for i := 0; i < leafDigits && stemDigits+i < len(text); i++ {
		digit := uint16(text[stemDigits+i]) - '0'
		if digit > 9 {
			break
		}
		shift := 12 - 4*i
		digits = digits&^(0xF<<shift) | digit<<shift
	}
	return digits
}

// stemOf gives head and stem of a text of digits; false for any other text.
func stemOf[T string | []byte](text T) (head, stem int, ok bool) {
	if len(text) < stemDigits {
		return 0, 0, false
	}
	number := 0
	for i := range stemDigits {
		digit := int(text[i]) - '0'
		if digit < 0 || digit > 9 {
			return 0, 0, false
		}
		number = number*10 + digit
	}
	return number / stemsOfOne, number % stemsOfOne, true
}

// leaves is the bucket of a text's stem, those of long prefixes first: where it begins;
// its first leaf, so that it comes from memory at once; and the digits of the text after
// the stem.
type leaves struct {
	at     uint32
	first  leaf
	digits uint16
}

func (s *stems) find(text string) leaves {
	head, stem, ok := stemOf(text)
	if !ok || s.heads[head] == 0 {
		return leaves{first: noLeaf}
	}
	at := uint32(int(s.heads[head]-1)+stem) * bucketLeaves
	return leaves{at: at, first: s.leaves[at], digits: afterStem(text)}
}

// fitting gives the leaves of the bucket at whose prefixes a text with these digits begins
// with, one bit each; of those behind the bucket it says nothing. It has no branch: which
// leaves fit cannot be foretold, and a wrong guess costs more than comparing all of them.
func (s *stems) fitting(at uint32, digits uint16) uint32 {
	fit := uint32(0)
	for i, l := range (*[bucketLeaves]leaf)(s.leaves[at:]) {
		open := bits.TrailingZeros32(uint32(^l)>>16|1<<16) &^ 3 // Bits that the leaf leaves open.
		differ := (uint32(l>>16)^uint32(digits))>>(open&31) | uint32(l&elsewhere)
		fit |= (differ - 1) >> 31 << (i & 31)
	}
	return fit
}

// after gives the leaf that follows the one at, and where it is.
func (s *stems) after(at uint32) (uint32, leaf) {
	l := s.leaves[at+1]
	if l&elsewhere == 0 || l == noLeaf {
		return at + 1, l
	}
	return l.next(), s.leaves[l.next()]
}

// bucket is the number of the bucket that key belongs in; below zero for none.
func (s *stems) bucket(key prefixKey) int {
	head, stem, ok := leafStem(key)
	if !ok || s.heads[head] == 0 {
		return -1
	}
	return int(s.heads[head]-1) + stem
}

// leafStem gives head and stem of a key that can be a leaf.
func leafStem(key prefixKey) (head, stem int, ok bool) {
	var buffer [prefixBytesMax]byte
	text := key.text(&buffer)
	if len(text) > stemDigits+leafDigits || !allDigits(text) {
		return 0, 0, false
	}
	return stemOf(text)
}

// holds says that the candidates of key are leaves.
func (s *stems) holds(key prefixKey) bool {
	bucket := s.bucket(key)
	return bucket >= 0 && s.leaves[bucket*bucketLeaves] != noLeaf
}

// rowOf gives the index of what r says without its line.
func (s *stems) rowOf(r row, known map[row]uint32) uint32 {
	r.line = 0
	i, found := known[r]
	if !found {
		i = uint32(len(s.rows))
		s.rows = append(s.rows, r)
		known[r] = i
	}
	return i
}

func allDigits(text []byte) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// build takes the candidates of every head that has enough of them, but for the stems
// that have too many. A list that says more than leaves can tell apart stays in slots.
func (s *stems) build(candidates []candidate, rank func(*candidate) uint64) {
	counts := s.count(candidates)
	if len(counts) == 0 {
		return
	}
	s.grow(len(counts) * bucketLeaves)
	placed, known := make([]uint8, len(counts)), map[row]uint32{}
	var highest [prefixBytesMax + 1]uint64
	var repeated [prefixBytesMax + 1]bool
	for _, i := range s.byLength(candidates, counts) {
		c := &candidates[i]
		length := c.key.length()
		highest[length] = max(highest[length], rank(c))
		bucket := s.bucket(c.key)
		repeated[length] = repeated[length] || s.given(bucket, c.key)
		at := s.place(bucket, int(placed[bucket]), int(counts[bucket]))
		placed[bucket]++
		s.leaves[at], s.lines[at] = leafOf(c.key, s.rowOf(c.row, known)), c.line
	}
	if len(s.rows) > leafRows {
		*s = stems{}
		return
	}
	for length := 1; length < len(s.below); length++ {
		s.below[length] = max(s.below[length-1], highest[length-1])
		if repeated[length] {
			s.below[length] = max(s.below[length], highest[length])
		}
	}
}

// given says that the bucket has a leaf of exactly this prefix already.
func (s *stems) given(bucket int, key prefixKey) bool {
	digits := leafOf(key, 0) >> 16
	at := uint32(bucket) * bucketLeaves
	for l := s.leaves[at]; l != noLeaf; at, l = s.after(at) {
		if l>>16 == digits {
			return true
		}
	}
	return false
}

// grow adds n leaves that end a bucket.
func (s *stems) grow(n int) {
	from := len(s.leaves)
	s.leaves, s.lines = append(s.leaves, make([]leaf, n)...), append(s.lines, make([]int32, n)...)
	for i := from; i < len(s.leaves); i++ {
		s.leaves[i] = noLeaf
	}
}

// place gives where leaf number n of a bucket of count stands. What does not fit into the
// bucket stands behind all buckets.
func (s *stems) place(bucket, n, count int) int {
	const fit = bucketLeaves - 1
	last := bucket*bucketLeaves + fit
	switch {
	case n < fit:
		return bucket*bucketLeaves + n
	case n == fit:
		s.leaves[last] = goesOnAt(len(s.leaves))
		s.grow(count - fit + 1)
	}
	return int(s.leaves[last].next()) + n - fit
}

// byLength lists the candidates that are leaves, those of long prefixes first.
func (s *stems) byLength(candidates []candidate, counts []uint8) []int32 {
	var same [prefixBytesMax + 1][]int32
	for i := range candidates {
		key := candidates[i].key
		if bucket := s.bucket(key); bucket >= 0 && counts[bucket] > 0 {
			same[key.length()] = append(same[key.length()], int32(i))
		}
	}
	slices.Reverse(same[:])
	return slices.Concat(same[:]...)
}

// count finds the heads worth their buckets and counts the candidates of each bucket; 0
// where there are too many.
func (s *stems) count(candidates []candidate) []uint8 {
	if len(candidates) < headMin {
		return nil
	}
	var heads [100]int
	for i := range candidates {
		if head, _, ok := leafStem(candidates[i].key); ok {
			heads[head]++
		}
	}
	size := 0
	for head, n := range heads {
		if n >= headMin {
			s.heads[head] = int32(size) + 1
			size += stemsOfOne
		}
	}
	counts := make([]uint8, size)
	for i := range candidates {
		if bucket := s.bucket(candidates[i].key); bucket >= 0 && counts[bucket] <= leafMax {
			counts[bucket]++
		}
	}
	for i, n := range counts {
		if n > leafMax {
			counts[i] = 0
		}
	}
	return counts
}
