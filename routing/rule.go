package routing

import (
	"math/bits"
	"slices"
	"strings"

	"tongma/codec"
)

// rule is one rule as the table's file states it, with what compiling added.
type rule struct {
	id         string
	line       int
	order      int // Place in the file; the earlier rule wins what nothing else decides.
	precedence int64
	match      match
	span       span
	targets    []target
	callers    bitset  // Of match.callers, by index in the register.
	entries    []entry // Of a list; nil for a rule.
}

// match holds the conditions of a rule. An empty one is no condition; of several
// values in one condition, one has to fit.
type match struct {
	standard   codec.Standard
	mode       codec.Mode
	schemes    []string
	prefixes   []string // Of a payment code's text.
	lengths    lengthSet
	hosts      []string // Of a link, lower case.
	paths      []string // How the path of a link begins, from its first slash.
	templates  []string // EMV ids at the root, two characters.
	guids      []string // Globally unique id in a template's 00, or the AID in 61.4F.
	acquirers  []string // How the acquirer's number begins.
	issuers    []string // How the issuer that the code itself names begins.
	countries  []string
	currencies []string
	scenes     []string
	callers    []string
	amount     span // Fen, [from, until).
}

// target is one institution a rule may send to.
type target struct {
	institution string
	index       int32 // In the register; -1 where unknown.
	priority    int64 // Lower is asked first.
	weight      int64 // Share among targets of the same priority.
	seed        uint64
	line        int
}

// entry is one line of a list: a prefix and the institution that answers for it.
type entry struct {
	key     prefixKey
	lengths lengthSet
	target  int32 // Index in the rule's targets.
	line    int32
}

// lengthSet is a set of lengths 1 to 63; 0 is every length.
type lengthSet uint64

// lengthMax is the longest payment code that a rule can name, in characters.
const lengthMax = 63

func (s lengthSet) has(length int) bool {
	return s == 0 || length <= lengthMax && s&(1<<length) != 0
}

func (s lengthSet) values() []int {
	var values []int
	for rest := uint64(s); rest != 0; rest &= rest - 1 {
		values = append(values, bits.TrailingZeros64(rest))
	}
	return values
}

// bitset is a set of small numbers; nil is every number.
type bitset []uint64

func (s bitset) has(i int32) bool {
	if s == nil {
		return true
	}
	return i >= 0 && int(i)>>6 < len(s) && s[i>>6]&(1<<(i&63)) != 0
}

func (s bitset) set(i int32) {
	s[i>>6] |= 1 << (i & 63)
}

// standards gives the families of codes that the conditions allow: none where they
// contradict each other, such as a prefix beside a host.
func (m *match) standards() []codec.Standard {
	allowed := []codec.Standard{
		codec.EMVMerchant, codec.EMVConsumer, codec.PayCode, codec.Link,
	}
	keep := func(condition bool, standards ...codec.Standard) {
		if condition {
			allowed = slices.DeleteFunc(allowed, func(s codec.Standard) bool {
				return !slices.Contains(standards, s)
			})
		}
	}
	keep(m.standard != "", m.standard)
	keep(len(m.prefixes) > 0 || m.lengths != 0, codec.PayCode)
	keep(len(m.hosts) > 0 || len(m.paths) > 0, codec.Link)
	keep(len(m.templates) > 0 || len(m.guids) > 0, codec.EMVMerchant, codec.EMVConsumer)
	return allowed
}

// conditions counts the conditions beside those that a clause ranks by length.
func (m *match) conditions() int {
	count := 0
	for _, stated := range []bool{
		m.standard != "", m.mode != "", len(m.schemes) > 0, m.lengths != 0,
		len(m.countries) > 0, len(m.currencies) > 0, len(m.scenes) > 0,
		len(m.callers) > 0, m.amount != always,
	} {
		if stated {
			count++
		}
	}
	return count
}

// fold gives text the way hosts and global ids are compared: without case.
func fold(text string) string { return strings.ToLower(text) }
