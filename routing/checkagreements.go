package routing

import (
	"slices"
	"time"
)

// checkAgreements looks for agreements that can never apply and targets that no
// agreement lets anyone pay.
func (in *inspection) checkAgreements() {
	first := make(map[string]int)
	for i, a := range in.table.file.agreements {
		at := place{line: a.line, rule: a.id}
		if line, twice := first[a.id]; twice {
			in.report(DuplicateAgreement, at, in.asCaller(a), "agreement %s is defined on line %d already",
				a.id, line)
		} else {
			first[a.id] = a.line
		}
		in.checkAgreement(a, at)
		for _, earlier := range in.table.file.agreements[:i] {
			if earlier.covers(a) && !a.span.empty() {
				in.report(AgreementShadowed, at, in.asCaller(a),
					"agreement %s is never used: agreement %s on line %d allows all that it allows",
					a.id, earlier.id, earlier.line)
				break
			}
		}
	}
	for _, r := range in.table.rules {
		in.checkPayable(r)
	}
}

func (in *inspection) checkAgreement(a *agreement, at place) {
	for _, name := range slices.Concat(a.callers, a.institutions) {
		if _, found := in.table.register.index[name]; !found && name != everyone {
			w := in.asCaller(a)
			if slices.Contains(a.callers, name) {
				w.example.Caller = name
			}
			in.report(AgreementUnknown, at, w,
				"agreement %s names %s, which is not in the register", a.id, name)
			return
		}
	}
	if a.span.and(in.horizon).empty() {
		in.report(AgreementEmpty, at, in.asCaller(a),
			"agreement %s is never in force while the table is used", a.id)
		return
	}
	if !in.routedTo(a) {
		in.report(AgreementUnused, at, in.asCaller(a),
			"agreement %s can never apply: no rule sends codes that it is about to %s",
			a.id, names(a.institutions))
	}
}

// covers says that a allows everything that b allows.
func (a *agreement) covers(b *agreement) bool {
	return covering(a.callers, b.callers) && covering(a.institutions, b.institutions) &&
		(len(a.scenes) == 0 || len(b.scenes) > 0 && covering(a.scenes, b.scenes)) &&
		a.span.covers(b.span) && a.limitFen >= b.limitFen
}

func covering(values, others []string) bool {
	return slices.Contains(values, everyone) ||
		!slices.ContainsFunc(others, func(o string) bool { return !slices.Contains(values, o) })
}

// routedTo says whether a rule, or the standby list, sends to an institution of a what a
// is about.
func (in *inspection) routedTo(a *agreement) bool {
	named := func(institution string) bool {
		return slices.Contains(a.institutions, institution) ||
			slices.Contains(a.institutions, everyone)
	}
	for _, r := range in.table.rules {
		for _, t := range r.targets {
			if named(t.institution) && (r.span.empty() || in.applies(a, r, t.index)) {
				return true
			}
		}
	}
	return slices.ContainsFunc(in.table.file.standbys, func(s standby) bool {
		return named(s.standby)
	})
}

// applies says whether a can let somebody pay what r sends to institution. Nobody needs
// an agreement for codes of its own.
func (in *inspection) applies(a *agreement, r *rule, institution int32) bool {
	within := a.span.and(r.span).and(in.horizon)
	if listed(r.match.scenes).and(listed(a.scenes)).empty() || max(r.match.amount.from, 0) > a.limitFen {
		return false
	}
	callers := in.callers.and(r.callers).and(a.callerSet)
	for i := range in.table.register.institutions {
		if int32(i) != institution && callers.has(int32(i)) &&
			!in.table.register.institutions[i].span.and(within).empty() {
			return true
		}
	}
	return false
}

