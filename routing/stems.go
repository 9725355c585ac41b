package routing

import (
	"math/bits"
	"slices"
)

// A stem is the first seven digits of a prefix. Where many prefixes begin with the same
// two digits, as the numbers of one card scheme do, a table of the next five leads to a
// few leaves that lie side by side: one look-up reads two or three lines of memory
// however many prefixes there are, where probing each length reads two for each.
const (
	stemDigits = 7
	headDigits = 2
	stemsOfOne = 100_000 // Stems of one head.

	headMin = 10_000 // Prefixes of one head for which its table is worth 400 KB.
	leafMax = 64     // Leaves of one stem that are read one after the other.
)

// stems finds rows by the digits of their prefixes. All that a look-up reads of a leaf
// lies side by side with the other leaves of the stem: where a list is long the memory
// decides how fast it is.
type stems struct {
	heads  [100]int32 // Place of the head's table in tables, plus 1; 0 for none.
	tables []uint32   // For each stem where its leaves begin; the next stem's is their end.
	leaves []leaf
	rows   []row                      // What leaves say, each once and without its line.
	ranks  [prefixBytesMax + 1]uint64 // Highest rank at this length of prefix or a shorter one.
}

// leaf is one prefix: its digits after the stem, four bits each, from the left and filled
// up with ones; and what it says, as the index of a row and the line.
type leaf struct {
	digits uint32
	row    uint32
	line   int32
}

// digitsOf gives the digits of a leaf for key.
func digitsOf(key prefixKey) uint32 {
	var buffer [prefixBytesMax]byte
	digits, known := afterStem(key.text(&buffer))
	return digits | uint32(1<<(32-4*known)-1)
}

// filler is how many digits of eight the leaf leaves open.
func (l *leaf) filler() int { return bits.TrailingZeros32(^l.digits) / 4 }

func (l *leaf) length() int { return prefixBytesMax - l.filler() }

// begins says that a text with these digits after its stem, known of them, begins with
// the leaf's prefix.
func (l *leaf) begins(digits uint32, known int) bool {
	filler := l.filler()
	return prefixBytesMax-stemDigits-filler <= known && (l.digits^digits)>>(4*filler) == 0
}

// row is what l says.
func (s *stems) row(l *leaf) row {
	r := s.rows[l.row]
	r.line = l.line
	return r
}

// afterStem gives the digits that follow the stem, and how many there are, up to eight.
func afterStem[T string | []byte](text T) (digits uint32, known int) {
	for i := stemDigits; i < len(text) && i < prefixBytesMax; i++ {
		digit := uint32(text[i]) - '0'
		if digit > 9 {
			break
		}
		digits |= digit << (28 - 4*known)
		known++
	}
	return digits, known
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

// find gives where the leaves of text's stem begin and end, those of long prefixes first,
// and the digits of text after it.
func (s *stems) find(text string) (from, to int, digits uint32, known int) {
	head, stem, ok := stemOf(text)
	if !ok || s.heads[head] == 0 {
		return 0, 0, 0, 0
	}
	at := int(s.heads[head]-1) + stem
	digits, known = afterStem(text)
	return int(s.tables[at]), int(s.tables[at+1]), digits, known
}

// place is where tables tells of the stem of key; below zero for none.
func (s *stems) place(key prefixKey) int {
	var buffer [prefixBytesMax]byte
	text := key.text(&buffer)
	head, stem, ok := stemOf(text)
	if !ok || s.heads[head] == 0 || !allDigits(text) {
		return -1
	}
	return int(s.heads[head]-1) + stem
}

// holds says that the candidates of key are leaves.
func (s *stems) holds(key prefixKey) bool {
	at := s.place(key)
	return at >= 0 && s.tables[at] != s.tables[at+1]
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
// that have too many.
func (s *stems) build(candidates []candidate, rank func(*candidate) uint64) {
	counts := s.count(candidates)
	if len(counts) == 0 {
		return
	}
	total := uint32(0)
	for i, n := range counts {
		if n > leafMax {
			n = 0
		}
		counts[i], total = total, total+n
	}
	s.tables, s.leaves = counts, make([]leaf, total)
	next, known := slices.Clone(counts), map[row]uint32{}
	for _, i := range s.byLength(candidates) {
		c := &candidates[i]
		length := c.key.length()
		s.ranks[length] = max(s.ranks[length], rank(c))
		at := &next[s.place(c.key)]
		s.leaves[*at] = leaf{digitsOf(c.key), s.rowOf(c.row, known), c.line}
		*at++
	}
	for length := 1; length < len(s.ranks); length++ {
		s.ranks[length] = max(s.ranks[length], s.ranks[length-1])
	}
}

// byLength lists the candidates that are leaves, those of long prefixes first.
func (s *stems) byLength(candidates []candidate) []int32 {
	var same [prefixBytesMax + 1][]int32
	for i := range candidates {
		if key := candidates[i].key; s.holds(key) {
			same[key.length()] = append(same[key.length()], int32(i))
		}
	}
	slices.Reverse(same[:])
	return slices.Concat(same[:]...)
}

// count finds the heads worth a table and counts the candidates of each of their stems.
// One number more ends the last table.
func (s *stems) count(candidates []candidate) []uint32 {
	if len(candidates) < headMin {
		return nil
	}
	var heads [100]int
	var buffer [prefixBytesMax]byte
	each := func(visit func(head, stem int)) {
		for i := range candidates {
			text := candidates[i].key.text(&buffer)
			if head, stem, ok := stemOf(text); ok && allDigits(text) {
				visit(head, stem)
			}
		}
	}
	each(func(head, _ int) { heads[head]++ })
	size := 0
	for head, n := range heads {
		if n >= headMin {
			s.heads[head] = int32(size) + 1
			size += stemsOfOne
		}
	}
	if size == 0 {
		return nil
	}
	counts := make([]uint32, size+1)
	each(func(head, stem int) {
		if at := s.heads[head]; at > 0 {
			counts[int(at-1)+stem]++
		}
	})
	return counts
}
