package routing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tongma/codec"
)

// What becomes of the codes: every part of a changed rule is cut with the rules of the
// other table that claim the same codes, and what wins in both decides whether that part
// goes elsewhere. A part is only told with a code that both tables were asked about.

// claimsComparedMax bounds the changed claims that are followed. A list of a million
// prefixes that all changed is told by its lines.
const claimsComparedMax = 2000

// pairStepsMax bounds the comparisons spent on one pair of claims.
const pairStepsMax = 20_000

// side is one table's claims, to be looked up by what they can meet.
type side struct {
	table  *Table
	claims *claims
	named  map[signature]int // How often each claim stands in the table.
}

// signature is all that decides about a claim: where it is the same in both tables,
// nothing of it changed by itself.
type signature struct {
	clause  string
	key     prefixKey
	lengths lengthSet
	targets string
}

func newSide(t *Table) *side {
	s := &side{table: t, claims: newClaims(t), named: make(map[signature]int)}
	return s
}

// each visits every claim with its signature.
func (s *side) each(visit func(*claim, signature)) {
	clauses, targets := make(map[*clause]string), make(map[*rule]string)
	one := func(c claim) {
		terms, known := clauses[c.clause]
		if !known {
			terms = c.clause.String() + "|" + c.clause.rule.terms()
			if c.clause.prefix != "" || c.clause.host != "" || c.clause.guid != "" {
				// What the other values of the same rule are is nothing to this one.
				alone := *c.clause.rule
				alone.match.prefixes, alone.match.hosts, alone.match.guids = nil, nil, nil
				terms = c.clause.String() + "|" + alone.terms()
			}
			clauses[c.clause] = terms
			targets[c.clause.rule] = targetsText(c.clause.rule.targets)
		}
		to := targets[c.clause.rule]
		if c.target >= 0 {
			to = c.clause.rule.targets[c.target].institution
		}
		visit(&c, signature{terms, keyOf(c.prefix), c.lengths, to})
	}
	for _, i := range s.claims.prefixed {
		one(s.table.claimOf(&s.table.paycodes.candidates[i]))
	}
	for i := range s.claims.others {
		one(s.claims.others[i])
	}
}

// meeting gives the claims that can match a code that c matches.
func (s *side) meeting(c *claim) []claim {
	if c.prefix == "" && c.lengths == 0 && c.clause.rule.entries == nil {
		list := slices.Clone(s.claims.others)
		if slices.Contains(c.clause.rule.match.standards(), codec.PayCode) {
			for _, i := range s.claims.prefixed {
				list = append(list, s.table.claimOf(&s.table.paycodes.candidates[i]))
			}
		}
		return list
	}
	list := slices.Clone(s.claims.wide)
	s.claims.near(keyOf(c.prefix), func(i int32) {
		list = append(list, s.table.claimOf(&s.table.paycodes.candidates[i]))
	})
	return list
}

// movement is codes that go elsewhere for one reason.
type movement struct {
	from, to, when, codes string
}

// walk follows the changed claims.
type walk struct {
	*differ
	in       inspection
	moves    map[movement]*Difference
	order    []movement
	texts    map[movement][]string
	compared int
	cut      bool
}

func (d *differ) codes() {
	if !sameIDs(d.old.register, d.new.register) {
		d.tell(DiffIncomplete, "", 1, "the tables were compiled against registers of different institutions: "+
			"what becomes of the codes is not told")
		return
	}
	w := &walk{differ: d, moves: make(map[movement]*Difference), texts: make(map[movement][]string)}
	w.in = inspection{table: d.new, families: slices.Concat(d.new.file.families, builtInFamilies),
		horizon: spanOf(d.new.file.from, time.Time{})}
	w.in.callers = make(bitset, len(d.new.register.institutions)/64+1)
	for i := range d.new.register.institutions {
		if entry := &d.new.register.institutions[i]; entry.Licence.Number != "" && entry.Status == Active {
			w.in.callers.set(int32(i))
		}
	}
	before, after := newSide(d.old), newSide(d.new)
	before.each(func(_ *claim, s signature) { before.named[s]++ })
	after.each(func(_ *claim, s signature) { after.named[s]++ })
	before.each(func(c *claim, s signature) {
		if after.named[s] == 0 && w.more() {
			w.follow(before, after, c)
		}
	})
	after.each(func(c *claim, s signature) {
		if before.named[s] == 0 && w.more() {
			w.follow(after, before, c)
		}
	})
	w.report()
}

func sameIDs(a, b *Register) bool {
	return slices.EqualFunc(a.institutions, b.institutions, func(x, y Institution) bool { return x.ID == y.ID })
}

func (w *walk) more() bool {
	w.compared++
	w.cut = w.cut || w.compared > claimsComparedMax
	return w.compared <= claimsComparedMax
}

// follow cuts what c claims in its own table with the claims of the other.
func (w *walk) follow(own, other *side, c *claim) {
	over := above(c, own.meeting(c))
	rivals := other.meeting(c)
	for _, part := range w.in.parts(c) {
		for i := range rivals {
			if both, overlaps := part.and(&rivals[i]); overlaps {
				hidden := slices.Concat(over, above(&rivals[i], rivals))
				w.try(&both, hidden, c, &rivals[i])
			}
		}
		w.try(&part, slices.Concat(over, rivals), c, nil)
	}
}