// asCaller is a code that a caller of the agreement scans.
func (in *inspection) asCaller(a *agreement) witness {
	var w witness
	for _, r := range in.table.rules {
		for _, t := range r.targets {
			if w.example.Text == "" && slices.Contains(a.institutions, t.institution) {
				w = in.sample(r)
			}
		}
	}
	if w.example.Text == "" {
		w = in.anyCode(nil)
	}
	for _, caller := range a.callers {
		if i, found := in.table.register.index[caller]; found && in.callers.has(i) {
			w.example.Caller = caller
			break
		}
	}
	return w
}

// checkPayable looks whether anyone may pay the codes that r sends to its targets.
func (in *inspection) checkPayable(r *rule) {
	if r.span.empty() || in.callerless(r) {
		return // Said already.
	}
	var bare []*target
	for i := range r.targets {
		t := &r.targets[i]
		if t.index >= 0 && !in.payable(r, t.index) {
			bare = append(bare, t)
		}
	}
	switch {
	case len(bare) == 0:
	case len(bare) == len(r.targets) && r.entries == nil:
		in.report(RuleNoAgreement, placeOf(r), in.sampleOther(r, bare[0].institution),
			"rule %s sends to %s, and no agreement lets a caller of the rule pay its codes",
			r.id, bare[0].institution)
	default:
		for _, t := range bare {
			in.report(TargetNoAgreement, place{line: t.line, rule: r.id},
				in.sampleOther(r, t.institution),
				"target %s of rule %s is never used: no agreement lets a caller of the rule pay its codes",
				t.institution, r.id)
		}
	}
}

func (in *inspection) payable(r *rule, institution int32) bool {
	for _, a := range in.table.parties[institution].agreements {
		if in.applies(a, r, institution) {
			return true
		}
	}
	callers := in.callers.and(r.callers)
	return callers.has(institution) && callers.only(institution)
}

// only says that i is the only number of the set.
func (s bitset) only(i int32) bool {
	rest := slices.Clone(s)
	rest[i>>6] &^= 1 << (i & 63)
	return rest.empty()
}

// sampleOther is a query that r matches, of a caller that is not the target itself.
func (in *inspection) sampleOther(r *rule, institution string) witness {
	w := in.sample(r)
	if w.example.Caller != institution {
		return w
	}
	for i, entry := range in.table.register.institutions {
		if entry.ID != institution && in.callers.has(int32(i)) && r.callers.has(int32(i)) {
			w.example.Caller = entry.ID
			break
		}
	}
	return w
}

// checkStandbys looks for standby lists that name strangers or come back.
func (in *inspection) checkStandbys() {
	standbys := in.table.file.standbys
	for i, s := range standbys {
		at := place{line: s.line, rule: s.institution}
		for _, name := range []string{s.institution, s.standby} {
			entry, found := in.table.register.Find(name)
			switch {
			case !found:
				in.report(StandbyUnknown, at, in.sampleTo(s.institution),
					"standby names %s, which is not in the register", name)
			case entry.barred() != nil || entry.span.and(in.horizon).empty():
				in.report(StandbyUnlicensed, at, in.sampleTo(s.institution),
					"standby names %s, which has no licence in force", name)
			}
		}
		for _, earlier := range standbys[:i] {
			if earlier.institution == s.institution {
				in.report(StandbyTwice, at, in.sampleTo(s.institution),
					"%s has a standby on line %d already", s.institution, earlier.line)
			}
		}
		if in.comesBack(s) && in.closes(i) {
			in.report(StandbyCycle, at, in.sampleTo(s.institution),
				"standby of %s comes back to it: fail-over would go in a circle", s.institution)
		}
	}
}

// comesBack follows the standby list from s and says whether it meets s again.
func (in *inspection) comesBack(s standby) bool {
	at := s.standby
	for range in.table.file.standbys {
		if at == s.institution {
			return true
		}
		next := slices.IndexFunc(in.table.file.standbys, func(o standby) bool {
			return o.institution == at
		})
		if next < 0 {
			return false
		}
		at = in.table.file.standbys[next].standby
	}
	return at == s.institution
}

