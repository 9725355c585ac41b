package routing

import (
	"math/bits"
	"slices"
)

// A stem is the first seven digits of a prefix. Where many prefixes begin with the same
// two digits, as the numbers of one card scheme do, a table of the next five leads to a
// few leaves that lie side by side: one look-up waits for memory once however many
// prefixes there are, where probing each length waits twice for each.
const (
	stemDigits = 7
	headDigits = 2
	stemsOfOne = 100_000 // Stems of one head.

	headMin = 10_000 // Prefixes of one head for which its table is worth 400 KB.
	leafMax = 64     // Leaves of one stem that are read one after the other.

	leafDigits = 4 // Digits of a leaf after its stem; longer prefixes stay in slots.
	leafRows   = 1 << 16
)

// stems finds rows by the digits of their prefixes. What a look-up reads of a leaf is
// four bytes, and the leaves of one stem lie in one or two lines of memory: where a list
// is long the memory decides how fast it is.
type stems struct {
	heads  [100]int32 // Place of the head's table in tables, plus 1; 0 for none.
	tables []uint32   // For each stem where its leaves begin; the next stem's is their end.
	leaves []leaf
	lines  []int32                    // Of each leaf, in the list's file; no look-up reads them.
	rows   []row                      // What leaves say, each once and without its line.
	ranks  [prefixBytesMax + 1]uint64 // Highest rank at this length of prefix or a shorter one.
}

// leaf is one prefix: in its upper half the digits after the stem, four bits each, from
// the left and filled up with ones; in its lower half what it says, the index of a row.
type leaf uint32

func leafOf(key prefixKey, row uint32) leaf {
	var buffer [prefixBytesMax]byte
	return leaf(afterStem(key.text(&buffer)))<<16 | leaf(row)
}

// filler is how many of its four digits the leaf leaves open.
func (l leaf) filler() int { return bits.TrailingZeros16(^uint16(l>>16)) / 4 }

func (l leaf) length() int { return stemDigits + leafDigits - l.filler() }

// begins says that a text with these digits after its stem begins with the leaf's prefix.
func (l leaf) begins(digits uint16) bool {
	return (uint16(l>>16)^digits)>>(4*l.filler()) == 0
}

// row is what leaf i says.
func (s *stems) row(i uint32) row { return s.rows[uint16(s.leaves[i])] }

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

// leaves is where the leaves of a text's stem begin and end, those of long prefixes first;
// the first of them, so that it is read from memory at once; and the digits of the text
// after the stem.
type leaves struct {
	from, to uint32
	first    leaf
	digits   uint16
}

func (s *stems) find(text string) leaves {
	head, stem, ok := stemOf(text)
	if !ok || s.heads[head] == 0 {
		return leaves{}
	}
	at := int(s.heads[head]-1) + stem
	f := leaves{from: s.tables[at], to: s.tables[at+1], digits: afterStem(text)}
	if f.from < f.to {
		f.first = s.leaves[f.from]
	}
	return f
}

// place is where tables tells of the stem of key; below zero for a key that is no leaf.
func (s *stems) place(key prefixKey) int {
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
// that have too many. A list that says more than leaves can tell apart stays in slots.
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
	s.tables, s.leaves, s.lines = counts, make([]leaf, total), make([]int32, total)
	next, known := slices.Clone(counts), map[row]uint32{}
	for _, i := range s.byLength(candidates) {
		c := &candidates[i]
		length := c.key.length()
		s.ranks[length] = max(s.ranks[length], rank(c))
		at := &next[s.place(c.key)]
		s.leaves[*at], s.lines[*at] = leafOf(c.key, s.rowOf(c.row, known)), c.line
		*at++
	}
	if len(s.rows) > leafRows {
		*s = stems{}
		return
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
	each := func(visit func(head, stem int)) {
		for i := range candidates {
			if head, stem, ok := leafStem(candidates[i].key); ok {
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
