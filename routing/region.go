package routing

import (
	"slices"
	"strings"

	"tongma/codec"
)

// region is a set of queries: the product of what each dimension still allows. Rules
// are regions too, so that "is this rule ever reached" is "is anything left of its
// region once those above it are cut out", and what is left names a code that shows it.
type region struct {
	family   *family
	prefix   string    // Payment codes: the one of the family's.
	text     textRange // Payment codes.
	lengths  lengthSet // Payment codes.
	path     textRange // Links.
	with     []feature // EMV: templates that the code has,
	without  []feature // and has not.
	acquirer textRange
	issuer   textRange
	country  choice
	currency choice
	scene    choice
	callers  bitset // By index in the register; never nil.
	amount   span   // Fen.
	time     span   // Seconds since 1970.
}

// textRange is the texts in [from, until) in the order of their bytes. An empty until
// is no end.
type textRange struct {
	from, until string
}

// beginning is the range of the texts that begin with prefix.
func beginning(prefix string) textRange {
	if prefix == "" {
		return textRange{}
	}
	last := len(prefix) - 1
	return textRange{prefix, prefix[:last] + string([]byte{prefix[last] + 1})}
}

func (r textRange) empty() bool { return r.until != "" && r.from >= r.until }

func (r textRange) and(o textRange) textRange {
	both := textRange{max(r.from, o.from), r.until}
	if both.until == "" || o.until != "" && o.until < both.until {
		both.until = o.until
	}
	return both
}

// minus gives what of r lies before and after o.
func (r textRange) minus(o textRange) []textRange {
	var parts []textRange
	if before := r.and(textRange{"", o.from}); o.from != "" && !before.empty() {
		parts = append(parts, before)
	}
	if o.until != "" {
		if after := r.and(textRange{o.until, ""}); !after.empty() {
			parts = append(parts, after)
		}
	}
	return parts
}

// choice is the values listed, or with but set every value except those.
type choice struct {
	values []string
	but    bool
}

// anything is the choice of every value.
var anything = choice{but: true}

// listed is the choice that a condition states; without values it is every one.
func listed(values []string) choice {
	if len(values) == 0 {
		return anything
	}
	return choice{values: values}
}

// everyScene is the choice of every scene there is.
var everyScene = listed(scenes)

func (c choice) has(value string) bool { return slices.Contains(c.values, value) != c.but }
func (c choice) empty() bool           { return !c.but && len(c.values) == 0 }

func (c choice) and(o choice) choice {
	switch {
	case c.but && o.but:
		return choice{append(slices.Clone(c.values), o.values...), true}
	case c.but:
		c, o = o, c
	}
	return choice{values: slices.DeleteFunc(slices.Clone(c.values), func(value string) bool {
		return !o.has(value)
	})}
}

func (c choice) minus(o choice) choice { return c.and(choice{o.values, !o.but}) }

func (s bitset) empty() bool {
	return !slices.ContainsFunc(s, func(word uint64) bool { return word != 0 })
}

// and keeps what is in o too; o may be nil, which is every number. s may not.
func (s bitset) and(o bitset) bitset {
	if o == nil {
		return s
	}
	both := slices.Clone(s)
	for i := range both {
		both[i] &= o[i]
	}
	return both
}

func (s bitset) minus(o bitset) bitset {
	left := make(bitset, len(s))
	if o == nil {
		return left
	}
	for i := range s {
		left[i] = s[i] &^ o[i]
	}
	return left
}

func (s span) minus(o span) []span {
	var parts []span
	if before := s.and(span{s.from, o.from}); !before.empty() {
		parts = append(parts, before)
	}
	if after := s.and(span{o.until, s.until}); !after.empty() {
		parts = append(parts, after)
	}
	return parts
}

func (r *region) empty() bool {
	if r.text.empty() || r.path.empty() || r.acquirer.empty() || r.issuer.empty() ||
		r.country.empty() || r.currency.empty() || r.scene.empty() ||
		r.callers.empty() || r.amount.empty() || r.time.empty() {
		return true
	}
	for i, has := range r.with {
		if has.impossible() || slices.ContainsFunc(r.without, has.implies) ||
			slices.ContainsFunc(r.with[i+1:], has.excludes) {
			return true
		}
	}
	return false
}

// fixed says whether the claim can match codes of the region's family at all, by what
// a family fixes: standard, scheme, mode, host.
func (r *region) fixed(c *claim) bool {
	m, f := &c.clause.rule.match, r.family
	if m.standard != "" && m.standard != f.standard || m.mode != "" && m.mode != f.mode() {
		return false
	}
	if c.clause.rule.entries != nil && f.standard != codec.PayCode {
		return false
	}
	return slices.Contains(m.standards(), f.standard) && allows(m.schemes, f.scheme) &&
		(c.clause.host == "" || strings.EqualFold(c.clause.host, f.host))
}