// try looks for a code of the part that nothing above takes, and asks both tables.
func (w *walk) try(part *region, over []claim, c, rival *claim) {
	w.in.left, w.in.spent = pairStepsMax, false
	found, ok := w.in.uncovered(part, over)
	w.cut = w.cut || w.in.spent
	if !ok {
		return
	}
	p, q := w.old.probe(found.query()), w.new.probe(found.query())
	before, after := w.old.match(&p), w.new.match(&q)
	from, to := destinationOf(&before), destinationOf(&after)
	if from == to {
		return
	}
	text, prefix := part.codes(c, rival)
	key := movement{from, to, w.when(part, part.left(over)), text}
	if w.moves[key] == nil {
		change := &Difference{Rule: ruleName(&after, &before)}
		w.show(change, &found)
		w.moves[key] = change
		w.order = append(w.order, key)
	}
	if !slices.Contains(w.texts[key], prefix) {
		w.texts[key] = append(w.texts[key], prefix)
	}
}

func ruleName(hits ...*hit) string {
	for _, h := range hits {
		if h.clause != nil {
			return h.clause.rule.id
		}
	}
	return ""
}

// destinationOf says where a match sends; empty where nothing matched.
func destinationOf(h *hit) string {
	if h.clause == nil {
		return ""
	}
	c := claim{clause: h.clause, target: h.target}
	return targetsText(c.targets())
}

// codes says which codes a part holds, as two claims describe them: what they have in
// common with other parts of the same movement, and what is this one's own.
func (r *region) codes(c, rival *claim) (common, own string) {
	longest := func(of func(*claim) string) string {
		text := of(c)
		if rival != nil && len(of(rival)) > len(text) {
			text = of(rival)
		}
		return text
	}
	scheme := r.family.scheme
	if scheme == "" {
		scheme = "other"
	}
	switch r.family.standard {
	case codec.PayCode:
		own = longest(func(c *claim) string { return c.prefix })
		if len(own) < len(r.prefix) {
			own = r.prefix
		}
		return scheme + " payment codes", own
	case codec.Link:
		own = r.family.host + longest(func(c *claim) string { return c.clause.path })
		if issuer := longest(func(c *claim) string { return c.clause.issuer }); issuer != "" {
			own += " of issuer " + issuer
		}
		return scheme + " links", own
	}
	own = longest(func(c *claim) string { return strings.TrimSpace(c.clause.template + " " + c.clause.guid) })
	if acquirer := longest(func(c *claim) string { return c.clause.acquirer }); acquirer != "" {
		own += " of acquirer " + acquirer
	}
	return fmt.Sprintf("%s %s codes", scheme, r.family.standard), strings.TrimSpace(own)
}

// left is the time of the region without that of the claims that take all of it while
// they are in force.
func (r *region) left(over []claim) []span {
	times := []span{r.time}
	for i := range over {
		within := *r
		if within.time = r.time.and(over[i].clause.rule.span); within.empty() || len(within.minus(&over[i])) > 0 {
			continue
		}
		var rest []span
		for _, s := range times {
			rest = append(rest, s.minus(within.time)...)
		}
		times = rest
	}
	return times
}

// when says under which circumstances the part holds, at those times; empty for always.
func (w *walk) when(r *region, times []span) string {
	var parts []string
	listed := func(name string, c choice, preset choice) {
		switch {
		case len(c.values) == 0 || slices.Equal(c.values, preset.values):
		case c.but:
			parts = append(parts, fmt.Sprintf("%s other than %s", name, few(c.values)))
		default:
			parts = append(parts, fmt.Sprintf("%s %s", name, few(c.values)))
		}
	}
	noCountry := choice{values: []string{""}}
	if !slices.Equal(r.country.values, noCountry.values) {
		listed("country", r.country, anything)
	}
	listed("currency", r.currency, anything)
	listed("scene", r.scene, everyScene)
	if !slices.Equal(r.callers, w.in.callers) {
		var callers []string
		for i := range w.new.register.institutions {
			if r.callers.has(int32(i)) {
				callers = append(callers, w.new.register.institutions[i].ID)
			}
		}
		parts = append(parts, "caller "+few(callers))
	}
	if whole := (span{0, amountFenMax}); r.amount != whole {
		amount := r.amount
		if amount.until == whole.until {
			amount.until = always.until
		}
		parts = append(parts, "amount "+amount.amounts())
	}
	if len(times) != 1 || times[0] != w.in.horizon {
		var stretches []string
		for _, s := range times {
			stretches = append(stretches, s.times())
		}
		parts = append(parts, strings.Join(stretches, " and "))
	}
	return strings.Join(parts, ", ")
}

func (w *walk) report() {
	for _, key := range w.order {
		change, own := w.moves[key], w.texts[key]
		codes := key.codes
		if text := few(own); text != "" {
			codes += " " + text
		}
		change.Count = len(own)
		switch {
		case key.from == "":
			change.Kind, change.Message = CodesGain, codes+" get a route to "+key.to
		case key.to == "":
			change.Kind, change.Message = CodesLose, codes+" lose their route to "+key.from
		default:
			change.Kind = CodesMove
			change.Message = fmt.Sprintf("%s move from %s to %s", codes, key.from, key.to)
		}
		if key.when != "" {
			change.Message += ", " + key.when
		}
		w.changes = append(w.changes, *change)
	}
	if w.cut {
		w.tell(DiffIncomplete, "", 1, "more of the codes changed than claimsComparedMax, %d: the rest is told by rules and lists alone",
			claimsComparedMax)
	}
}
