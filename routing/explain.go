package routing

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tongma/codec"
)

// The limits of an explanation.
const (
	nearMax    = 8  // Candidates told that did not win.
	changesMax = 10 // Other times, and other amounts, told.
)

// Explanation says why the table answers a query as it does.
type Explanation struct {
	Decision Decision
	Refused  Code // Empty where a target was found.
	Matched  bool // A rule matched, whether or not one of its targets may answer.
	Near     []Near
	Targets  []Fate
	Times    []Change // What would be decided later, with the same code and amount.
	Amounts  []Change // What would be decided for more or less, at the same instant.
}

// Near is a rule that did not win: it matched and was outranked, or it missed.
type Near struct {
	Rule   string
	Line   int
	Missed []Miss // Empty where the rule matched and another was preferred.
	Why    string // One sentence.
}

// Fate is what became of one target of the rule that matched.
type Fate struct {
	Institution string
	Standby     bool
	Priority    int
	Weight      int
	Agreement   string
	Refused     Code // Empty where it may answer.
}

// Change is another outcome of the same query.
type Change struct {
	From      time.Time // UTC; of a change by time.
	AmountFen int64     // Of a change by amount: the least from which it holds.
	Outcome   string    // Rule and institution, or the refusal.
}

// Explain answers q and says why. It is for people: it allocates and looks at every
// rule of the table.
func (t *Table) Explain(q *Query) Explanation {
	var e Explanation
	if err := t.Route(q, &e.Decision); err != nil {
		var refusal *Refusal
		errors.As(err, &refusal)
		e.Refused = refusal.Code
	}
	p := t.probe(q)
	best := t.match(&p)
	if e.Matched = best.clause != nil; e.Matched {
		e.Targets = t.fates(&best, &p)
		e.Decision.Rule, e.Decision.line, e.Decision.leaf = best.clause.rule.id, best.line, best.leaf
	}
	e.Near = t.near(&p, &best)
	e.Times = t.changesByTime(q, &best)
	e.Amounts = t.changesByAmount(q, &best)
	return e
}

// fates asks of each target what look-ups ask.
func (t *Table) fates(best *hit, p *probe) []Fate {
	targets := best.clause.rule.targets
	if best.target >= 0 {
		targets = targets[best.target : best.target+1]
	}
	var fates []Fate
	tell := func(target *target, standby bool) {
		fate := Fate{Institution: target.institution, Standby: standby,
			Priority: int(target.priority), Weight: int(target.weight)}
		agreement, refusal := t.admit(target.index, p)
		if fate.Agreement = agreement; refusal != nil {
			fate.Refused = refusal.Code
		}
		fates = append(fates, fate)
	}
	for i := range targets {
		tell(&targets[i], false)
	}
	for i := range targets {
		for _, standby := range t.standbysOf(targets[i].index) {
			tell(&standby, true)
		}
	}
	return fates
}

// near gives the rules that came closest: those that matched by rank, then those that
// missed by the number of conditions missed, each rule by its best clause.
func (t *Table) near(p *probe, best *hit) []Near {
	byRule := make(map[*rule]*Near)
	ranks := make(map[*rule]uint64)
	tell := func(c *candidate, clause *clause, rank uint64, missed []Miss) {
		r := clause.rule
		if best.clause != nil && r == best.clause.rule {
			return
		}
		if known := byRule[r]; known != nil &&
			(len(known.Missed) < len(missed) || len(known.Missed) == len(missed) && ranks[r] >= rank) {
			return
		}
		near := &Near{Rule: r.id, Line: r.line, Missed: missed}
		if c != nil {
			near.Line = int(c.line)
		}
		near.Why = t.why(near, clause, p, best)
		byRule[r], ranks[r] = near, rank
	}
	for i := range t.clauses {
		c := &t.clauses[i]
		if c.rule.entries == nil {
			tell(nil, c, c.rank, c.misses(p))
		}
	}
	t.eachEntry(p, func(c *candidate) {
		clause := &t.clauses[c.clause]
		missed := clause.misses(p)
		if !c.lengths.has(len(p.Text)) {
			missed = append([]Miss{MissLength}, missed...)
		}
		tell(c, clause, t.rank(c), missed)
	})
	near := make([]Near, 0, len(byRule))
	order := slices.SortedFunc(maps.Keys(byRule), func(a, b *rule) int {
		return cmp.Or(cmp.Compare(len(byRule[a].Missed), len(byRule[b].Missed)),
			cmp.Compare(ranks[b], ranks[a]), cmp.Compare(a.order, b.order))
	})
	for _, r := range order[:min(len(order), nearMax)] {
		near = append(near, *byRule[r])
	}
	return near
}

// eachEntry visits the lines of lists whose prefix p's text has.
func (t *Table) eachEntry(p *probe, visit func(*candidate)) {
	if p.Code.Standard != codec.PayCode {
		return
	}
	t.paycodes.each(p.Text, func(c *candidate) {
		if c.target >= 0 {
			visit(c)
		}
	})
}

