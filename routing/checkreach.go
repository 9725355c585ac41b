package routing

import (
	"sort"
	"sync"
)

// checkReach looks for rules, parts of rules and lines of lists that are never chosen
// because others above them take every code first.
func (in *inspection) checkReach() {
	buried := make(map[*rule][]claim) // Claims that are never chosen.
	judge := func(c *claim, relatives func() []claim) {
		parts := in.parts(c)
		if in.decides(c, parts) {
			return
		}
		over := above(c, relatives())
		if len(over) == 0 {
			return
		}
		var reached bool
		answered := in.ask(func() {
			for i := range parts {
				if _, reached = in.uncovered(&parts[i], over); reached {
					return
				}
			}
		})
		if !answered {
			in.report(CheckIncomplete, c.place(), in.sample(c.clause.rule),
				"whether rule %s is ever reached was not settled within stepsMax", c.clause.rule.id)
		}
		if reached || !answered || !in.claimsCodes(parts) {
			return
		}
		buried[c.clause.rule] = append(buried[c.clause.rule], *c)
	}
	in.eachPrefixed(func(c *claim, relatives []claim) {
		judge(c, func() []claim { return relatives })
	})
	all := sync.OnceValue(in.allClaims)
	for i := range in.claims.others {
		c := &in.claims.others[i]
		judge(c, func() []claim { return all()(c) })
	}
	for _, r := range in.table.rules {
		in.reportBuried(r, buried[r])
	}
}

// decides says that c is chosen for the first code of one of its parts. Mostly it is, and
// nothing has to be cut: a long list under a default would be written out whole.
func (in *inspection) decides(c *claim, parts []region) bool {
	for i := range parts {
		w, ok := in.table.pick(&parts[i])
		if !ok {
			continue
		}
		p := in.table.probe(w.query())
		best := in.table.match(&p)
		if best.clause == c.clause && in.table.lineOf(&best) == int(c.line) {
			return true
		}
	}
	return false
}

// alive says that r claims codes beside those buried: a combination of its values that no
// code can have does not count.
func (in *inspection) alive(r *rule, buried []claim) bool {
	claiming := 0
	for _, c := range in.claimsOf(r) {
		if in.claimsCodes(in.parts(&c)) {
			claiming++
		}
	}
	return len(buried) < claiming
}

// claimsCodes says whether a region holds a code at all.
func (in *inspection) claimsCodes(parts []region) bool {
	for i := range parts {
		if _, ok := in.table.pick(&parts[i]); ok {
			return true
		}
	}
	return false
}

// above keeps the claims of other rules that win over c.
func above(c *claim, relatives []claim) []claim {
	var over []claim
	for i := range relatives {
		o := &relatives[i]
		if (o.clause.rule != c.clause.rule || o.target >= 0 && o.line != c.line) && o.above(c) {
			over = append(over, *o)
		}
	}
	return over
}

// eachPrefixed visits the claims on payment codes by prefix, each with those that can
// meet it: on shorter beginnings of its prefix, on longer ones, and on any text.
func (in *inspection) eachPrefixed(visit func(*claim, []claim)) {
	t, order := in.table, in.claims.prefixed
	candidates := t.paycodes.candidates
	var open []int32 // Those whose prefix the current one begins with.
	var relatives []claim
	for at, i := range order {
		key := candidates[i].key
		for len(open) > 0 && !key.begins(candidates[open[len(open)-1]].key) {
			open = open[:len(open)-1]
		}
		if in.undisputed(i, open, order[at+1:]) {
			open = append(open, i)
			continue
		}
		relatives = append(relatives[:0], in.claims.wide...)
		for _, j := range open {
			relatives = append(relatives, t.claimOf(&candidates[j]))
		}
		for _, j := range order[at+1:] {
			if !candidates[j].key.begins(key) {
				break
			}
			relatives = append(relatives, t.claimOf(&candidates[j]))
		}
		open = append(open, i)
		if len(relatives) == 0 {
			continue
		}
		c := t.claimOf(&candidates[i])
		visit(&c, relatives)
	}
}

// undisputed says, without writing claims out, that nothing ties with candidate i and
// that some code is left to it. This holds for nearly all lines of a long list.
func (in *inspection) undisputed(i int32, open, following []int32) bool {
	t := in.table
	c := &t.paycodes.candidates[i]
	rank := t.rank(c)
	for _, j := range open {
		if t.rank(&t.paycodes.candidates[j]) >= rank {
			return false
		}
	}
	for k := range in.claims.wide {
		if in.claims.wide[k].rank >= rank {
			return false
		}
	}
	longer := 0
	for ; longer < len(following); longer++ {
		o := &t.paycodes.candidates[following[longer]]
		if !o.key.begins(c.key) {
			break
		}
		if o.key == c.key || t.rank(o) <= rank {
			return false
		}
	}
	if longer == 0 {
		return c.target >= 0
	}
	room := roomSteps
	return in.longEnough(c) && in.inFamily(c.key) && in.hasRoom(c.key, following[:longer], &room)
}

