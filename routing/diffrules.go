package routing

import (
	"fmt"
	"slices"
	"strings"
)

// rules compares what people wrote, rule by rule by id.
func (d *differ) rules() {
	var added, removed []*rule
	for _, r := range d.new.rules {
		if before := ruleOf(d.old, r.id); before != nil {
			d.rule(before, r)
		} else {
			added = append(added, r)
		}
	}
	for _, r := range d.old.rules {
		if ruleOf(d.new, r.id) == nil {
			removed = append(removed, r)
		}
	}
	for _, r := range removed {
		same := slices.IndexFunc(added, func(other *rule) bool { return r.alike(other) })
		if same >= 0 {
			d.tell(RuleRenamed, r.id, 1, "rule %s is now called %s", r.id, added[same].id)
			added = slices.Delete(added, same, same+1)
			continue
		}
		d.tell(RuleRemoved, r.id, 1, "%s %s is removed: %s to %s", r.noun(), r.id, r.terms(), r.destination())
	}
	for _, r := range added {
		d.tell(RuleAdded, r.id, 1, "%s %s is new: %s to %s", r.noun(), r.id, r.terms(), r.destination())
	}
}

func (r *rule) noun() string {
	if r.entries != nil {
		return "list"
	}
	return "rule"
}

// alike says that two rules differ in their ids alone.
func (r *rule) alike(o *rule) bool {
	return r.entries == nil && o.entries == nil && r.terms() == o.terms() &&
		targetsText(r.targets) == targetsText(o.targets)
}

func (r *rule) destination() string {
	if r.entries != nil {
		return fmt.Sprintf("%d institutions in %d lines", len(r.targets), len(r.entries))
	}
	return targetsText(r.targets)
}

// rule compares two rules of one id.
func (d *differ) rule(before, after *rule) {
	var changed []string
	older, newer := before.conditions(), after.conditions()
	for i := range older {
		if older[i].value != newer[i].value {
			changed = append(changed, fmt.Sprintf("%s %s becomes %s", older[i].name,
				older[i].words(), newer[i].words()))
		}
	}
	if len(changed) > 0 {
		d.tell(RuleChanged, after.id, len(changed), "%s %s: %s", after.noun(), after.id, strings.Join(changed, "; "))
	}
	if before.entries != nil && after.entries != nil {
		d.entries(before, after)
		return
	}
	if (before.entries == nil) != (after.entries == nil) {
		d.tell(RuleChanged, after.id, 1, "%s %s becomes a %s", before.noun(), after.id, after.noun())
		return
	}
	if older, newer := targetsText(before.targets), targetsText(after.targets); older != newer {
		d.tell(TargetsChanged, after.id, 1, "rule %s: %s becomes %s", after.id, older, newer)
	}
}

// condition is one condition of a rule in words; empty where it is not stated.
type condition struct{ name, value string }

// words says what it means that a condition is not stated.
func (c condition) words() string {
	switch {
	case c.value != "":
		return c.value
	case c.name == "in force":
		return "always"
	case c.name == "precedence":
		return "0"
	}
	return "any"
}

func (r *rule) conditions() []condition {
	m := &r.match
	list := func(values []string) string { return strings.Join(slices.Sorted(slices.Values(values)), ", ") }
	lengths, amount, precedence, force := "", "", "", ""
	if m.lengths != 0 {
		lengths = m.lengths.String()
	}
	if m.amount != always {
		amount = m.amount.amounts()
	}
	if r.precedence != 0 {
		precedence = fmt.Sprint(r.precedence)
	}
	if r.span != always {
		force = r.span.times()
	}
	return []condition{
		{"standard", string(m.standard)}, {"mode", string(m.mode)}, {"scheme", list(m.schemes)},
		{"prefix", list(m.prefixes)}, {"length", lengths}, {"host", list(m.hosts)},
		{"path", list(m.paths)}, {"template", list(m.templates)}, {"guid", list(m.guids)},
		{"acquirer", list(m.acquirers)}, {"issuer", list(m.issuers)}, {"country", list(m.countries)},
		{"currency", list(m.currencies)}, {"scene", list(m.scenes)}, {"caller", list(m.callers)},
		{"amount", amount}, {"in force", force}, {"precedence", precedence},
	}
}

// terms is all that the rule states.
func (r *rule) terms() string {
	var parts []string
	for _, c := range r.conditions() {
		if c.value != "" {
			parts = append(parts, c.name+" "+c.value)
		}
	}
	if len(parts) == 0 {
		return "every code"
	}
	return strings.Join(parts, ", ")
}

// targetsText says targets in the order to try, with their shares among equals.
func targetsText(targets []target) string {
	ordered := slices.Clone(targets)
	slices.SortStableFunc(ordered, func(a, b target) int { return int(a.priority - b.priority) })
	var b strings.Builder
	for start := 0; start < len(ordered); {
		end, sum := start, int64(0)
		for end < len(ordered) && ordered[end].priority == ordered[start].priority {
			sum += ordered[end].weight
			end++
		}
		if start > 0 {
			b.WriteString(", then ")
		}
		for i := start; i < end; i++ {
			if i > start {
				b.WriteString(" and ")
			}
			b.WriteString(ordered[i].institution)
			if end-start > 1 {
				fmt.Fprintf(&b, " (%s %%)", share(ordered[i].weight, sum))
			}
		}
		start = end
	}
	return b.String()
}

// share is weight of sum in percent, with one digit where it is not whole.
func share(weight, sum int64) string {
	tenths := (weight*2000 + sum) / (2 * sum)
	if tenths%10 == 0 {
		return fmt.Sprint(tenths / 10)
	}
	return fmt.Sprintf("%d.%d", tenths/10, tenths%10)
}

// entries compares the lines of two lists of one id: by prefix and length.
func (d *differ) entries(before, after *rule) {
	type line struct {
		key     prefixKey
		lengths lengthSet
	}
	old := make(map[line]string, len(before.entries))
	for _, e := range before.entries {
		old[line{e.key, e.lengths}] = before.targets[e.target].institution
	}
	type move struct{ from, to string }
	moves := make(map[move][]string)
	var order []move
	add := func(m move, prefix string) {
		if moves[m] == nil {
			order = append(order, m)
		}
		moves[m] = append(moves[m], prefix)
	}
	for _, e := range after.entries {
		at := line{e.key, e.lengths}
		from, known := old[at]
		delete(old, at)
		if to := after.targets[e.target].institution; !known || from != to {
			add(move{from, to}, e.key.String())
		}
	}
	for _, e := range before.entries {
		if from, gone := old[line{e.key, e.lengths}]; gone {
			add(move{from: from}, e.key.String())
		}
	}
	for _, m := range order {
		prefixes := moves[m]
		kind, text := EntriesMoved, fmt.Sprintf("move from %s to %s", m.from, m.to)
		switch {
		case m.from == "":
			kind, text = EntriesAdded, "are new, to "+m.to
		case m.to == "":
			kind, text = EntriesRemoved, "of "+m.from+" are removed"
		}
		d.tell(kind, after.id, len(prefixes), "list %s: %d prefixes (%s) %s", after.id, len(prefixes), few(prefixes), text)
	}
}

// fewMax bounds what a sentence names one by one.
const fewMax = 4

// few names the first of texts and counts the rest.
func few(texts []string) string {
	if len(texts) <= fewMax {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(texts[:fewMax], ", "), len(texts)-fewMax)
}
