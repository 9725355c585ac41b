package routing

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// agreements compares agreements by id, with a payment whose fate changes where one is
// found.
func (d *differ) agreements() {
	find := func(t *Table, id string) *agreement {
		for _, a := range t.file.agreements {
			if a.id == id {
				return a
			}
		}
		return nil
	}
	for _, a := range d.new.file.agreements {
		before := find(d.old, a.id)
		switch {
		case before == nil:
			d.showAgreement(d.tell(AgreementAdded, a.id, 1, "agreement %s is new: %s", a.id, a.words()), a)
		case before.words() != a.words():
			change := d.tell(AgreementChanged, a.id, 1, "agreement %s: %s becomes %s", a.id, before.words(), a.words())
			if !d.showAgreement(change, before) {
				d.showAgreement(change, a)
			}
		}
	}
	for _, a := range d.old.file.agreements {
		if find(d.new, a.id) == nil {
			d.showAgreement(d.tell(AgreementRemoved, a.id, 1, "agreement %s is removed: %s", a.id, a.words()), a)
		}
	}
}

// words is all that the agreement states.
func (a *agreement) words() string {
	sorted := func(list []string) string { return few(slices.Sorted(slices.Values(list))) }
	text := fmt.Sprintf("%s may pay codes of %s", sorted(a.callers), sorted(a.institutions))
	if len(a.scenes) > 0 {
		text += " in " + sorted(a.scenes)
	}
	if a.limitFen != amountFenMax {
		text += fmt.Sprintf(" up to %d fen", a.limitFen)
	}
	if a.span != always {
		text += ", " + a.span.times()
	}
	return text
}

// showAgreement looks for a payment under a that the two tables decide differently: at
// its limits, at its first and last instant, on codes of the rules of both tables.
func (d *differ) showAgreement(change *Difference, a *agreement) bool {
	amounts := []int64{exampleAmountFen, a.limitFen, a.limitFen + 1}
	instants := []time.Time{exampleAt}
	for _, at := range []int64{a.span.from, a.span.until - 1, a.span.until} {
		if at != always.from && at < always.until-1 {
			instants = append(instants, time.Unix(at, 0).UTC())
		}
	}
	for _, w := range d.witnesses(a) {
		for _, caller := range d.callersOf(a) {
			for _, at := range instants {
				for _, amount := range amounts {
					if amount > amountFenMax {
						continue
					}
					w.example.Caller, w.example.At, w.example.AmountFen = caller, at, amount
					if len(a.scenes) > 0 {
						w.example.Scene = a.scenes[0]
					}
					if d.sameDestination(&w) && d.old.outcome(w.query()) != d.new.outcome(w.query()) {
						d.show(change, &w)
						return true
					}
				}
			}
		}
	}
	return false
}

// sameDestination says that the rules of both tables send w alike, so that what differs
// is the agreements'.
func (d *differ) sameDestination(w *witness) bool {
	p, q := d.old.probe(w.query()), d.new.probe(w.query())
	before, after := d.old.match(&p), d.new.match(&q)
	return destinationOf(&before) == destinationOf(&after)
}

// witnessesMax bounds the codes tried to show what an agreement changes.
const witnessesMax = 20

// witnesses gives codes of rules that send to an institution of a.
func (d *differ) witnesses(a *agreement) []witness {
	in := inspection{table: d.new, families: slices.Concat(d.new.file.families, builtInFamilies),
		horizon: always, callers: make(bitset, len(d.new.register.institutions)/64+1)}
	for i := range d.new.register.institutions {
		in.callers.set(int32(i))
	}
	var list []witness
	for _, r := range d.new.rules {
		if len(list) == witnessesMax {
			break
		}
		if !slices.ContainsFunc(r.targets, func(t target) bool {
			return slices.Contains(a.institutions, everyone) || slices.Contains(a.institutions, t.institution)
		}) {
			continue
		}
		if w, ok := in.matching(r); ok {
			list = append(list, w)
		}
	}
	return list
}

// callersOf gives a few callers of a.
func (d *differ) callersOf(a *agreement) []string {
	if !slices.Contains(a.callers, everyone) {
		return a.callers[:min(len(a.callers), fewMax)]
	}
	var callers []string
	for i := range d.new.register.institutions {
		if entry := &d.new.register.institutions[i]; entry.check(exampleAt.Unix()) == nil && len(callers) < fewMax {
			callers = append(callers, entry.ID)
		}
	}
	return callers
}

// windows compares maintenance, window by window.
func (d *differ) windows() {
	words := func(t *Table) []string {
		var list []string
		for i := range t.file.windows {
			list = append(list, t.file.windows[i].words())
		}
		return list
	}
	before, after := words(d.old), words(d.new)
	for _, text := range after {
		if !slices.Contains(before, text) {
			d.tell(MaintenanceAdded, "", 1, "maintenance of %s is new", text)
		}
	}
	for _, text := range before {
		if !slices.Contains(after, text) {
			d.tell(MaintenanceRemoved, "", 1, "maintenance of %s is removed", text)
		}
	}
}

func (w *window) words() string {
	text := w.institution
	if w.daily {
		clock := func(second int64) string { return fmt.Sprintf("%02d:%02d", second/3600, second%3600/60) }
		text += " daily " + clock(w.start) + " to " + clock(w.end)
	}
	if w.span != always {
		text += " " + w.span.times()
	}
	return text
}

// standbys compares who answers for whom.
func (d *differ) standbys() {
	chains := func(t *Table, institution string) string {
		var chain []string
		for _, s := range t.file.standbys {
			if s.institution == institution {
				chain = append(chain, s.standby)
			}
		}
		return orNone(strings.Join(chain, ", "))
	}
	told := map[string]bool{}
	for _, s := range slices.Concat(d.old.file.standbys, d.new.file.standbys) {
		before, after := chains(d.old, s.institution), chains(d.new, s.institution)
		if before != after && !told[s.institution] {
			told[s.institution] = true
			d.tell(StandbyChanged, s.institution, 1, "standby of %s: %s becomes %s", s.institution, before, after)
		}
	}
}
