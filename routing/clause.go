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

// Miss names the first condition that keeps a rule from matching; 0 is a match.
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
)

// miss compares every condition of the clause with p.
func (c *clause) miss(p *probe) Miss {
	if miss := c.missText(p); miss != Matches {
		return miss
	}
	return c.rule.miss(p)
}

// missText compares what the clause holds itself.
func (c *clause) missText(p *probe) Miss {
	switch m := &c.rule.match; {
	case m.standard != "" && m.standard != p.code.Standard:
		return MissStandard
	case (c.prefix != "" || m.lengths != 0) && p.code.Standard != codec.PayCode:
		return MissStandard
	case (c.host != "" || c.path != "") && p.code.Standard != codec.Link:
		return MissStandard
	case !strings.HasPrefix(p.text, c.prefix):
		return MissPrefix
	case !m.lengths.has(len(p.text)):
		return MissLength
	case c.host != "" && !strings.EqualFold(c.host, p.host):
		return MissHost
	case !strings.HasPrefix(p.path, c.path):
		return MissPath
	case (c.template != "" || c.guid != "") && c.position(p.code) < 0:
		return MissTemplate
	case !strings.HasPrefix(p.code.Merchant.Acquirer, c.acquirer):
		return MissAcquirer
	case !strings.HasPrefix(p.code.Issuer, c.issuer):
		return MissIssuer
	}
	return Matches
}

// miss compares what all clauses of the rule share.
func (r *rule) miss(p *probe) Miss {
	m := &r.match
	switch {
	case m.mode != "" && m.mode != p.code.Mode:
		return MissMode
	case !allows(m.schemes, p.code.Scheme):
		return MissScheme
	case !allows(m.countries, p.code.Merchant.Country):
		return MissCountry
	case !allows(m.currencies, p.currency):
		return MissCurrency
	case !allows(m.scenes, p.scene):
		return MissScene
	case !r.callers.has(p.caller):
		return MissCaller
	case !m.amount.has(p.amount):
		return MissAmount
	case !r.span.has(p.at):
		return MissTime
	}
	return Matches
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
