package routing

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"

	"tongma/codec"
)

// claim is what a clause, or one line of a list, claims of the codes.
type claim struct {
	clause  *clause
	prefix  string
	lengths lengthSet
	rank    uint64
	target  int32 // Of a list's line, index in the rule's targets; else -1.
	line    int32
}

// above says that where both match, c is chosen. Two claims on different templates
// are above each other by turns: the code's own order decides.
func (c *claim) above(o *claim) bool {
	switch {
	case c.rank != o.rank:
		return c.rank > o.rank
	case c.feature() != o.feature():
		return c.feature().isZero()
	}
	return c.earlier(o)
}

// earlier says that c stands before o in the file.
func (c *claim) earlier(o *claim) bool {
	if c.clause.rule.order != o.clause.rule.order {
		return c.clause.rule.order < o.clause.rule.order
	}
	return c.line < o.line
}

// targets gives the institutions that the claim sends to.
func (c *claim) targets() []target {
	if c.target >= 0 {
		return c.clause.rule.targets[c.target : c.target+1]
	}
	return c.clause.rule.targets
}

// sameTargets says that it makes no difference which of two claims wins.
func (c *claim) sameTargets(o *claim) bool {
	return slices.EqualFunc(c.targets(), o.targets(), func(a, b target) bool {
		return a.institution == b.institution && a.priority == b.priority &&
			a.weight == b.weight
	})
}

func (t *Table) claimOf(c *candidate) claim {
	k := claim{clause: &t.clauses[c.clause], lengths: c.lengths, rank: t.rank(c),
		target: c.target, line: c.line}
	if c.target >= 0 {
		k.prefix = c.key.String()
		return k
	}
	k.prefix, k.lengths = k.clause.prefix, k.clause.rule.match.lengths
	return k
}

// claims are all claims of a table, in an order in which the relatives of each are
// near: those on payment codes by their prefix, those on other codes in a list.
type claims struct {
	table    *Table
	prefixed []int32 // Candidates of t.paycodes, by prefix: a prefix before what begins with it.
	others   []claim // Of every other clause.
	wide     []claim // Of those, the ones that payment codes can match.
}

func newClaims(t *Table) *claims {
	all := &claims{table: t, prefixed: t.paycodes.inOrder()}
	for i := range t.clauses {
		c := &t.clauses[i]
		m := &c.rule.match
		if c.rule.entries != nil || c.prefix != "" || m.lengths != 0 {
			continue
		}
		k := claim{clause: c, rank: c.rank, target: -1, line: int32(c.rule.line)}
		all.others = append(all.others, k)
		if slices.Contains(m.standards(), codec.PayCode) {
			all.wide = append(all.wide, k)
		}
	}
	return all
}

// compare orders keys as their texts.
func (k prefixKey) compare(o prefixKey) int {
	if order := cmp.Compare(bits.ReverseBytes64(k[0]), bits.ReverseBytes64(o[0])); order != 0 {
		return order
	}
	return cmp.Compare(bits.ReverseBytes64(k[1]), bits.ReverseBytes64(o[1]))
}

// begins says whether the text of k begins with that of o.
func (k prefixKey) begins(o prefixKey) bool {
	return o.length() <= k.length() && k.cut(o.length()) == o
}

// near calls visit for every candidate that can meet texts that begin with key: those of
// its beginnings, shortest first, then those that begin with it, in the order of texts.
func (all *claims) near(key prefixKey, visit func(int32)) {
	candidates, order := all.table.paycodes.candidates, all.prefixed
	at := func(k prefixKey) int {
		return sort.Search(len(order), func(i int) bool { return candidates[order[i]].key.compare(k) >= 0 })
	}
	for length := range key.length() {
		cut := key.cut(length)
		for i := at(cut); i < len(order) && candidates[order[i]].key == cut; i++ {
			visit(order[i])
		}
	}
	for i := at(key); i < len(order) && candidates[order[i]].key.begins(key); i++ {
		visit(order[i])
	}
}

// under gives the claims that can meet texts with one of the prefixes, those of short
// prefixes first and each once.
func (all *claims) under(prefixes []string) []claim {
	candidates := all.table.paycodes.candidates
	var byLength [prefixBytesMax + 1][]int32
	for _, prefix := range prefixes {
		all.near(keyOf(prefix), func(i int32) {
			length := candidates[i].key.length()
			byLength[length] = append(byLength[length], i)
		})
	}
	list := slices.Clone(all.wide)
	for _, same := range byLength {
		slices.Sort(same)
		for _, i := range slices.Compact(same) {
			list = append(list, all.table.claimOf(&candidates[i]))
		}
	}
	return list
}