// longEnough says that texts of c can be longer than any prefix.
func (in *inspection) longEnough(c *candidate) bool {
	lengths := c.lengths
	if c.target < 0 {
		lengths = in.table.clauses[c.clause].rule.match.lengths
	}
	return lengths == 0 || lengths>>prefixBytesMax != 0
}

// inFamily says that every text which begins with key begins as some family's codes do.
func (in *inspection) inFamily(key prefixKey) bool {
	for i := range in.families {
		for _, prefix := range in.families[i].prefixes {
			if key.begins(keyOf(prefix)) {
				return true
			}
		}
	}
	return false
}

// roomSteps bounds the search of hasRoom. Past it the claims are written out.
const roomSteps = 10_000

// hasRoom says that some digits after key begin none of the longer candidates, which are
// in the order of their texts.
func (in *inspection) hasRoom(key prefixKey, longer []int32, steps *int) bool {
	if len(longer) == 0 {
		return true
	}
	if *steps--; *steps < 0 || key.length() == prefixBytesMax {
		return false
	}
	candidates := in.table.paycodes.candidates
	for digit := byte('0'); digit <= '9'; digit++ {
		next := key.with(digit)
		from := sort.Search(len(longer), func(i int) bool { return candidates[longer[i]].key.compare(next) >= 0 })
		longer = longer[from:]
		to := sort.Search(len(longer), func(i int) bool { return !candidates[longer[i]].key.begins(next) })
		if to > 0 && candidates[longer[0]].key == next {
			continue // Taken as a whole.
		}
		if in.hasRoom(next, longer[:to], steps) {
			return true
		}
	}
	return false
}

// allClaims gives what can meet a claim that names no prefix.
func (in *inspection) allClaims() func(*claim) []claim {
	var paycodes []claim
	if len(in.claims.wide) > 0 {
		paycodes = in.claims.under([]string{""})
	}
	return func(c *claim) []claim {
		for i := range in.claims.wide {
			if in.claims.wide[i].clause == c.clause {
				return append(paycodes[len(in.claims.wide):len(paycodes):len(paycodes)],
					in.claims.others...)
			}
		}
		return in.claims.others
	}
}

func (in *inspection) reportBuried(r *rule, buried []claim) {
	if len(buried) == 0 {
		return
	}
	if r.entries != nil {
		for i := range buried {
			in.reportEntry(&buried[i])
		}
		return
	}
	winner, w := in.winner(&buried[0])
	switch {
	case winner == nil || in.tied(&buried[0], w):
		return // The overlap says it.
	case in.alive(r, buried):
		in.report(ShadowedPart, placeOf(r), w, "part of rule %s (%s) is never reached: rule %s "+
			"on line %d takes its codes", r.id, buried[0].clause, winner.rule.id, winner.rule.line)
	case in.harmless(buried):
		in.report(RedundantRule, placeOf(r), w, "rule %s is never reached: rule %s on line %d "+
			"takes its codes, to the same targets", r.id, winner.rule.id, winner.rule.line)
	default:
		in.report(ShadowedRule, placeOf(r), w, "rule %s is never reached: rule %s on line %d "+
			"takes its codes first", r.id, winner.rule.id, winner.rule.line)
	}
}

func (in *inspection) reportEntry(c *claim) {
	winner, w := in.winner(c)
	if winner == nil || in.tied(c, w) {
		return
	}
	in.report(ShadowedEntry, c.place(), w, "prefix %s of list %s is never reached: rule %s on "+
		"line %d takes its codes", c.prefix, c.clause.rule.id, winner.rule.id, winner.rule.line)
}

// winner gives who is chosen for a code that c claims; where there is a choice, for one
// that no other template in the code decides.
func (in *inspection) winner(c *claim) (winner *clause, shows witness) {
	for _, part := range in.parts(c) {
		w, ok := in.table.pick(&part)
		if !ok {
			continue
		}
		if winner == nil || !in.tied(c, w) {
			p := in.table.probe(w.query())
			best := in.table.match(&p)
			winner, shows = best.clause, w
		}
		if !in.tied(c, w) {
			break
		}
	}
	return winner, shows
}

// tied says that the winner over c at w has the same rank, so that an overlap tells it.
func (in *inspection) tied(c *claim, w witness) bool {
	p := in.table.probe(w.query())
	best := in.table.match(&p)
	return best.rank == c.rank && !in.sameAnswer(c, &best)
}

func (in *inspection) sameAnswer(c *claim, best *hit) bool {
	won := claim{clause: best.clause, target: best.target}
	return c.sameTargets(&won)
}

// harmless says that whoever wins over the claims sends to the same targets.
func (in *inspection) harmless(buried []claim) bool {
	for i := range buried {
		_, w := in.winner(&buried[i])
		p := in.table.probe(w.query())
		best := in.table.match(&p)
		if best.clause == nil || !in.sameAnswer(&buried[i], &best) {
			return false
		}
	}
	return true
}
