package routing

import (
	"math"
	"slices"
)

// checkGaps looks for codes without a route in every family that the table covers: the
// ones it lists under covers, and without such a list those built in that it routes in
// part. Codes are asked for in yuan; other currencies are routed where a rule says so.
func (in *inspection) checkGaps() {
	if len(in.table.file.covers) > 0 {
		for _, c := range in.table.file.covers {
			in.checkCover(c)
		}
		return
	}
	for i := range in.families {
		f := &in.families[i]
		claims := in.rulesIn(f)
		if len(claims) == 0 {
			claims = in.claimsIn(f)
		}
		if len(claims) > 0 {
			in.checkFamily(f, placeOf(claims[0].clause.rule))
		}
	}
}

// checkFamilies looks for families of the table that hide another of the same id, so that
// what covers says is not what is checked.
func (in *inspection) checkFamilies() {
	for i, f := range in.table.file.families {
		named := func(o family) bool { return o.id == f.id }
		if slices.ContainsFunc(in.table.file.families[:i], named) || slices.ContainsFunc(builtInFamilies, named) {
			in.report(DuplicateFamily, place{line: f.line, rule: f.id}, in.anyCode(nil),
				"family %s is built in or defined already", f.id)
		}
	}
}

func (in *inspection) checkCover(c cover) {
	at := slices.IndexFunc(in.families, func(f family) bool { return f.id == c.family })
	if at < 0 {
		in.report(UnknownFamily, place{line: c.line, rule: c.family}, in.anyCode(nil),
			"family %s is neither built in nor defined under families", c.family)
		return
	}
	f := &in.families[at]
	in.checkFamily(f, place{line: c.line, rule: c.family})
}

// claimsIn gives the claims that meet codes of the family, broad ones first.
func (in *inspection) claimsIn(f *family) []claim {
	var claims []claim
	regions := in.regions(f)
	add := func(c claim) {
		for i := range regions {
			if _, overlaps := regions[i].and(&c); overlaps {
				claims = append(claims, c)
				return
			}
		}
	}
	if len(f.prefixes) > 0 {
		for _, c := range in.claims.under(f.prefixes) {
			add(c)
		}
		return claims
	}
	for _, c := range in.claims.others {
		add(c)
	}
	return claims
}

// rulesIn is claimsIn without the lines of lists.
func (in *inspection) rulesIn(f *family) []claim {
	var claims []claim
	regions := in.regions(f)
	for i := range in.table.clauses {
		c := &in.table.clauses[i]
		if c.rule.entries != nil {
			continue
		}
		k := claim{clause: c, prefix: c.prefix, lengths: c.rule.match.lengths, rank: c.rank,
			target: -1, line: int32(c.rule.line)}
		for j := range regions {
			if _, overlaps := regions[j].and(&k); overlaps {
				claims = append(claims, k)
				break
			}
		}
	}
	slices.SortStableFunc(claims, func(a, b claim) int { return len(a.prefix) - len(b.prefix) })
	return claims
}

// checkFamily asks the rules first: mostly they route a family without its lists.
func (in *inspection) checkFamily(f *family, at place) {
	if rules := in.rulesIn(f); !in.hasGap(f, rules) {
		return
	}
	in.findGap(f, in.claimsIn(f), at)
}

func (in *inspection) hasGap(f *family, claims []claim) bool {
	began := in.began(claims)
	found := false
	for _, whole := range in.regions(f) {
		whole.currency = listed([]string{homeCurrency})
		whole.time = whole.time.and(began)
		in.left, in.spent = stepsMax, false
		_, gap := in.uncovered(&whole, claims)
		found = found || gap || in.spent
	}
	return found
}

func (in *inspection) findGap(f *family, claims []claim, at place) {
	began := in.began(claims)
	for _, whole := range in.regions(f) {
		whole.currency = listed([]string{homeCurrency})
		whole.time = whole.time.and(began)
		var w witness
		var found bool
		answered := in.ask(func() { w, found = in.uncovered(&whole, claims) })
		if !answered {
			in.report(CheckIncomplete, at, in.anyCode(nil),
				"whether every code of family %s has a route was not settled within stepsMax", f.id)
		}
		if found {
			in.reportGap(f, claims, at, w)
			return
		}
	}
}

// began leaves out the time before the first of the claims, where the table does not
// say from when on it is meant to be used.
func (in *inspection) began(claims []claim) span {
	if !in.table.file.from.IsZero() || len(claims) == 0 {
		return always
	}
	from := int64(math.MaxInt64)
	for _, c := range claims {
		from = min(from, c.clause.rule.span.from)
	}
	return span{from, always.until}
}

// reportGap says what would give the code a route: another date, another amount, or
// nothing.
func (in *inspection) reportGap(f *family, claims []claim, at place, w witness) {
	routed := func(p probe) bool {
		best := in.table.match(&p)
		return best.clause != nil
	}
	for i := range claims {
		r := claims[i].clause.rule
		p := in.table.probe(w.query())
		if p.at = r.span.from; r.span.from == math.MinInt64 {
			p.at = r.span.until - 1
		}
		if r.span != always && routed(p) {
			in.report(DateHole, at, w, "a code of family %s has no route at %s, though rule %s "+
				"routes it at other times", f.id, stamp(w.example.At), r.id)
			return
		}
		p = in.table.probe(w.query())
		if p.amount = r.match.amount.from; r.match.amount.from == math.MinInt64 {
			p.amount = r.match.amount.until - 1
		}
		if r.match.amount != always && routed(p) {
			in.report(AmountHole, at, w, "a code of family %s has no route for %d fen, though "+
				"rule %s routes other amounts", f.id, w.example.AmountFen, r.id)
			return
		}
	}
	in.report(Gap, at, w, "a code of family %s has no route; a table that serves others alone names them under covers", f.id)
}
