package codec

import (
	"fmt"
	"slices"
	"strings"
)

// Overlap says that two rules, in force at the same time, fit one code, and why the winner is
// the one that reads it.
type Overlap struct {
	Winner, Loser string // Ids of rules; the kinds of rule do not overlap with one another.
	By            string // What decided: rank, longer prefix, fewer lengths, pattern, trust ...
	Code          string // A code that both fit, without a payer's digits: all lowest ones.
}

// Overlaps lists the overlaps of the file in the order of the winners' ids. Two rules that
// lead to the same scheme and issuer are no overlap, but a fault where nothing decides which
// one reads a code and they read its issuer, payee or amount in different places.
func (b *Rulebook) Overlaps() []Overlap { return slices.Clone(b.overlaps) }

// findOverlaps looks for codes that two rules fit. A pair of which nothing decides is a fault
// of the file.
func (b *Rulebook) findOverlaps() error {
	if err := b.payOverlaps(); err != nil {
		return err
	}
	if err := b.linkOverlaps(); err != nil {
		return err
	}
	if err := b.applicationOverlaps(); err != nil {
		return err
	}
	slices.SortFunc(b.overlaps, func(a, b Overlap) int {
		if c := strings.Compare(a.Winner, b.Winner); c != 0 {
			return c
		}
		return strings.Compare(a.Loser, b.Loser)
	})
	b.overlaps = slices.CompactFunc(b.overlaps, func(a, b Overlap) bool {
		return a.Winner == b.Winner && a.Loser == b.Loser
	})
	return nil
}

// meet notes that one and other fit code; result and by are of their precedences.
func (b *Rulebook) meet(one, other *rule, result int, by, code string) error {
	if result == 0 {
		if one.line > other.line {
			one, other = other, one
		}
		return &RuleFault{other.line, 1, fmt.Sprintf("rules %s and %s both fit %s and nothing decides; give one a rank",
			one.id, other.id, code)}
	}
	if result < 0 {
		one, other = other, one
	}
	if len(b.overlaps) == overlapsMax {
		return &RuleFault{other.line, 1, fmt.Sprintf("more than %d overlaps", overlapsMax)}
	}
	b.overlaps = append(b.overlaps, Overlap{one.id, other.id, by, code})
	return nil
}

// spend counts the work of comparing r with another rule.
func (b *Rulebook) spend(work int, r *rule) error {
	if b.work += work; b.work > overlapWorkMax {
		return &RuleFault{r.line, 1, "too many rules that could fit one code, want prefixes, hosts or paths that tell them apart"}
	}
	return nil
}

