package routing

import (
	"math"
)

// arrange fills into with the targets of the rule that matched, in the order to try:
// by priority, among equals by weight, then the standby institutions. Those that may
// not answer are left out; where none is left, the refusal is the one that was nearest
// to being answered.
func (t *Table) arrange(best *hit, p *probe, into *Decision) *Refusal {
	targets := best.clause.rule.targets
	if best.target >= 0 {
		targets = targets[best.target : best.target+1]
	}
	refusal := errTargetUnlicensed
	for start := 0; start < len(targets); {
		end := start + 1
		for end < len(targets) && targets[end].priority == targets[start].priority {
			end++
		}
		refusal = nearer(refusal, t.arrangeEqual(targets[start:end], p, into))
		start = end
	}
	for i := range targets {
		for _, standby := range t.standbysOf(targets[i].index) {
			refusal = nearer(refusal, t.append(&standby, p, into, true))
		}
	}
	if len(into.Targets) == 0 {
		return refusal
	}
	into.Institution, into.Agreement = into.Targets[0].Institution, into.Targets[0].Agreement
	return nil
}

// nearness orders refusals: the one that time or a smaller amount would mend is told
// before the one that needs a contract.
var nearness = map[Code]int{
	TargetUnlicensed: 0, NoAgreement: 1, OverAgreementLimit: 2, Maintenance: 3,
}

func nearer(a, b *Refusal) *Refusal {
	if b != nil && nearness[b.Code] > nearness[a.Code] {
		return b
	}
	return a
}

// arrangeEqual appends targets of one priority, spread by weight. The order depends on
// the payment's id and the institutions alone (weighted rendezvous hashing), so that a
// payment asked again, or asked of a later table, meets the same institution as long
// as that one is a target, and removing one institution moves only its own share.
func (t *Table) arrangeEqual(targets []target, p *probe, into *Decision) *Refusal {
	if len(targets) == 1 {
		return t.append(&targets[0], p, into, false)
	}
	var scores [targetsMax]float64
	var order [targetsMax]uint8
	payment := hashText(p.Payment)
	for i := range targets {
		scores[i] = score(payment, &targets[i], p.Health)
		at := i
		for at > 0 && scores[order[at-1]] > scores[i] {
			order[at] = order[at-1]
			at--
		}
		order[at] = uint8(i)
	}
	refusal := errTargetUnlicensed
	for i := range targets {
		refusal = nearer(refusal, t.append(&targets[order[i]], p, into, false))
	}
	return refusal
}

// score is exponentially distributed with the weight as its rate: the least of several
// falls to each in proportion to its weight.
func score(payment uint64, t *target, health Health) float64 {
	weight := float64(t.weight)
	if health != nil {
		weight *= float64(min(max(health.Share(t.institution), 1), 100)) / 100
	}
	const scale = 1.0 / (1 << 53)
	uniform := (float64(mix(payment^t.seed)>>11) + 0.5) * scale
	return -math.Log(uniform) / weight
}

// append adds a target that may answer, once.
func (t *Table) append(target *target, p *probe, into *Decision, standby bool) *Refusal {
	for i := range into.Targets {
		if into.Targets[i].Institution == target.institution {
			return nil
		}
	}
	agreement, refusal := t.admit(target.index, p)
	if refusal != nil {
		return refusal
	}
	into.Targets = append(into.Targets, Target{
		Institution: target.institution, Priority: int(target.priority),
		Agreement: agreement, Standby: standby,
	})
	return nil
}

// admit says under which agreement institution may answer for p, or why it may not.
func (t *Table) admit(institution int32, p *probe) (string, *Refusal) {
	if institution < 0 || t.parties[institution].check(p.at) != nil {
		return "", errTargetUnlicensed
	}
	agreement, refusal := t.agreementOf(institution, p)
	if refusal != nil {
		return "", refusal
	}
	windows := t.parties[institution].windows
	for i := range windows {
		if windows[i].has(p.at) {
			return "", errMaintenance
		}
	}
	return agreement, nil
}

func (t *Table) standbysOf(institution int32) []target {
	if institution < 0 {
		return nil
	}
	return t.parties[institution].standbys
}

// hashText is FNV-1a over text.
func hashText(text string) uint64 {
	hash := uint64(0xCBF29CE484222325)
	for i := range len(text) {
		hash = (hash ^ uint64(text[i])) * 0x100000001B3
	}
	return hash
}

// mix spreads x over all 64 bits (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