// pathOf is the condition of c on the path of a link: its own, and its condition on the
// issuer where the family writes the issuer's number into the path.
func (r *region) pathOf(c *claim) textRange {
	path := beginning(c.clause.path)
	if r.family.issuerAt > 0 && c.clause.issuer != "" {
		path = path.and(beginning(r.family.path[:r.family.issuerAt] + c.clause.issuer))
	}
	return path
}

func (r *region) issuerOf(c *claim) textRange {
	if r.family.issuerAt > 0 {
		return textRange{}
	}
	return beginning(c.clause.issuer)
}

func (c *claim) feature() feature { return feature{c.clause.template, c.clause.guid} }

// and is the part of r that c matches; false where there is none.
func (r *region) and(c *claim) (region, bool) {
	if !r.fixed(c) {
		return region{}, false
	}
	both, rule := *r, c.clause.rule
	both.text = r.text.and(beginning(c.prefix))
	if both.text.empty() {
		return region{}, false
	}
	if c.lengths != 0 {
		if both.lengths = r.lengths & c.lengths; both.lengths == 0 {
			return region{}, false
		}
	}
	both.path = r.path.and(r.pathOf(c))
	if f := c.feature(); !f.isZero() {
		both.with = append(slices.Clip(both.with), f)
	}
	both.acquirer = r.acquirer.and(beginning(c.clause.acquirer))
	both.issuer = r.issuer.and(r.issuerOf(c))
	both.country = r.country.and(listed(rule.match.countries))
	both.currency = r.currency.and(listed(rule.match.currencies))
	both.scene = r.scene.and(listed(rule.match.scenes))
	both.callers = r.callers.and(rule.callers)
	both.amount = r.amount.and(rule.match.amount)
	both.time = r.time.and(rule.span)
	return both, !both.empty()
}

// minus is the part of r that c does not match, as regions that do not overlap.
func (r *region) minus(c *claim) []region {
	if _, overlaps := r.and(c); !overlaps {
		return []region{*r}
	}
	cutter := &remainder{left: *r}
	cutter.text(c)
	cutter.emv(c)
	cutter.circumstances(c.clause.rule)
	return cutter.parts
}

// remainder cuts one dimension after the other: what lies outside is a part, what lies
// inside goes on to the next dimension.
type remainder struct {
	left  region
	parts []region
}

func (m *remainder) keep(part region) {
	if !part.empty() {
		m.parts = append(m.parts, part)
	}
}

func (m *remainder) text(c *claim) {
	cut := func(dimension func(*region) *textRange, by textRange) {
		for _, outside := range dimension(&m.left).minus(by) {
			part := m.left
			*dimension(&part) = outside
			m.keep(part)
		}
		*dimension(&m.left) = dimension(&m.left).and(by)
	}
	cut(func(r *region) *textRange { return &r.text }, beginning(c.prefix))
	if c.lengths != 0 && m.left.lengths != 0 {
		part := m.left
		if part.lengths &^= c.lengths; part.lengths != 0 {
			m.keep(part)
		}
		m.left.lengths &= c.lengths
	}
	cut(func(r *region) *textRange { return &r.path }, m.left.pathOf(c))
	cut(func(r *region) *textRange { return &r.acquirer }, beginning(c.clause.acquirer))
	cut(func(r *region) *textRange { return &r.issuer }, m.left.issuerOf(c))
}

func (m *remainder) emv(c *claim) {
	f := c.feature()
	if f.isZero() || slices.ContainsFunc(m.left.with, func(has feature) bool {
		return has.implies(f)
	}) {
		return
	}
	part := m.left
	part.without = append(slices.Clip(part.without), f)
	m.keep(part)
	m.left.with = append(slices.Clip(m.left.with), f)
}

func (m *remainder) circumstances(rule *rule) {
	chosen := func(dimension func(*region) *choice, by choice) {
		part := m.left
		*dimension(&part) = dimension(&part).minus(by)
		m.keep(part)
		*dimension(&m.left) = dimension(&m.left).and(by)
	}
	chosen(func(r *region) *choice { return &r.country }, listed(rule.match.countries))
	chosen(func(r *region) *choice { return &r.currency }, listed(rule.match.currencies))
	chosen(func(r *region) *choice { return &r.scene }, listed(rule.match.scenes))
	part := m.left
	part.callers = part.callers.minus(rule.callers)
	m.keep(part)
	m.left.callers = m.left.callers.and(rule.callers)
	spanned := func(dimension func(*region) *span, by span) {
		for _, outside := range dimension(&m.left).minus(by) {
			part := m.left
			*dimension(&part) = outside
			m.keep(part)
		}
		*dimension(&m.left) = dimension(&m.left).and(by)
	}
	spanned(func(r *region) *span { return &r.amount }, rule.match.amount)
	spanned(func(r *region) *span { return &r.time }, rule.span)
}
