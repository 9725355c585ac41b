package routing

import (
	"math"
	"slices"
	"strings"

	"tongma/codec"
)

// clause is one combination of a rule's values that are compared by how they begin or
// that decide where to look: a rule with prefixes 62 and 6201 is two clauses, and each
// has the rank that its own prefix earns.
type clause struct {
	rule     *rule
	rank     uint64
	prefix   string
	host     string
	path     string
	template string
	guid     string // Folded.
	acquirer string
	issuer   string
	stated   []Miss // Conditions it has; the others hold for every code.
}

// A rank orders clauses that match the same code: the higher precedence first, then
// the longer text compared, then the more conditions. Rules that still tie are settled
// by the template that stands first in the code, then by the order of the file; the
// check reports those that could name two institutions.
const (
	precedenceShift = 32
	textShift       = 8
)

func rankOf(precedence int64, textBytes, conditions int) uint64 {
	textBytes = min(textBytes, math.MaxUint16)
	return uint64(precedence)<<precedenceShift | uint64(textBytes)<<textShift |
		uint64(min(conditions, math.MaxUint8))
}

// rankText counts the characters that the clause compares. A template is two.
func (c *clause) rankText() int {
	return len(c.prefix) + len(c.host) + len(c.path) + len(c.template) + len(c.guid) +
		len(c.acquirer) + len(c.issuer)
}

// clauses spreads a rule into its combinations. The second result is false where there
// would be more than clausesMax.
func (r *rule) clauses() ([]clause, bool) {
	m := &r.match
	spread := []clause{{rule: r}}
	for _, dimension := range []struct {
		values []string
		put    func(*clause, string)
	}{
		{m.prefixes, func(c *clause, v string) { c.prefix = v }},
		{m.hosts, func(c *clause, v string) { c.host = fold(v) }},
		{m.paths, func(c *clause, v string) { c.path = v }},
		{m.templates, func(c *clause, v string) { c.template = v }},
		{m.guids, func(c *clause, v string) { c.guid = fold(v) }},
		{m.acquirers, func(c *clause, v string) { c.acquirer = v }},
		{m.issuers, func(c *clause, v string) { c.issuer = v }},
	} {
		if len(dimension.values) == 0 {
			continue
		}
		if len(spread)*len(dimension.values) > clausesMax {
			return nil, false
		}
		spread = multiply(spread, dimension.values, dimension.put)
	}
	for i := range spread {
		spread[i].rank = rankOf(r.precedence, spread[i].rankText(), m.conditions())
	}
	return spread, true
}

func multiply(spread []clause, values []string, put func(*clause, string)) []clause {
	var wider []clause
	for _, c := range spread {
		for _, value := range values {
			put(&c, value)
			wider = append(wider, c)
		}
	}
	return wider
}

// Miss names a condition that keeps a rule from matching; 0 is a match.
type Miss uint8

// The conditions, in the order in which they are compared.
const (
	Matches Miss = iota
	MissStandard
	MissMode
	MissScheme
	MissPrefix
	MissLength
	MissHost
	MissPath
	MissTemplate
	MissAcquirer
	MissIssuer
	MissCountry
	MissCurrency
	MissScene
	MissCaller
	MissAmount
	MissTime
	missEnd
)

// state notes which conditions the clause has, so that matching compares no other.
func (c *clause) state() {
	m := &c.rule.match
	for miss, stated := range [missEnd]bool{
		MissStandard: m.standard != "" || c.prefix != "" || m.lengths != 0 ||
			c.host != "" || c.path != "",
		MissMode:     m.mode != "",
		MissScheme:   len(m.schemes) > 0,
		MissPrefix:   c.prefix != "",
		MissLength:   m.lengths != 0,
		MissHost:     c.host != "",
		MissPath:     c.path != "",
		MissTemplate: c.template != "" || c.guid != "",
		MissAcquirer: c.acquirer != "",
		MissIssuer:   c.issuer != "",
		MissCountry:  len(m.countries) > 0,
		MissCurrency: len(m.currencies) > 0,
		MissScene:    len(m.scenes) > 0,
		MissCaller:   c.rule.callers != nil,
		MissAmount:   m.amount != always,
		MissTime:     c.rule.span != always,
	} {
		if stated {
			c.stated = append(c.stated, Miss(miss))
		}
	}
}