// payOverlaps compares the rules of which one's beginning is the beginning of the other's:
// no other two can fit one code.
func (b *Rulebook) payOverlaps() error {
	starts, count := map[string][]int{}, 0
	for i := range b.pay {
		list := b.pay[i].pattern.prefixes()
		if count += len(list); count > payStartsMax {
			return &RuleFault{b.pay[i].line, 1, fmt.Sprintf("more than %d beginnings of codes in all rules", payStartsMax)}
		}
		for _, start := range list {
			starts[start] = append(starts[start], i)
		}
	}
	for i := range b.pay {
		done := map[int]bool{i: true}
		for _, start := range b.pay[i].pattern.prefixes() {
			for size := range len(start) + 1 {
				for _, j := range starts[start[:size]] {
					if done[j] || size == len(start) && j > i {
						continue // Met from the other side.
					}
					done[j] = true
					if err := b.spend(workPattern, &b.pay[i].rule); err != nil {
						return err
					}
					if err := b.payPair(&b.pay[i], &b.pay[j]); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func (b *Rulebook) payPair(one, other *payRule) error {
	result, by := one.before.compare(&other.before)
	if !one.meets(&other.rule) || one.agrees(&other.rule) && (result != 0 || one.readsAs(other)) {
		return nil
	}
	code, ok := one.pattern.common(&other.pattern)
	if !ok {
		return nil
	}
	return b.meet(&one.rule, &other.rule, result, payPrecedence[by], code)
}

// linkOverlaps compares the rules of the same scheme of link and host.
func (b *Rulebook) linkOverlaps() error {
	places := map[string][]int{}
	for i := range b.links {
		r := &b.links[i]
		for _, host := range r.keys() {
			key := r.uri + "://" + host
			for _, j := range places[key] {
				if err := b.spend(workLook, &r.rule); err != nil {
					return err
				}
				if err := b.linkPair(r, &b.links[j], host); err != nil {
					return err
				}
			}
			places[key] = append(places[key], i)
		}
	}
	return nil
}

func (b *Rulebook) linkPair(one, other *linkRule, host string) error {
	result, by := one.before.compare(&other.before)
	if !one.meets(&other.rule) || one.agrees(&other.rule) && (result != 0 || one.readsAs(other)) {
		return nil
	}
	if !strings.HasPrefix(one.path.literal, other.path.literal) && !strings.HasPrefix(other.path.literal, one.path.literal) {
		return nil
	}
	if err := b.spend(workPath, &one.rule); err != nil {
		return err
	}
	path, ok := one.path.common(&other.path)
	if !ok {
		return nil
	}
	start := one.uri + "://" + strings.Trim(host, anyHost)
	if one.opaque {
		start = one.uri + ":/"
	}
	return b.meet(&one.rule, &other.rule, result, linkPrecedence[by], start+path)
}

// applicationOverlaps compares the rules of which one's identifier begins the other's. The
// longer one wins, unless a rank says otherwise.
func (b *Rulebook) applicationOverlaps() error {
	for i := range b.applications {
		for j := range i {
			one, other := &b.applications[i], &b.applications[j]
			if one.agrees(&other.rule) || !one.meets(&other.rule) {
				continue
			}
			if !strings.HasPrefix(one.aid, other.aid) && !strings.HasPrefix(other.aid, one.aid) {
				continue
			}
			result, by := one.rank-other.rank, "rank"
			if result == 0 {
				result, by = len(one.aid)-len(other.aid), "longer identifier"
			}
			if err := b.meet(&one.rule, &other.rule, result, by, max(one.aid, other.aid)); err != nil {
				return err
			}
		}
	}
	return nil
}

// common is a path that both templates fit; false where there is none. It walks pairs of
// places, one in each template, breadth first.
func (p *pathForm) common(other *pathForm) (string, bool) {
	type place struct{ a, b pathPlace }
	type found struct {
		place
		text string
	}
	first := place{p.start(), other.start()}
	seen := map[place]bool{first: true}
	for queue := []found{{first, ""}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if p.done(at.a) && other.done(at.b) {
			return at.text, true
		}
		for _, a := range p.moves(at.a) {
			for _, b := range other.moves(at.b) {
				shared, ok := a.class.both(b.class)
				next := place{a.to, b.to}
				if ok && !seen[next] {
					seen[next] = true
					queue = append(queue, found{next, at.text + string(rune(shared.least()))})
				}
			}
		}
	}
	return "", false
}

// pathPlace is a place in a template: so many characters of a piece are read.
type pathPlace struct{ step, read int }

// pathMove is one character that can be read, and where that leads.
type pathMove struct {
	class class
	to    pathPlace
}

func (p *pathForm) start() pathPlace { return pathPlace{} }

// done reports whether a path may end at that place.
func (p *pathForm) done(at pathPlace) bool {
	for ; at.step < len(p.steps); at = (pathPlace{at.step + 1, 0}) {
		if !p.steps[at.step].full(at.read) {
			return false
		}
	}
	return true
}

// full reports whether the piece may end after so many characters.
func (s *pathStep) full(read int) bool {
	switch {
	case s.literal != "":
		return read == len(s.literal)
	case s.any:
		return true
	case s.count > 0:
		return read == s.count
	}
	return read > 0
}

// moves lists what may come next at that place.
func (p *pathForm) moves(at pathPlace) []pathMove {
	var list []pathMove
	for ; at.step < len(p.steps); at = (pathPlace{at.step + 1, 0}) {
		s := &p.steps[at.step]
		switch {
		case s.literal != "" && at.read < len(s.literal):
			var c class
			c.put(s.literal[at.read])
			list = append(list, pathMove{c, pathPlace{at.step, at.read + 1}})
		case s.any:
			list = append(list, pathMove{printable, pathPlace{at.step, 0}})
		case s.literal == "" && (s.count == 0 || at.read < s.count):
			list = append(list, pathMove{s.class(), pathPlace{at.step, min(at.read+1, max(s.count, 1))}})
		}
		if !s.full(at.read) {
			break
		}
	}
	return list
}

// printable are the characters that a path can hold as they are and that a template knows.
var printable = func() class {
	c := classOf(func(b byte) bool { return characters[b]&isWord != 0 })
	for _, b := range []byte("/.~!$&'()*+,;=:@") {
		c.put(b)
	}
	return c
}()
