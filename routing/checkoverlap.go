package routing

import (
	"slices"
	"sync"
)

// checkOverlaps looks for codes that two rules of the same rank match, so that only
// their order in the file decides, and that they send to different institutions.
func (in *inspection) checkOverlaps() {
	in.eachPrefixed(func(c *claim, relatives []claim) {
		for i := range relatives {
			in.checkPair(&relatives[i], c, func() []claim { return relatives })
		}
	})
	all := sync.OnceValue(in.allClaims)
	ranked := make(map[uint64][]*claim)
	for i := range in.claims.others {
		c := &in.claims.others[i]
		for _, earlier := range ranked[c.rank] {
			in.checkPair(earlier, c, func() []claim { return all()(c) })
		}
		ranked[c.rank] = append(ranked[c.rank], c)
	}
}

// checkPair reports a and b where they tie. The pair is met from both sides; only the
// side on which b is the later one speaks. What claims above both take is nobody's tie:
// relatives gives all that can meet b.
func (in *inspection) checkPair(a, b *claim, relatives func() []claim) {
	if a.rank != b.rank || !a.earlier(b) || a.clause.rule == b.clause.rule && a.target < 0 {
		return
	}
	shared, together := a.feature().shared(b.feature())
	if !together {
		return // The template that stands first in the code decides.
	}
	if a.sameTargets(b) && a.target < 0 {
		return
	}
	for _, part := range in.parts(b) {
		both, overlaps := part.and(a)
		if !overlaps {
			continue
		}
		if !shared.isZero() {
			both.with = append(slices.Clip(both.with), shared)
		}
		if w, ok := in.table.pick(&both); !ok || a.clause.position(&w.code) != b.clause.position(&w.code) {
			continue
		}
		over := outranking(b, relatives())
		var w witness
		var tied bool
		if !in.ask(func() { w, tied = in.uncovered(&both, over) }) {
			in.report(CheckIncomplete, b.place(), in.sample(b.clause.rule),
				"whether rules %s and %s ever tie was not settled within stepsMax", a.clause.rule.id, b.clause.rule.id)
		}
		if tied {
			in.reportPair(a, b, w)
			return
		}
	}
}

// outranking keeps the claims that win over c whatever the order of the file.
func outranking(c *claim, relatives []claim) []claim {
	return slices.DeleteFunc(slices.Clone(relatives), func(o claim) bool {
		first := o.feature().isZero() && !c.feature().isZero()
		return o.rank < c.rank || o.rank == c.rank && !first
	})
}

func (in *inspection) reportPair(a, b *claim, w witness) {
	if a.target >= 0 && b.target >= 0 {
		in.report(DuplicateEntry, b.place(), w,
			"prefix %s of list %s goes to %s on line %d of list %s and to %s here",
			b.prefix, b.clause.rule.id, a.targets()[0].institution, a.line, a.clause.rule.id,
			b.targets()[0].institution)
		return
	}
	in.report(Overlap, b.place(), w,
		"rules %s on line %d and %s match the same codes with the same rank and name "+
			"different targets; give one a precedence",
		a.clause.rule.id, a.clause.rule.line, b.clause.rule.id)
}
