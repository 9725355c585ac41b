package routing

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tongma/codec"
)

// The limits of a check.
const (
	findingsMax = 500       // Findings reported of one table, of each severity.
	stepsMax    = 4_000_000 // Comparisons of two rules spent on one question.
)

// inspection is one check of one table.
type inspection struct {
	table    *Table
	families []family
	callers  bitset // Institutions that could call at some time.
	claims   *claims
	horizon  span // What the table is meant to be used for.
	findings []Finding
	reported map[Severity]int
	samples  map[*rule]witness
	left     int // Steps left for the question at hand.
	spent    bool
}

// check finds what is wrong with a table. Findings are in the order of the file.
func check(t *Table) []Finding {
	in := &inspection{
		table: t, families: slices.Concat(t.file.families, builtInFamilies),
		claims: newClaims(t), horizon: spanOf(t.file.from, time.Time{}),
		samples: make(map[*rule]witness), reported: make(map[Severity]int),
	}
	in.callers = make(bitset, len(t.register.institutions)/64+1)
	for i := range t.register.institutions {
		entry := &t.register.institutions[i]
		if entry.Licence.Number != "" && entry.Status == Active {
			in.callers.set(int32(i))
		}
	}
	in.checkFamilies()
	in.checkRules()
	in.checkReach()
	in.checkOverlaps()
	in.checkTargets()
	in.checkAgreements()
	in.checkStandbys()
	in.checkMaintenance()
	in.checkGaps()
	slices.SortStableFunc(in.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Entry, b.Entry))
	})
	return in.findings
}

// place is where a finding stands: line of the table, entry of a list, and the rule.
type place struct {
	line, entry int
	rule        string
}

func placeOf(r *rule) place { return place{line: r.line, rule: r.id} }

func (c *claim) place() place {
	p := placeOf(c.clause.rule)
	if c.target >= 0 {
		p.entry = int(c.line)
	}
	return p
}

// report keeps a finding. However many warnings there are, none takes the place of an
// error.
func (in *inspection) report(kind Kind, at place, w witness, format string, args ...any) {
	if in.reported[severities[kind]]++; in.reported[severities[kind]] <= findingsMax {
		in.findings = append(in.findings, Finding{
			Kind: kind, Severity: severities[kind], Line: at.line, Entry: at.entry,
			Rule: at.rule, Message: fmt.Sprintf(format, args...), Example: w.example,
		})
	}
}

// regions are all codes of a family, asked by any caller at any time of the horizon.
func (in *inspection) regions(f *family) []region {
	whole := region{
		family: f, lengths: f.lengths, country: anything, currency: anything,
		scene: everyScene, callers: in.callers, amount: span{0, amountFenMax},
		time: in.horizon,
	}
	switch f.standard {
	case codec.PayCode:
		whole.country = listed([]string{""})
		var regions []region
		for _, prefix := range f.prefixes {
			whole.prefix, whole.text = prefix, beginning(prefix)
			regions = append(regions, whole)
		}
		return regions
	case codec.Link:
		whole.country = listed([]string{""})
	case codec.EMVConsumer: // No object of it names a country.
		whole.country = listed([]string{""})
		whole.with = []feature{f.feature}
	default:
		if !f.feature.isZero() {
			whole.with = []feature{f.feature}
		}
	}
	return []region{whole}
}

// parts are the regions of the families that c claims.
func (in *inspection) parts(c *claim) []region {
	var parts []region
	for i := range in.families {
		for _, whole := range in.regions(&in.families[i]) {
			if part, overlaps := whole.and(c); overlaps {
				parts = append(parts, part)
			}
		}
	}
	return parts
}

// uncovered looks for a query of r that none of the claims matches.
func (in *inspection) uncovered(r *region, claims []claim) (witness, bool) {
	for i := range claims {
		if in.left--; in.left < 0 {
			in.spent = true
			return witness{}, false
		}
		if _, overlaps := r.and(&claims[i]); !overlaps {
			continue
		}
		for _, part := range r.minus(&claims[i]) {
			if w, found := in.uncovered(&part, claims[i+1:]); found {
				return w, true
			}
		}
		return witness{}, false
	}
	return in.table.pick(r)
}

// ask starts a question with a full budget and says whether it was answered.
func (in *inspection) ask(question func()) bool {
	in.left, in.spent = stepsMax, false
	question()
	return !in.spent
}

// sample gives a query that r decides; where there is none, one that it matches; where
// it matches nothing, one that looks like it.
func (in *inspection) sample(r *rule) witness {
	if w, known := in.samples[r]; known {
		return w
	}
	w, _ := in.matching(r)
	in.samples[r] = w
	return w
}

// matching gives a query that r matches.
func (in *inspection) matching(r *rule) (witness, bool) {
	for _, c := range in.claimsOf(r) {
		for _, part := range in.parts(&c) {
			if w, ok := in.table.pick(&part); ok {
				return w, true
			}
		}
	}
	return in.anyCode(r), false
}

// claimsOf gives the claims of r; of a list the first few lines stand for all.
func (in *inspection) claimsOf(r *rule) []claim {
	var claims []claim
	for i := range in.table.clauses {
		c := &in.table.clauses[i]
		if c.rule != r {
			continue
		}
		k := claim{clause: c, prefix: c.prefix, lengths: r.match.lengths, rank: c.rank,
			target: -1, line: int32(r.line)}
		if r.entries == nil {
			claims = append(claims, k)
			continue
		}
		for _, e := range r.entries[:min(len(r.entries), 8)] {
			k.prefix, k.lengths, k.target, k.line = e.key.String(), e.lengths, e.target, e.line
			claims = append(claims, k)
		}
	}
	return claims
}

// anyCode gives a code of the family that r is about by its standard and scheme.
func (in *inspection) anyCode(r *rule) witness {
	var fallback witness
	for i := range in.families {
		f := &in.families[i]
		for _, whole := range in.regions(f) {
			w, ok := in.table.pick(&whole)
			if !ok {
				continue
			}
			if r == nil || slices.Contains(r.match.standards(), f.standard) &&
				allows(r.match.schemes, f.scheme) {
				return w
			}
			if fallback.example.Text == "" {
				fallback = w
			}
		}
	}
	return fallback
}
