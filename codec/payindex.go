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

// readsAs reports whether r and other find an issuer in the same characters, or none.
func (r *payRule) readsAs(other *payRule) bool {
	of := func(r *payRule) (span [2]int) {
		for i := range r.parts {
			if r.parts[i].issuer {
				span = [2]int{r.parts[i].from, r.parts[i].to}
			}
		}
		return span
	}
	return of(r) == of(other)
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
	r.before = precedence{r.rank, r.prefix, r.pattern.min - r.pattern.max, shape, int(r.trust), 0}
}

// indexedPrefixMax is how many digits of a prefix find its rules; what is longer is compared
// after.
const indexedPrefixMax = 15

// payIndex finds the rules whose prefix a text begins with: one table by each length of
// prefix that occurs, asked only where a prefix of that length begins with the same two
// characters.
type payIndex struct {
	rules   []payRule // The one that goes before stands before.
	forms   []payForm // What of each rule is asked first, close together.
	lengths [256]uint16
	tables  [indexedPrefixMax + 1]payTable
}

// payForm is a rule's form as far as most need: digits of these lengths behind the prefix.
type payForm struct {
	min, max uint8
	plain    bool // Nothing else is to be asked.
}

// payTable is an open-addressing table from a prefix, packed into a number, to the rules
// that have it.
type payTable struct {
	slots []paySlot
	order []uint32 // Places in rules, slot by slot, ascending in each.
	shift uint
}

type paySlot struct {
	key         uint64
	from, count uint32 // Of order; a free slot has none.
}

// pairOf packs the first two characters into a byte; different ones may share it.
func pairOf(text string) uint8 { return text[0]*31 + text[1] }

const mixer = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio.

// find gives the rules of a prefix.
func (t *payTable) find(key uint64) []uint32 {
	if len(t.slots) == 0 {
		return nil
	}
	for i := key * mixer >> t.shift; ; i = (i + 1) & uint64(len(t.slots)-1) {
		slot := &t.slots[i]
		if slot.count == 0 {
			return nil
		}
		if slot.key == key {
			return t.order[slot.from : slot.from+slot.count]
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
		r := &x.rules[i]
		plain := r.plain && r.prefix <= indexedPrefixMax
		x.forms = append(x.forms, payForm{uint8(r.pattern.min), uint8(r.pattern.max), plain})
		for _, prefix := range r.pattern.prefixes() {
			size := leadingDigits(prefix)
			if found[size] == nil {
				found[size] = map[uint64][]uint32{}
			}
			key := pack(prefix[:size])
			if list := found[size][key]; len(list) == 0 || list[len(list)-1] != uint32(i) {
				found[size][key] = append(list, uint32(i))
			}
			x.note(prefix[:size])
		}
	}
	for size := range found {
		x.tables[size] = newPayTable(found[size])
	}
	return x
}

func leadingDigits(text string) int {
	for i := range len(text) {
		if text[i]-'0' > 9 || i == indexedPrefixMax {
			return i
		}
	}
	return len(text)
}

// pack puts digits into a number, four bits each.
func pack(digits string) (key uint64) {
	for i := range len(digits) {
		key = key<<4 | uint64(digits[i]-'0')
	}
	return key
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
		for t.slots[i].count != 0 {
			i = (i + 1) & uint64(len(t.slots)-1)
		}
		t.slots[i] = paySlot{key, uint32(len(t.order)), uint32(len(list))}
		t.order = append(t.order, list...)
	}
	return t
}

// all lists the rules, the one that goes before first.
func (x *payIndex) all() []payRule {
	if x == nil {
		return nil
	}
	return x.rules
}

// find gives the rule that text is read by, nil where none fits. digits says whether text
// is made of digits alone; text has two characters or more.
func (x *payIndex) find(text string, digits bool) *payRule {
	if x == nil {
		return nil // Of a Decoder that has no rules.
	}
	best, key, read := len(x.rules), uint64(0), 0
	for left := x.lengths[pairOf(text)]; left != 0; left &= left - 1 {
		size := bits.TrailingZeros16(left)
		if size > len(text) || size > 0 && !digits && leadingDigits(text) < size {
			break
		}
		for ; read < size; read++ {
			key = key<<4 | uint64(text[read]-'0')
		}
		for _, i := range x.tables[size].find(key) {
			if int(i) >= best {
				break // What follows goes after the best so far.
			}
			if x.fits(i, text, digits) {
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

func (x *payIndex) fits(i uint32, text string, digits bool) bool {
	form := x.forms[i]
	if len(text) < int(form.min) || len(text) > int(form.max) {
		return false
	}
	return form.plain && digits || !form.plain && x.rules[i].pattern.fits(text)
}
