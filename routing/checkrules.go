package routing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tongma/codec"
)

// checkRules looks at each rule by itself.
func (in *inspection) checkRules() {
	t := in.table
	if len(t.rules) == 0 {
		in.report(NoRules, place{line: t.file.line}, in.anyCode(nil), "table has no rules")
	}
	first := make(map[string]*rule)
	for _, r := range t.rules {
		if earlier := first[r.id]; earlier != nil {
			in.report(DuplicateRule, placeOf(r), in.sample(r),
				"rule %s is defined on line %d already", r.id, earlier.line)
		} else {
			first[r.id] = r
		}
		in.checkConditions(r)
		in.checkCallers(r)
	}
}

func (in *inspection) checkConditions(r *rule) {
	if _, fits := r.clauses(); !fits {
		in.report(TooManyClauses, placeOf(r), in.anyCode(r),
			"rule %s combines more than clausesMax, %d, values and matches nothing",
			r.id, clausesMax)
		return
	}
	if r.span.empty() || r.match.amount.empty() {
		in.report(EmptyPeriod, placeOf(r), in.anyCode(r),
			"rule %s has a period or an amount that ends before it begins", r.id)
		return
	}
	if r.entries != nil && len(r.entries) == 0 {
		in.report(EmptyList, placeOf(r), in.anyCode(r), "list %s has no lines", r.id)
		return
	}
	if reason := r.contradiction(); reason != "" {
		in.report(NeverMatches, placeOf(r), in.anyCode(r), "rule %s can never match: %s",
			r.id, reason)
		return
	}
	if w, matches := in.matching(r); !matches && !in.callerless(r) {
		in.report(NoSuchCode, placeOf(r), w,
			"rule %s matches no code of any known family; name its family if the decoder knows it",
			r.id)
	}
	if r.match.amount != always && len(r.match.currencies) == 0 {
		in.report(AmountNoCurrency, placeOf(r), in.inOtherCurrency(r),
			"rule %s compares amounts of every currency alike", r.id)
	}
}

// callerless says that r names callers and none of them could call while r is in force.
func (in *inspection) callerless(r *rule) bool {
	if r.callers == nil {
		return false
	}
	for i := range in.table.register.institutions {
		if r.callers.has(int32(i)) && in.callsDuring(int32(i), r.span) {
			return false
		}
	}
	return true
}

// callsDuring says that an institution may call at some instant of a rule.
func (in *inspection) callsDuring(institution int32, rule span) bool {
	within := rule.and(in.horizon)
	return in.callers.has(institution) &&
		(within.empty() || !within.and(in.table.register.institutions[institution].span).empty())
}

// contradiction says why no code at all could meet the conditions of r.
func (r *rule) contradiction() string {
	m := &r.match
	standards := m.standards()
	if len(standards) == 0 {
		return "its conditions belong to different standards"
	}
	payer := []codec.Standard{codec.PayCode, codec.EMVConsumer}
	if m.mode == codec.CustomerPresented &&
		!slices.ContainsFunc(standards, func(s codec.Standard) bool { return slices.Contains(payer, s) }) {
		return "codes of its standard are shown by merchants"
	}
	if m.mode == codec.MerchantPresented &&
		!slices.ContainsFunc(standards, func(s codec.Standard) bool { return !slices.Contains(payer, s) }) {
		return "codes of its standard are shown by payers"
	}
	possible := func(template string) bool { return !(feature{template, m.guids[0]}).impossible() }
	if len(m.guids) > 0 && len(m.templates) > 0 && !slices.ContainsFunc(m.templates, possible) {
		return "objects " + strings.Join(m.templates, ", ") + " hold no global identifier"
	}
	if lengths := m.lengths.values(); len(lengths) > 0 {
		for _, prefix := range m.prefixes {
			if len(prefix) > lengths[len(lengths)-1] {
				return fmt.Sprintf("prefix %s is longer than the code", prefix)
			}
		}
	}
	return ""
}

func (in *inspection) inOtherCurrency(r *rule) witness {
	w := in.sample(r)
	w.example.Currency = "392"
	return w
}

func (in *inspection) checkCallers(r *rule) {
	for _, caller := range r.match.callers {
		if caller == everyone {
			continue
		}
		i, found := in.table.register.index[caller]
		w := in.sample(r)
		w.example.Caller = caller
		switch {
		case !found:
			in.report(UnknownCaller, placeOf(r), w,
				"rule %s names caller %s, which is not in the register", r.id, caller)
		case !in.callsDuring(i, r.span):
			w.example.At = time.Unix(begins(r.span.and(in.horizon)), 0).UTC()
			in.report(UnlicensedCaller, placeOf(r), w,
				"rule %s names caller %s, which has no licence in force", r.id, caller)
		}
	}
}

// checkTargets looks at each institution that rules send to.
func (in *inspection) checkTargets() {
	for _, r := range in.table.rules {
		for i := range r.targets {
			target := &r.targets[i]
			at := place{line: target.line, rule: r.id}
			if r.entries == nil && sends(r.targets[:i], target.institution) {
				in.report(DuplicateTarget, at, in.sample(r), "rule %s names target %s twice",
					r.id, target.institution)
				continue
			}
			in.checkTarget(r, target, at)
		}
	}
}

func sends(targets []target, institution string) bool {
	return slices.ContainsFunc(targets, func(t target) bool {
		return t.institution == institution
	})
}

func (in *inspection) checkTarget(r *rule, target *target, at place) {
	w := in.sample(r)
	entry, found := in.table.register.Find(target.institution)
	switch {
	case !found:
		in.report(UnknownTarget, at, w, "rule %s names target %s, which is not in the register",
			r.id, target.institution)
	case entry.Licence.Number == "":
		in.report(UnlicensedTarget, at, w, "rule %s names target %s, which has no licence",
			r.id, target.institution)
	case entry.Status != Active:
		in.report(SuspendedTarget, at, w, "rule %s names target %s, which is %s",
			r.id, target.institution, entry.Status)
	default:
		in.checkTerm(r, &entry, at)
	}
}

// checkTerm compares the term of a target's entry with that of the rule.
func (in *inspection) checkTerm(r *rule, entry *Institution, at place) {
	used := r.span.and(in.horizon)
	switch {
	case used.empty():
	case used.and(entry.span).empty():
		in.report(TargetNotInForce, at, in.sample(r),
			"rule %s names target %s, whose entry is not in force while the rule is",
			r.id, entry.ID)
	case entry.span.until < used.until:
		in.report(TargetLapses, at, in.sampleAt(r, entry.span.until),
			"rule %s goes on after the entry of target %s ends", r.id, entry.ID)
	case entry.span.from > begins(used) && used.has(begins(used)):
		in.report(TargetLapses, at, in.sampleAt(r, begins(used)),
			"rule %s begins before the entry of target %s", r.id, entry.ID)
	}
}

// begins is the first instant of s; where nothing says from when on a table is meant, the
// instant of examples.
func begins(s span) int64 {
	if s.from == always.from {
		return exampleAt.Unix()
	}
	return s.from
}

// sampleAt is a query that r matches at an instant.
func (in *inspection) sampleAt(r *rule, at int64) witness {
	for _, c := range in.claimsOf(r) {
		for _, part := range in.parts(&c) {
			part.time = part.time.and(span{at, at + 1})
			if w, ok := in.table.pick(&part); ok {
				return w
			}
		}
	}
	return in.sample(r)
}

// names joins what a sentence lists.
func names(values []string) string { return strings.Join(values, ", ") }
