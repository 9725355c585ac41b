package routing

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tongma/codec"
)

// proof holds the check of a small table against every query of a small world: codes 90xx
// and 90xxx, three callers, three scenes, amounts and instants on both sides of every
// bound that the table can state, two currencies.
type proof struct {
	table    *Table
	findings []Finding
	scan     naive
	queries  []Query
	won      map[*rule]bool
	met      map[*rule]bool  // Matched something, won or not.
	tied     map[string]bool // "a b", a before b in the file.
	gap      bool            // In yuan.
	text     string          // For the message of a failure.
	shown    map[Kind]int
}

const proofHead = `version: "proof"
from: 2026-01-01
covers: [tiny]
families: [{id: tiny, standard: paycode, scheme: tiny, prefix: "90", length: "4-5"}]
agreements: [{id: all, caller: "*", institution: "*"}]
rules:
`

// proofTable writes rules on codes of the tiny family alone, so that nothing is decided
// outside the world that is enumerated. The digit 2 stands for all that no rule names.
func proofTable(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString(proofHead)
	one := func(values ...string) string { return values[r.IntN(len(values))] }
	for i := range 1 + r.IntN(6) {
		conditions := []string{fmt.Sprintf("prefix: [%s]", one(`"90"`, `"90"`, `"900"`, `"901"`,
			`"9001"`, `"900", "901"`, `"900", "9011"`))}
		maybe := func(chance int, text string) {
			if r.IntN(chance) == 0 {
				conditions = append(conditions, text)
			}
		}
		maybe(4, one("length: 4", "length: 5", `length: "4-5"`))
		maybe(4, one("scene: in_store", "scene: [in_store, online]"))
		maybe(5, one("caller: kitewallet", "caller: [plumwallet, kitewallet]"))
		maybe(5, one("amount_fen: {below: 500}", "amount_fen: {from: 500}"))
		maybe(6, `currency: "156"`)
		fmt.Fprintf(&b, "  - id: r%d\n", i)
		if r.IntN(6) == 0 {
			b.WriteString("    precedence: 1\n")
		}
		fmt.Fprintf(&b, "    match: {%s}\n", strings.Join(conditions, ", "))
		if r.IntN(4) == 0 {
			fmt.Fprintf(&b, "    from: 2026-0%d-01\n", 2+r.IntN(2))
		}
		if r.IntN(4) == 0 {
			fmt.Fprintf(&b, "    until: 2026-0%d-01\n", 2+2*r.IntN(2))
		}
		fmt.Fprintf(&b, "    targets: [{institution: %s}]\n", one("lanternbank", "harbourbank"))
	}
	return b.String()
}

// world gives every query that the table could tell apart.
func world() []Query {
	code := &codec.Code{Standard: codec.PayCode, Mode: codec.CustomerPresented, Scheme: "tiny"}
	var queries []Query
	for _, length := range []int{4, 5} {
		for digits := range 9 {
			text := fmt.Sprintf("90%d%d2", digits/3, digits%3)[:length]
			for _, caller := range []string{"kitewallet", "plumwallet", "corneracquirer"} {
				for _, scene := range []string{"in_store", "online", "touch"} {
					for _, amount := range []int64{0, 499, 500} {
						for _, currency := range []string{"156", "702"} {
							for month := time.January; month <= time.April; month++ {
								queries = append(queries, Query{Code: code, Text: text, Caller: caller,
									Scene: scene, AmountFen: amount, Currency: currency,
									At: time.Date(2026, month, 1, 0, 0, 0, 0, shanghai)})
							}
						}
					}
				}
			}
		}
	}
	return queries
}

// scores are all the ways in which r matches q; empty where it does not.
func (p *proof) scores(r *rule, q *Query) [][4]int {
	if !p.scan.circumstances(r, q) {
		return nil
	}
	var all [][4]int
	for _, text := range p.scan.compared(r, q) {
		all = append(all, [4]int{int(r.precedence), text.characters, p.scan.count(r), text.early})
	}
	return all
}

// ties says that only the order of the file decides between a and b for q.
func (p *proof) ties(a, b *rule, q *Query) bool {
	for _, x := range p.scores(a, q) {
		for _, y := range p.scores(b, q) {
			if x == y && !sameList(a, b) {
				return true
			}
		}
	}
	return false
}