// closes says that entry i is the last of its circle in the file, so that each circle
// is reported once, where it was closed.
func (in *inspection) closes(i int) bool {
	circle := []string{in.table.file.standbys[i].institution}
	at := in.table.file.standbys[i].standby
	for at != circle[0] && len(circle) <= len(in.table.file.standbys) {
		circle = append(circle, at)
		next := slices.IndexFunc(in.table.file.standbys, func(o standby) bool {
			return o.institution == at
		})
		if next < 0 || next > i {
			return false
		}
		at = in.table.file.standbys[next].standby
	}
	return true
}

// sampleTo is a code that is sent to an institution, or any code.
func (in *inspection) sampleTo(institution string) witness {
	for _, r := range in.table.rules {
		if sends(r.targets, institution) {
			return in.sample(r)
		}
	}
	return in.anyCode(nil)
}

// checkMaintenance looks for windows of strangers, empty ones, and those that take all
// targets of a rule out at once.
func (in *inspection) checkMaintenance() {
	for i := range in.table.file.windows {
		w := &in.table.file.windows[i]
		at := place{line: w.line, rule: w.institution}
		if w.target < 0 {
			in.report(MaintenanceUnknown, at, in.anyCode(nil),
				"maintenance of %s, which is not in the register", w.institution)
		}
		if w.span.empty() || w.daily && w.start == w.end {
			in.report(MaintenanceEmpty, at, in.sampleTo(w.institution),
				"maintenance of %s ends before it begins", w.institution)
		}
	}
	for _, r := range in.table.rules {
		if len(r.targets) > 1 && r.entries == nil {
			in.checkOutage(r)
		}
	}
}

// checkOutage tries the beginnings of the windows of r's targets: if all are out at
// some instant, they are at one of those.
func (in *inspection) checkOutage(r *rule) {
	for _, at := range in.beginnings(r) {
		out := !slices.ContainsFunc(r.targets, func(t target) bool { return t.index < 0 || in.answersAt(t.index, at) })
		if out && r.span.has(at) {
			in.report(MaintenanceAll, placeOf(r), in.sampleAt(r, at),
				"all targets of rule %s are in maintenance at %s", r.id, stamp(time.Unix(at, 0)))
			return
		}
	}
}

// answersAt says that institution or one of those that stand in for it is not in
// maintenance.
func (in *inspection) answersAt(institution int32, at int64) bool {
	return !in.outAt(institution, at) ||
		slices.ContainsFunc(in.table.parties[institution].standbys, func(s target) bool {
			return s.index >= 0 && !in.outAt(s.index, at)
		})
}

func (in *inspection) outAt(institution int32, at int64) bool {
	return slices.ContainsFunc(in.table.parties[institution].windows, func(w window) bool {
		return w.has(at)
	})
}

// answering gives the targets of r and those that stand in for them.
func (in *inspection) answering(r *rule) []int32 {
	var institutions []int32
	for _, t := range r.targets {
		if t.index < 0 {
			continue
		}
		institutions = append(institutions, t.index)
		for _, s := range in.table.parties[t.index].standbys {
			if s.index >= 0 {
				institutions = append(institutions, s.index)
			}
		}
	}
	return institutions
}

func (in *inspection) beginnings(r *rule) []int64 {
	starts := []int64{begins(r.span.and(in.horizon))}
	var daily []int64
	for _, institution := range in.answering(r) {
		for _, w := range in.table.parties[institution].windows {
			if w.span.from != always.from {
				starts = append(starts, w.span.from)
			}
			if w.daily {
				daily = append(daily, w.start)
			}
		}
	}
	all := slices.Clone(starts)
	for _, from := range starts {
		for _, second := range daily {
			wait := (second - secondOfDay(from) + secondsPerDay) % secondsPerDay
			all = append(all, from+wait)
		}
	}
	return all
}

// stamp writes an instant as the operators of the switch read it.
func stamp(at time.Time) string { return at.In(shanghai).Format(time.RFC3339) }