// miss gives the first condition of the clause that p does not meet.
func (c *clause) miss(p *probe) Miss {
	for _, condition := range c.stated {
		if !c.meets(condition, p) {
			return condition
		}
	}
	return Matches
}

// misses gives every condition of the clause that p does not meet.
func (c *clause) misses(p *probe) []Miss {
	var missed []Miss
	for _, condition := range c.stated {
		if !c.meets(condition, p) {
			missed = append(missed, condition)
		}
	}
	return missed
}

// meets compares one condition of the clause with p.
func (c *clause) meets(condition Miss, p *probe) bool {
	m := &c.rule.match
	switch condition {
	case MissStandard:
		return c.meetsStandard(p.Code.Standard)
	case MissMode:
		return m.mode == p.Code.Mode
	case MissScheme:
		return allows(m.schemes, p.Code.Scheme)
	case MissPrefix:
		return strings.HasPrefix(p.Text, c.prefix)
	case MissLength:
		return m.lengths.has(len(p.Text))
	case MissHost:
		return strings.EqualFold(c.host, p.host)
	case MissPath:
		return strings.HasPrefix(p.path, c.path)
	case MissTemplate:
		return c.position(p.Code) >= 0
	case MissAcquirer:
		return strings.HasPrefix(p.Code.Merchant.Acquirer, c.acquirer)
	case MissIssuer:
		return strings.HasPrefix(p.Code.Issuer, c.issuer)
	case MissCountry:
		return allows(m.countries, p.Code.Merchant.Country)
	case MissCurrency:
		return allows(m.currencies, p.currency)
	case MissScene:
		return allows(m.scenes, p.Scene)
	case MissCaller:
		return c.rule.callers.has(p.caller)
	case MissAmount:
		return m.amount.has(p.amount)
	case MissTime:
		return c.rule.span.has(p.at)
	}
	panic("routing: condition without a comparison")
}

// meetsStandard holds what prefix, length, host and path say of the standard too.
func (c *clause) meetsStandard(standard codec.Standard) bool {
	m := &c.rule.match
	switch {
	case m.standard != "" && m.standard != standard:
		return false
	case (c.prefix != "" || m.lengths != 0) && standard != codec.PayCode:
		return false
	}
	return c.host == "" && c.path == "" || standard == codec.Link
}

func allows(values []string, value string) bool {
	return len(values) == 0 || slices.Contains(values, value)
}

// position gives the index of the first field that shows the clause's template and
// global id, or -1. A clause without either stands nowhere and gives -1.
func (c *clause) position(code *codec.Code) int {
	if c.template == "" && c.guid == "" {
		return -1
	}
	for i := range code.Fields {
		field := &code.Fields[i]
		if len(field.Path) < 2 || c.template != "" && field.Path[:2] != c.template {
			continue
		}
		if c.guid == "" || isGlobalID(field.Path) && strings.EqualFold(field.Value, c.guid) {
			return i
		}
	}
	return -1
}

// isGlobalID says whether the object at path holds the identifier of a template:
// object 00 of a merchant presented template, or the AID of an application template.
func isGlobalID(path string) bool {
	return len(path) == 5 && (path[2:] == ".00" || path == "61.4F")
}

// String says what the clause compares, as a rule would state it.
func (c *clause) String() string {
	var parts []string
	for _, part := range []struct{ name, value string }{
		{"prefix", c.prefix}, {"host", c.host}, {"path", c.path}, {"template", c.template},
		{"guid", c.guid}, {"acquirer", c.acquirer}, {"issuer", c.issuer},
	} {
		if part.value != "" {
			parts = append(parts, part.name+" "+part.value)
		}
	}
	return strings.Join(parts, ", ")
}
