package routing

import (
	"fmt"
	"math/rand/v2"
	"slices"
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
	family   string // The one that the table covers.
	read     func(text string) (*codec.Code, error)
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

// ties says that only the order of the file decides between a and b for q: both have the
// best score that any rule has.
func (p *proof) ties(a, b *rule, q *Query, best [4]int) bool {
	return !sameList(a, b) && slices.Contains(p.scores(a, q), best) && slices.Contains(p.scores(b, q), best)
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
				if !p.tied[a.id+" "+b.id] && p.ties(a, b, q, best.score) {
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
	if gap := said[Gap][p.family] || said[DateHole][p.family] || said[AmountHole][p.family]; gap != p.gap {
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
	code, err := p.read(e.Text)
	if err != nil {
		t.Errorf("%v: its code cannot be read: %v\n%s", f, err, p.text)
		return
	}
	q := &Query{Code: code, Text: e.Text, Caller: e.Caller, Scene: e.Scene,
		AmountFen: e.AmountFen, Currency: e.Currency, At: e.At}
	best, r, shows := p.scan.route(q), ruleNamed(p.table, f.Rule), true
	switch f.Kind {
	case Gap, DateHole, AmountHole:
		shows = best.rule == nil
	case ShadowedRule, RedundantRule, ShadowedPart:
		shows = best.rule != r && len(p.scores(r, q)) > 0
	case Overlap:
		shows = p.ties(ruleNamed(p.table, strings.Fields(f.Message)[1]), r, q, best.score)
	}
	if !shows || p.table.Explain(q).Matched != (best.rule != nil) {
		t.Errorf("%v: its code does not show it\n%s", f, p.text)
	}
}

// prove loads a table and holds its check against the world.
func (p *proof) prove(t *testing.T, register *Register, seed uint64) {
	t.Helper()
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

func metOften(t *testing.T, shown map[Kind]int, kinds ...Kind) {
	t.Helper()
	for _, kind := range kinds {
		if shown[kind] < 10 {
			t.Errorf("%s was met %d times: too few to prove anything", kind, shown[kind])
		}
	}
}

// TestCheckAgreesWithEnumeration proves the check from outside: whatever it says about
// gaps, overlaps and rules that are never reached, a scan of every query says too, and
// the other way about.
func TestCheckAgreesWithEnumeration(t *testing.T) {
	register, queries, shown := faultRegister(t), world(), map[Kind]int{}
	for seed := range uint64(400) {
		p := proof{queries: queries, shown: shown, family: "tiny", text: proofTable(rand.New(rand.NewPCG(seed, 3))),
			read: func(string) (*codec.Code, error) { return queries[0].Code, nil }}
		p.prove(t, register, seed)
	}
	metOften(t, shown, Gap, DateHole, AmountHole, Overlap, ShadowedRule, RedundantRule)
}

// merchantTable writes rules on EMVCo merchant presented codes: templates, identifiers in
// them, UnionPay's acquirer, countries.
func merchantTable(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString("version: \"proof\"\nfrom: 2026-01-01\ncovers: [other-emv]\n" +
		"agreements: [{id: all, caller: \"*\", institution: \"*\"}]\nrules:\n")
	one := func(values ...string) string { return values[r.IntN(len(values))] }
	for i := range 1 + r.IntN(6) {
		conditions := []string{"standard: emv-mpm"}
		maybe := func(chance int, text string) {
			if r.IntN(chance) == 0 {
				conditions = append(conditions, text)
			}
		}
		maybe(2, one(`template: "15"`, `template: "26"`, `template: ["26", "27"]`))
		maybe(2, one("guid: TINY", "guid: mini", "guid: [TINY, MINI]"))
		maybe(4, one(`acquirer: "01"`, `acquirer: "02"`, `acquirer: "0105"`))
		maybe(4, one("country: CN", "country: [CN, SG]"))
		maybe(5, "scene: in_store")
		fmt.Fprintf(&b, "  - {id: r%d, precedence: %d, match: {%s}, targets: [{institution: %s}]}\n", i, r.IntN(7)/6,
			strings.Join(conditions, ", "), one("lanternbank", "harbourbank"))
	}
	return b.String()
}

// merchantWorld gives codes with every choice of templates 15, 26, 27 and 28, which stands for all
// that no rule names, in both orders.
func merchantWorld() []Query {
	var queries []Query
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for choice := range 320 * 2 {
		code := codec.Code{Standard: codec.EMVMerchant, Mode: codec.MerchantPresented}
		for i, template := range []string{"26", "27", "28"} {
			if guid := []string{"", "TINY", "MINI", "ELSE"}[choice/[]int{1, 4, 16}[i]%4]; guid != "" {
				code.Fields = append(code.Fields, codec.Field{Path: template + ".00", Value: guid})
			}
		}
		if acquirer := []string{"", "01050000", "01990000", "02050000", "03050000"}[choice/64%5]; acquirer != "" {
			code.Merchant.Acquirer = acquirer
			code.Fields = append(code.Fields, codec.Field{Path: "15", Value: acquirer + "000000000000000DEMOSHOP"})
		}
		if choice >= 320 {
			slices.Reverse(code.Fields)
		}
		for _, country := range []string{"CN", "SG", "TH"} {
			code := code
			code.Merchant.Country = country
			for _, scene := range []string{"in_store", "online"} {
				queries = append(queries, Query{Code: &code, Text: "000201", Caller: "kitewallet", Scene: scene, AmountFen: 100,
					Currency: homeCurrency, At: at})
			}
		}
	}
	return queries
}

// TestMerchantCheckAgreesWithEnumeration is the same proof on codes that hold several
// templates at once, whose order in the code decides; their examples go through the decoder.
func TestMerchantCheckAgreesWithEnumeration(t *testing.T) {
	register, queries, shown := faultRegister(t), merchantWorld(), map[Kind]int{}
	for seed := range uint64(200) {
		p := proof{queries: queries, shown: shown, family: "other-emv", text: merchantTable(rand.New(rand.NewPCG(seed, 4))),
			read: func(text string) (*codec.Code, error) {
				var code codec.Code
				err := codec.Default().Decode(text, &code)
				return &code, err
			}}
		p.prove(t, register, seed)
	}
	metOften(t, shown, Gap, Overlap, ShadowedRule, RedundantRule)
}

// linkTable writes rules on UnionPay's links, whose path begins with the issuer's number,
// so that a condition on the path and one on the issuer speak of the same characters.
func linkTable(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString("version: \"proof\"\nfrom: 2026-01-01\ncovers: [unionpay-link]\n" +
		"agreements: [{id: all, caller: \"*\", institution: \"*\"}]\nrules:\n")
	one := func(values ...string) string { return values[r.IntN(len(values))] }
	for i := range 1 + r.IntN(6) {
		conditions := []string{"host: qr.95516.com"}
		maybe := func(chance int, text string) {
			if r.IntN(chance) == 0 {
				conditions = append(conditions, text)
			}
		}
		maybe(2, one("path: /0", "path: /0001", "path: /00010000/0", `path: ["/0000", "/0002"]`, "path: /00020000"))
		maybe(2, one(`issuer: "0"`, `issuer: "0001"`, `issuer: ["0000", "00020000"]`))
		maybe(4, "scheme: unionpay")
		maybe(4, one("scene: in_store", "scene: [in_store, online]"))
		fmt.Fprintf(&b, "  - {id: r%d, precedence: %d, match: {%s}, targets: [{institution: %s}]}\n", i, r.IntN(7)/6,
			strings.Join(conditions, ", "), one("lanternbank", "harbourbank"))
	}
	return b.String()
}

func linkWorld(t *testing.T, read func(string) (*codec.Code, error)) []Query {
	t.Helper()
	var queries []Query
	for _, start := range []string{"0000", "0001", "0002", "0003", "9999"} {
		for _, rest := range []string{"0000", "5555"} {
			for _, next := range []string{"0", "5"} {
				text := "https://qr.95516.com/" + start + rest + "/" + next + strings.Repeat("1", 31)
				code, err := read(text)
				if err != nil {
					t.Fatal(err)
				}
				for _, scene := range []string{"in_store", "online", "touch"} {
					queries = append(queries, Query{Code: code, Text: text, Caller: "kitewallet", Scene: scene, AmountFen: 100,
						Currency: homeCurrency, At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
				}
			}
		}
	}
	return queries
}

// TestLinkCheckAgreesWithEnumeration is the same proof on links.
func TestLinkCheckAgreesWithEnumeration(t *testing.T) {
	read := func(text string) (*codec.Code, error) {
		var code codec.Code
		err := codec.Default().Decode(text, &code)
		return &code, err
	}
	register, queries, shown := faultRegister(t), linkWorld(t, read), map[Kind]int{}
	for seed := range uint64(500) {
		p := proof{queries: queries, shown: shown, family: "unionpay-link",
			text: linkTable(rand.New(rand.NewPCG(seed, 5))), read: read}
		p.prove(t, register, seed)
	}
	metOften(t, shown, Gap, Overlap, ShadowedRule, RedundantRule)
}
