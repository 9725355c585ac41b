package routing

import (
	"strings"

	"tongma/codec"
)

// naive decides as the documentation says it and as slowly as can be: every rule, every
// combination of its values, no index, none of the compiled form. The properties of the
// matcher and of the check are held against it.
type naive struct {
	rules []*rule
}

// answer is what the naive scan found: rule, institution of a list's line, and whether
// another rule that sends elsewhere tied with it.
type answer struct {
	rule      *rule
	line      int
	score     [4]int // Precedence, characters compared, conditions, earliness in the code.
	ambiguous bool
}

func (n *naive) route(q *Query) (best answer) {
	for _, r := range n.rules {
		if !n.circumstances(r, q) {
			continue
		}
		if r.entries != nil {
			n.lines(r, q, &best)
			continue
		}
		for _, text := range n.compared(r, q) {
			best.consider(r, r.line, [4]int{int(r.precedence), text.characters, n.count(r), text.early})
		}
	}
	return best
}

func (a *answer) consider(r *rule, line int, score [4]int) {
	for i := range score {
		if a.rule == nil || score[i] > a.score[i] {
			*a = answer{rule: r, line: line, score: score}
			return
		}
		if score[i] < a.score[i] {
			return
		}
	}
	if a.rule != r && a.rule.entries == nil && r.entries == nil && !sameList(a.rule, r) {
		a.ambiguous = true
	}
}

func sameList(a, b *rule) bool {
	if len(a.targets) != len(b.targets) {
		return false
	}
	for i := range a.targets {
		if a.targets[i].institution != b.targets[i].institution ||
			a.targets[i].weight != b.targets[i].weight ||
			a.targets[i].priority != b.targets[i].priority {
			return false
		}
	}
	return true
}

func (n *naive) circumstances(r *rule, q *Query) bool {
	m, at := r.match, q.At.Unix()
	currency := q.Currency
	if currency == "" {
		currency = q.Code.Currency
	}
	if currency == "" {
		currency = "156"
	}
	return (m.standard == "" || m.standard == q.Code.Standard) &&
		(m.mode == "" || m.mode == q.Code.Mode) &&
		oneOf(m.schemes, q.Code.Scheme) && oneOf(m.countries, q.Code.Merchant.Country) &&
		oneOf(m.currencies, currency) && oneOf(m.scenes, q.Scene) &&
		(oneOf(m.callers, q.Caller) || oneOf(m.callers, "*")) &&
		m.amount.from <= q.AmountFen && q.AmountFen < m.amount.until &&
		r.span.from <= at && at < r.span.until &&
		(m.lengths == 0 || q.Code.Standard == codec.PayCode && m.lengths&(1<<len(q.Text)) != 0)
}

func oneOf(values []string, value string) bool {
	if len(values) == 0 {
		return true
	}
	for _, each := range values {
		if each == value {
			return true
		}
	}
	return false
}

// count is the number of conditions that are not compared by characters.
func (n *naive) count(r *rule) int {
	m, count := r.match, 0
	for _, stated := range []bool{m.standard != "", m.mode != "", m.schemes != nil,
		m.lengths != 0, m.countries != nil, m.currencies != nil, m.scenes != nil,
		m.callers != nil, m.amount != always} {
		if stated {
			count++
		}
	}
	return count
}

func (n *naive) lines(r *rule, q *Query, best *answer) {
	if q.Code.Standard != codec.PayCode {
		return
	}
	for _, e := range r.entries {
		prefix, count := e.key.String(), n.count(r)
		if !strings.HasPrefix(q.Text, prefix) || e.lengths != 0 && e.lengths&(1<<len(q.Text)) == 0 {
			continue
		}
		if e.lengths != 0 {
			count++
		}
		best.consider(r, int(e.line), [4]int{int(r.precedence), len(prefix), count, 1})
	}
}

type compared struct {
	characters, early int
}

// compared gives, for each combination of the rule's values that q has, the characters
// compared and how early its template stands.
func (n *naive) compared(r *rule, q *Query) []compared {
	m := r.match
	host, path := "", ""
	if q.Code.Standard == codec.Link {
		_, rest, _ := strings.Cut(q.Text, "://")
		if slash := strings.IndexAny(rest, "/?#"); slash >= 0 {
			host, path = rest[:slash], rest[slash:]
		} else {
			host = rest
		}
		path, _, _ = strings.Cut(path, "?")
	}
	begins := func(values []string, text string) []int {
		if len(values) == 0 {
			return []int{0}
		}
		var lengths []int
		for _, value := range values {
			if strings.HasPrefix(text, value) {
				lengths = append(lengths, len(value))
			}
		}
		return lengths
	}
	if len(m.prefixes) > 0 && q.Code.Standard != codec.PayCode ||
		len(m.hosts)+len(m.paths) > 0 && q.Code.Standard != codec.Link {
		return nil
	}
	hosts := []int{0}
	if len(m.hosts) > 0 {
		hosts = nil
		for _, value := range m.hosts {
			if strings.EqualFold(value, host) {
				hosts = append(hosts, len(value))
			}
		}
	}
	var all []compared
	for _, prefix := range begins(m.prefixes, q.Text) {
		for _, host := range hosts {
			for _, path := range begins(m.paths, path) {
				for _, acquirer := range begins(m.acquirers, q.Code.Merchant.Acquirer) {
					for _, issuer := range begins(m.issuers, q.Code.Issuer) {
						sum := prefix + host + path + acquirer + issuer
						for _, t := range n.templates(m, q.Code) {
							all = append(all, compared{sum + t.characters, t.early})
						}
					}
				}
			}
		}
	}
	return all
}

func (n *naive) templates(m match, code *codec.Code) []compared {
	if len(m.templates) == 0 && len(m.guids) == 0 {
		return []compared{{0, 1}}
	}
	var all []compared
	orNone := func(values []string) []string {
		if len(values) == 0 {
			return []string{""}
		}
		return values
	}
	for _, template := range orNone(m.templates) {
		for _, guid := range orNone(m.guids) {
			for i, field := range code.Fields {
				if !strings.HasPrefix(field.Path, template) {
					continue
				}
				id := strings.HasSuffix(field.Path, ".00") || field.Path == "61.4F"
				if guid == "" || id && strings.EqualFold(field.Value, guid) {
					all = append(all, compared{len(template) + len(guid), -i})
					break
				}
			}
		}
	}
	return all
}