func (p *proof) enumerate() {
	p.won, p.met, p.tied = map[*rule]bool{}, map[*rule]bool{}, map[string]bool{}
	for i := range p.queries {
		q := &p.queries[i]
		best := p.scan.route(q)
		p.gap = p.gap || best.rule == nil && q.Currency == homeCurrency
		p.won[best.rule] = true
		for at, b := range p.table.rules {
			p.met[b] = p.met[b] || len(p.scores(b, q)) > 0
			for _, a := range p.table.rules[:at] {
				if !p.tied[a.id+" "+b.id] && p.ties(a, b, q) {
					p.tied[a.id+" "+b.id] = true
				}
			}
		}
	}
}

// compare holds what the check says against what was met in the world, both ways.
func (p *proof) compare(t *testing.T) {
	t.Helper()
	said := map[Kind]map[string]bool{}
	pairs := map[string]bool{}
	for _, f := range p.findings {
		if said[f.Kind] == nil {
			said[f.Kind] = map[string]bool{}
		}
		said[f.Kind][f.Rule] = true
		p.shown[f.Kind]++
		p.example(t, f)
		if f.Kind == Overlap {
			first := strings.Fields(f.Message)[1] // "rules r0 on line ..."
			pairs[first+" "+f.Rule] = true
		}
	}
	if gap := said[Gap]["tiny"] || said[DateHole]["tiny"] || said[AmountHole]["tiny"]; gap != p.gap {
		t.Errorf("check says gap %t, enumeration %t\n%s%v", gap, p.gap, p.text, p.findings)
	}
	for at, b := range p.table.rules {
		for _, a := range p.table.rules[:at] {
			if pair := a.id + " " + b.id; pairs[pair] != p.tied[pair] {
				t.Errorf("%s: check says overlap %t, enumeration %t\n%s%v", pair, pairs[pair],
					p.tied[pair], p.text, p.findings)
			}
		}
		buried := said[ShadowedRule][b.id] || said[RedundantRule][b.id]
		if buried && (p.won[b] || !p.met[b]) {
			t.Errorf("check says %s is never reached, enumeration says it is\n%s", b.id, p.text)
		}
		if !buried && p.met[b] && !p.won[b] && !said[Overlap][b.id] {
			t.Errorf("%s never wins, the check does not say so\n%s%v", b.id, p.text, p.findings)
		}
	}
}

// example asks the naive scan about the code of a finding.
func (p *proof) example(t *testing.T, f Finding) {
	t.Helper()
	e := f.Example
	q := &Query{Code: p.queries[0].Code, Text: e.Text, Caller: e.Caller, Scene: e.Scene,
		AmountFen: e.AmountFen, Currency: e.Currency, At: e.At}
	best, r, shows := p.scan.route(q), ruleNamed(p.table, f.Rule), true
	switch f.Kind {
	case Gap, DateHole, AmountHole:
		shows = best.rule == nil
	case ShadowedRule, RedundantRule, ShadowedPart:
		shows = best.rule != r && len(p.scores(r, q)) > 0
	case Overlap:
		shows = p.ties(ruleNamed(p.table, strings.Fields(f.Message)[1]), r, q)
	}
	if !shows || p.table.Explain(q).Matched != (best.rule != nil) {
		t.Errorf("%v: its code does not show it\n%s", f, p.text)
	}
}

// TestCheckAgreesWithEnumeration proves the check from outside: whatever it says about
// gaps, overlaps and rules that are never reached, a scan of every query says too, and
// the other way about.
func TestCheckAgreesWithEnumeration(t *testing.T) {
	register, queries := faultRegister(t), world()
	shown := map[Kind]int{}
	for seed := range uint64(400) {
		p := proof{queries: queries, shown: shown, text: proofTable(rand.New(rand.NewPCG(seed, 3)))}
		var err error
		if p.table, p.findings, err = Load([]byte(p.text), register); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, p.text)
		}
		p.scan = naive{rules: p.table.rules}
		p.enumerate()
		if p.compare(t); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for _, kind := range []Kind{Gap, DateHole, AmountHole, Overlap, ShadowedRule, RedundantRule} {
		if shown[kind] < 10 {
			t.Errorf("%s was met %d times: too few to prove anything", kind, shown[kind])
		}
	}
}
