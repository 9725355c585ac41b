package routing

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// outcome says in a few words what the table decides for q.
func (t *Table) outcome(q *Query) string {
	var d Decision
	if err := t.Route(q, &d); err != nil {
		code := string(err.(*Refusal).Code)
		if d.Rule == "" {
			return code
		}
		return code + " by rule " + d.Rule
	}
	return d.Institution + " by rule " + d.Rule
}

// changesByTime tries the instants at which something about q begins or ends.
func (t *Table) changesByTime(q *Query, best *hit) []Change {
	at := q.At.Unix()
	var instants []int64
	add := func(s span) { instants = append(instants, s.from, s.until) }
	p := t.probe(q)
	for i := range t.clauses {
		if missed := t.clauses[i].misses(&p); len(missed) == 0 || len(missed) == 1 && missed[0] == MissTime {
			add(t.clauses[i].rule.span)
		}
	}
	for _, institution := range t.involved(best) {
		add(t.register.institutions[institution].span)
		for _, a := range t.parties[institution].agreements {
			add(a.span)
		}
		for _, w := range t.parties[institution].windows {
			add(w.span)
			if w.daily {
				wait := func(second int64) int64 {
					return (second - secondOfDay(at) + secondsPerDay) % secondsPerDay
				}
				add(span{at + wait(w.start), at + wait(w.end)})
			}
		}
	}
	slices.Sort(instants)
	other, last := *q, t.outcome(q)
	var changes []Change
	for _, instant := range slices.Compact(instants) {
		if instant <= at || instant == always.until || len(changes) == changesMax {
			continue
		}
		other.At = time.Unix(instant, 0).UTC()
		if outcome := t.outcome(&other); outcome != last {
			changes = append(changes, Change{From: other.At, Outcome: outcome})
			last = outcome
		}
	}
	return changes
}

// involved gives the institutions that could answer, by index.
func (t *Table) involved(best *hit) []int32 {
	if best.clause == nil {
		return nil
	}
	c := claim{clause: best.clause, target: best.target}
	var involved []int32
	for _, target := range c.targets() {
		if target.index < 0 {
			continue
		}
		involved = append(involved, target.index)
		for _, standby := range t.parties[target.index].standbys {
			if standby.index >= 0 {
				involved = append(involved, standby.index)
			}
		}
	}
	return involved
}

// changesByAmount tries the amounts at which a rule or an agreement begins or ends.
func (t *Table) changesByAmount(q *Query, best *hit) []Change {
	amounts := []int64{0}
	p := t.probe(q)
	for i := range t.clauses {
		missed := t.clauses[i].misses(&p)
		if len(missed) == 0 || len(missed) == 1 && missed[0] == MissAmount {
			amounts = append(amounts, t.clauses[i].rule.match.amount.from,
				t.clauses[i].rule.match.amount.until)
		}
	}
	for _, institution := range t.involved(best) {
		for _, a := range t.parties[institution].agreements {
			amounts = append(amounts, a.limitFen+1)
		}
	}
	slices.Sort(amounts)
	other, last := *q, ""
	var changes []Change
	for _, amount := range slices.Compact(amounts) {
		if amount < 0 || amount > amountFenMax || len(changes) == changesMax {
			continue
		}
		other.AmountFen = amount
		if outcome := t.outcome(&other); outcome != last {
			changes = append(changes, Change{AmountFen: amount, Outcome: outcome})
			last = outcome
		}
	}
	if len(changes) == 1 {
		return nil // The same for every amount.
	}
	return changes
}

// Write prints the explanation for a person.
func (e *Explanation) Write(w io.Writer) error {
	var b strings.Builder
	d := &e.Decision
	fmt.Fprintf(&b, "table %s, digest %.12s\n", d.TableVersion, d.TableDigest)
	switch {
	case e.Refused == "":
		fmt.Fprintf(&b, "rule %s on line %d sends this to %s", d.Rule, d.Line(), d.Institution)
		if d.Agreement != "" {
			fmt.Fprintf(&b, " under agreement %s", d.Agreement)
		}
		b.WriteString("\n")
	case e.Matched:
		fmt.Fprintf(&b, "rule %s on line %d matches, and the payment is refused: %s\n", d.Rule,
			d.Line(), e.Refused)
	default:
		fmt.Fprintf(&b, "refused: %s\n", e.Refused)
	}
	e.writeTargets(&b)
	if len(e.Near) > 0 {
		b.WriteString("why not another rule:\n")
	}
	for _, near := range e.Near {
		fmt.Fprintf(&b, "  %s (line %d): %s\n", near.Rule, near.Line, near.Why)
	}
	e.writeChanges(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (e *Explanation) writeTargets(b *strings.Builder) {
	if len(e.Decision.Targets) > 1 {
		b.WriteString("order to try, each only if nothing reached the one before:")
		for _, target := range e.Decision.Targets {
			b.WriteString(" " + target.Institution)
		}
		b.WriteString("\n")
	}
	for _, fate := range e.Targets {
		kind := fmt.Sprintf("priority %d, weight %d", fate.Priority, fate.Weight)
		if fate.Standby {
			kind = "standby"
		}
		result := "no agreement needed: the code is the caller's own"
		switch {
		case fate.Refused != "":
			result = "left out: " + string(fate.Refused)
		case fate.Agreement != "":
			result = "agreement " + fate.Agreement
		}
		fmt.Fprintf(b, "  target %s (%s): %s\n", fate.Institution, kind, result)
	}
}

func (e *Explanation) writeChanges(b *strings.Builder) {
	for _, change := range e.Times {
		fmt.Fprintf(b, "from %s: %s\n", stamp(change.From), change.Outcome)
	}
	for _, change := range e.Amounts {
		fmt.Fprintf(b, "from %d fen: %s\n", change.AmountFen, change.Outcome)
	}
}
