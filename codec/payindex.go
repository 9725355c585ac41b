package codec

import (
	"math/bits"
	"slices"
	"strings"
)

// payRule is one form of payer's code.
type payRule struct {
	rule
	name    string // Of the whole code, for people.
	pattern pattern
	plain   bool // A prefix and digits: nothing but digits and length is left to check.
	prefix  int  // Characters that are given, not a class.
	parts   []payPart
	before  precedence
}

// payPart is a named part of a payer's code.
type payPart struct {
	path, name string
	from, to   int // Characters.
	issuer     bool
}

// settle fills what follows from the rule's other fields.
func (r *payRule) settle() {
	r.plain, r.prefix = r.pattern.rest == digitClass, 0
	for i := range r.pattern.fixed {
		switch c := r.pattern.fixed[i]; {
		case c.single() && r.prefix == i:
			r.prefix++
		case c != digitClass:
			r.plain = false
		}
	}
	for _, c := range r.pattern.fixed[:r.prefix] {
		if !c.within(digitClass) {
			r.plain = false
		}
	}
	shape := 1
	if r.plain {
		shape = 0
	}
	r.before = precedence{r.rank, r.prefix, r.pattern.min - r.pattern.max, shape, int(r.trust)}
}

// indexedPrefixMax is how many characters of a prefix find its rules; what is longer is
// compared after.
const indexedPrefixMax = 8

// payIndex finds the rules whose prefix a text begins with: one table by each length of
// prefix that occurs, asked only where a prefix of that length begins with the same two
// characters.
type payIndex struct {
	rules   []payRule // The one that goes before stands before.
	lengths [256]uint16
	tables  [indexedPrefixMax + 1]payTable
}

// payTable is an open-addressing table from a prefix, packed into a number, to the rules
// that have it.
type payTable struct {
	slots []paySlot
	shift uint
}

type paySlot struct {
	key   uint64
	order []uint32 // Places in rules, ascending; nil where the slot is free.
}

// pack puts the first size characters of text into a number.
func pack(text string, size int) uint64 {
	var key uint64
	for i := range size {
		key = key<<8 | uint64(text[i])
	}
	return key
}

func pairOf(text string) uint8 { return text[0]*31 + text[1] }

const mixer = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio.

func (t *payTable) find(key uint64) *paySlot {
	if len(t.slots) == 0 {
		return nil
	}
	for i := key * mixer >> t.shift; ; i = (i + 1) & uint64(len(t.slots)-1) {
		slot := &t.slots[i]
		if slot.order == nil {
			return nil
		}
		if slot.key == key {
			return slot
		}
	}
}

// newPayIndex compiles rules, which it puts in their order of precedence.
func newPayIndex(rules []payRule) *payIndex {
	x := &payIndex{rules: rules}
	slices.SortStableFunc(x.rules, func(a, b payRule) int {
		if c, _ := b.before.compare(&a.before); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	var found [indexedPrefixMax + 1]map[uint64][]uint32
	for i := range x.rules {
		for _, prefix := range x.rules[i].pattern.prefixes() {
			size := len(prefix)
			if found[size] == nil {
				found[size] = map[uint64][]uint32{}
			}
			key := pack(prefix, size)
			found[size][key] = append(found[size][key], uint32(i))
			x.note(prefix)
		}
	}
	for size := range found {
		x.tables[size] = newPayTable(found[size])
	}
	return x
}

// note marks the pairs of characters for which prefixes of this length exist.
func (x *payIndex) note(prefix string) {
	bit := uint16(1) << len(prefix)
	if len(prefix) >= 2 {
		x.lengths[pairOf(prefix)] |= bit
		return
	}
	for i := range x.lengths {
		x.lengths[i] |= bit
	}
}

func newPayTable(lists map[uint64][]uint32) payTable {
	if len(lists) == 0 {
		return payTable{}
	}
	width := bits.Len(uint(2*len(lists) - 1)) // At most half full.
	t := payTable{slots: make([]paySlot, 1<<width), shift: uint(64 - width)}
	for key, list := range lists {
		i := key * mixer >> t.shift
		for t.slots[i].order != nil {
			i = (i + 1) & uint64(len(t.slots)-1)
		}
		t.slots[i] = paySlot{key: key, order: list}
	}
	return t
}

// find gives the rule that text is read by, nil where none fits. digits says whether text
// is made of digits alone.
func (x *payIndex) find(text string, digits bool) *payRule {
	if len(text) < 2 {
		return nil
	}
	best := len(x.rules)
	for left := x.lengths[pairOf(text)]; left != 0; left &= left - 1 {
		size := bits.TrailingZeros16(left)
		if size > len(text) {
			break
		}
		slot := x.tables[size].find(pack(text, size))
		if slot == nil {
			continue
		}
		for _, i := range slot.order {
			if int(i) >= best {
				break // What follows goes after the best so far.
			}
			if x.rules[i].fits(text, digits) {
				best = int(i)
				break
			}
		}
	}
	if best == len(x.rules) {
		return nil
	}
	return &x.rules[best]
}

func (r *payRule) fits(text string, digits bool) bool {
	if !r.plain {
		return r.pattern.fits(text)
	}
	return digits && len(text) >= r.pattern.min && len(text) <= r.pattern.max && r.begins(text)
}

// begins compares what of a plain rule's prefix the index did not.
func (r *payRule) begins(text string) bool {
	for i := indexedPrefixMax; i < r.prefix; i++ {
		if !r.pattern.fixed[i].has(text[i]) {
			return false
		}
	}
	return true
}