// why says in one sentence what kept a rule from being chosen.
func (t *Table) why(near *Near, c *clause, p *probe, best *hit) string {
	if len(near.Missed) == 0 {
		return "matches too; " + preference(c, best)
	}
	reasons := make([]string, len(near.Missed))
	for i, miss := range near.Missed {
		reasons[i] = c.wants(miss) + ", " + p.shows(miss)
	}
	return strings.Join(reasons, "; ")
}

// preference says why the best was preferred over c.
func preference(c *clause, best *hit) string {
	winner := best.clause.rule
	text := func(rank uint64) uint64 { return rank >> textShift & 0xFFFFFF }
	switch {
	case winner.precedence != c.rule.precedence:
		return fmt.Sprintf("rule %s has precedence %d over %d", winner.id, winner.precedence,
			c.rule.precedence)
	case text(best.rank) != text(c.rank):
		return fmt.Sprintf("rule %s compares %d characters, this one %d", winner.id,
			text(best.rank), text(c.rank))
	case best.rank != c.rank:
		return fmt.Sprintf("rule %s states more conditions", winner.id)
	case best.position >= 0:
		return fmt.Sprintf("the template of rule %s stands first in the code", winner.id)
	}
	return fmt.Sprintf("rule %s stands first in the table", winner.id)
}

// wants says what the clause asks where it missed.
func (c *clause) wants(miss Miss) string {
	m := &c.rule.match
	switch miss {
	case MissStandard:
		return "wants another standard of code"
	case MissMode:
		return "wants a code that is " + string(m.mode)
	case MissScheme:
		return "wants scheme " + names(m.schemes)
	case MissPrefix:
		return "wants prefix " + c.prefix
	case MissLength:
		return "wants length " + c.rule.match.lengths.String()
	case MissHost:
		return "wants host " + c.host
	case MissPath:
		return "wants path " + c.path
	case MissTemplate:
		return "wants template " + strings.TrimSpace(c.template+" "+c.guid)
	case MissAcquirer:
		return "wants acquirer " + c.acquirer
	case MissIssuer:
		return "wants issuer " + c.issuer
	case MissCountry:
		return "wants country " + names(m.countries)
	case MissCurrency:
		return "wants currency " + names(m.currencies)
	case MissScene:
		return "wants scene " + names(m.scenes)
	case MissCaller:
		return "wants caller " + names(m.callers)
	case MissAmount:
		return "wants amount " + m.amount.amounts()
	case MissTime:
		return "is in force " + c.rule.span.times()
	}
	return "matches"
}

// shownPrefixMax is how much of a payment code an explanation repeats: what tells the
// issuer, not what could be paid with.
const shownPrefixMax = 8

// shows says what the query has where a clause missed.
func (p *probe) shows(miss Miss) string {
	or := func(value, empty string) string {
		if value == "" {
			return empty
		}
		return "found " + value
	}
	switch miss {
	case MissStandard:
		return "found " + string(p.Code.Standard)
	case MissMode:
		return "found " + string(p.Code.Mode)
	case MissScheme:
		return or(p.Code.Scheme, "the code names none")
	case MissPrefix:
		return "found " + p.Text[:min(len(p.Text), shownPrefixMax)] + "..."
	case MissLength:
		return "found " + strconv.Itoa(len(p.Text))
	case MissHost:
		return or(p.host, "the code names none")
	case MissPath:
		return "found " + p.path[:min(len(p.path), shownPrefixMax)] + "..."
	case MissTemplate:
		return "the code has no such one"
	case MissAcquirer:
		return or(p.Code.Merchant.Acquirer, "the code names none")
	case MissIssuer:
		return or(p.Code.Issuer, "the code names none")
	case MissCountry:
		return or(p.Code.Merchant.Country, "the code names none")
	case MissCurrency:
		return "found " + p.currency
	case MissScene:
		return or(p.Scene, "the request names none")
	case MissCaller:
		return or(p.Caller, "the request names none")
	case MissAmount:
		return fmt.Sprintf("found %d fen", p.amount)
	case MissTime:
		return "asked at " + stamp(time.Unix(p.at, 0))
	}
	return ""
}

func (s lengthSet) String() string {
	values := s.values()
	if len(values) == 0 {
		return "any"
	}
	first, last := values[0], values[len(values)-1]
	if last-first+1 == len(values) && last > first {
		return fmt.Sprintf("%d-%d", first, last)
	}
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = strconv.Itoa(value)
	}
	return strings.Join(texts, ", ")
}

// amounts says a span of fen in words.
func (s span) amounts() string {
	switch {
	case s.until == always.until:
		return fmt.Sprintf("from %d fen", s.from)
	case s.from == always.from || s.from == 0:
		return fmt.Sprintf("below %d fen", s.until)
	}
	return fmt.Sprintf("from %d below %d fen", s.from, s.until)
}

// times says a span of time in words.
func (s span) times() string {
	switch from, until := stamp(time.Unix(s.from, 0)), stamp(time.Unix(s.until, 0)); {
	case s == always:
		return "always"
	case s.until == always.until:
		return "from " + from
	case s.from == always.from:
		return "until " + until
	default:
		return "from " + from + " until " + until
	}
}
