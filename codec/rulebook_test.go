package codec

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func book(t testing.TB, text string) *Rulebook {
	t.Helper()
	b, err := LoadRules([]byte("version: test\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBuiltInRules: the file loads, every rule has a source, and its overlaps are those that
// public documents show, each won by the form that says more.
func TestBuiltInRules(t *testing.T) {
	b := BuiltIn()
	if b.Version() == "" || !b.NextChange(time.Time{}).IsZero() {
		t.Errorf("version %q, changes at %v", b.Version(), b.NextChange(time.Time{}))
	}
	file, _, err := parseRules(builtIn)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range file.PayCodes {
		if e.Head.Source == "" {
			t.Errorf("%s has no source", e.Head.ID)
		}
	}
	for _, e := range file.Links {
		if e.Head.Source == "" {
			t.Errorf("%s has no source", e.Head.ID)
		}
	}
	won := map[string]string{}
	for _, o := range b.Overlaps() {
		won[o.Winner] = o.Loser + " by " + o.By
		var c Code
		if err := Default().Decode(o.Code, &c); err != nil || !strings.HasPrefix(o.Winner, c.Scheme) {
			t.Errorf("%+v: the code is read as %s, %v", o, c.Scheme, err)
		}
	}
	for winner, want := range map[string]string{"alipayplus": "alipay by longer prefix",
		"alipayplus-17": "alipay by fewer lengths", "alipayplus-19": "alipay by fewer lengths",
		"alipayplus-19-289": "alipay by longer prefix", "alipayplus-19-289-6": "alipay by longer prefix"} {
		if won[winner] != want {
			t.Errorf("%s wins over %q, want %q", winner, won[winner], want)
		}
	}
	if len(won) != 5 {
		t.Errorf("overlaps %v", won)
	}
}

func TestAlipayPlusInAllLengths(t *testing.T) {
	f := func(text, scheme string) {
		t.Helper()
		var c Code
		if err := Default().Decode(text, &c); err != nil || c.Scheme != scheme {
			t.Errorf("%s: %s, %v, want %s", text, c.Scheme, err, scheme)
		}
	}
	f("28012345678901234", "alipayplus")
	f("2801234567890123456", "alipayplus")
	f("2891234567890523456", "alipayplus")
	f("2891234567890623456", "alipayplus")
	f("281001020123456789012345", "alipayplus")
	f("280438849930815813", "alipay") // 18 digits: the mainland wallet's.
	f("2701234567890123456", "alipay")
	var c Code
	if err := Default().Decode("251001020123456789012345", &c); err != nil || fieldValue(&c, "code issuer") != "251001" ||
		fieldValue(&c, "business type") != "02" || fieldValue(&c, "unique number") != "0123456789012345" {
		t.Errorf("%v, %+v", err, c.Fields)
	}
}

// TestPrecedence: which of two rules reads a code is decided by what they say, and is the same
// when they change places in the file.
func TestPrecedence(t *testing.T) {
	f := func(winner, loser, code, by string) {
		t.Helper()
		for _, order := range []string{winner + loser, loser + winner} {
			b := book(t, "pay_codes:\n"+order)
			if got := b.Overlaps(); len(got) != 1 || got[0].Winner != "w" || got[0].Loser != "l" || got[0].By != by {
				t.Errorf("%s: %+v, want %s", order, got, by)
			}
			var c Code
			if err := b.At(time.Now()).Decode(code, &c); err != nil || c.Scheme != "won" {
				t.Errorf("%s: %s, %v", code, c.Scheme, err)
			}
		}
	}
	w, l := "- {id: w, scheme: won, ", "- {id: l, scheme: lost, "
	f(w+"prefixes: ['62'], length: 19, rank: 1}\n", l+"prefixes: ['6222'], length: 19}\n", "6222012345678901234", "rank")
	f(w+"prefixes: ['6222'], length: 16-19}\n", l+"prefixes: ['62'], length: 19}\n", "6222012345678901234", "longer prefix")
	f(w+"prefixes: ['62'], length: 18-19}\n", l+"prefixes: ['62'], length: 17-19}\n", "6222012345678901234", "fewer lengths")
	f(w+"pattern: '62[0-4]\\d{16}'}\n", l+"prefixes: ['62'], length: 19}\n", "6222012345678901234", "pattern")
	f(w+"prefixes: ['62'], length: 19}\n", l+"prefixes: ['62'], length: 19, trust: low}\n", "6222012345678901234", "trust")
	f(w+"pattern: 'ab[0-9a-c]{4}'}\n", l+"pattern: 'a[a-f]\\d{2,4}'}\n", "ab0123", "longer prefix")
}

func TestRuleFaults(t *testing.T) {
	f := func(text string, line int, words string) {
		t.Helper()
		_, err := LoadRules([]byte(text))
		var fault *RuleFault
		if !errors.As(err, &fault) || fault.Line != line || !strings.Contains(fault.Message, words) {
			t.Errorf("%.80q: %v, want line %d and %q", text, err, line, words)
		}
	}
	one := func(rule string, words string) {
		t.Helper()
		f("version: a\npay_codes:\n- {id: ok, scheme: ok, prefixes: ['99'], length: 20}\n- {id: x, scheme: x, "+rule+"}\n", 4, words)
	}
	link := func(rule string, words string) {
		t.Helper()
		f("version: a\nlinks:\n- {id: x, scheme: x, "+rule+"}\n", 3, words)
	}
	f("", 1, "documents")
	f("pay_codes: []\n", 1, "version")
	f("version: a\npay_codes:\n  - id: [\n", 3, "")
	f("version: a\nversion: b\n", 2, "already defined")
	f("version: a\ncolour: b\n", 2, "unknown field")
	f("version: a\npay_codes:\n  - {id: x, scheme: x, prefix: 1}\n", 3, "unknown field")
	f("version: a\npay_codes: 5\n", 2, "")
	f("version: &a 1\npay_codes: *a\n", 1, "anchors")
	f("version: "+strings.Repeat("[", 50), 1, "nested")
	f(strings.Repeat("#", rulesBytesMax+1), 1, "limit")
	one("prefixes: [62, 01], length: 19", "in quotes")
	one("prefixes: [0x62], length: 19", "in quotes")
	one("prefixes: [6_2], length: 19", "in quotes")
	one("prefixes: ['62'], length: 19, issuer: 01050000", "in quotes")
	one("prefixes: ['1x'], length: 18", "prefix")
	one("prefixes: ['123'], length: 2", "prefix")
	one("prefixes: ['12']", "length")
	one("prefixes: ['12'], length: 20-10", "length")
	one("prefixes: ['12'], length: 100", "length")
	one("prefixes: ['12'], length: 18, pattern: '12'", "either")
	one("pattern: '12('", "digit")
	one("pattern: '12[9-0]'", "class")
	one("pattern: '12{2,3}3'", "before the end")
	one("pattern: '1'", "one character")
	one("pattern: '1{99}'", "number")
	one("prefixes: ['12'], length: 18, trust: some", "trust")
	one("prefixes: ['12'], length: 18, from: soon", "from")
	one("prefixes: ['12'], length: 18, from: 2026-01-02, until: 2026-01-02", "until")
	one("prefixes: ['12'], length: 18, parts: [{name: a, at: 0-3}]", "part")
	one("prefixes: ['12'], length: 18, parts: [{name: a, at: 17-19}]", "part")
	one("prefixes: ['12'], length: 18, parts: [{name: a, at: 1-3}, {name: a, at: 4-5}]", "part")
	one("prefixes: ['99'], length: 20", "nothing decides")
	one("prefixes: ['12'], length: 18, rank: 5000", "rank")
	f("version: a\npay_codes:\n- {id: x, scheme: x, prefixes: ['99'], length: 20}\n- {id: x, scheme: x, prefixes: ['98'], length: 20}\n", 4, "twice")
	link("uri: HTTPS, hosts: [a.cn], path: /", "uri")
	link("uri: https, hosts: [A.cn], path: /", "host")
	link("uri: https, hosts: ['a.cn:443'], path: /", "host")
	link("uri: https, path: '/{a:any}b'", "takes all")
	link("uri: https, path: ''", "any host")
	link("uri: https, hosts: [a.cn], path: 'a'", "slash")
	link("uri: https, hosts: [a.cn], path: '/{a:zero}'", "want digits")
	link("uri: https, hosts: [a.cn], path: '/{a:0}'", "want digits")
	link("uri: https, hosts: [a.cn], path: '/{a:3}{a:4}'", "twice")
	link("uri: https, hosts: [a.cn], path: '/{path:3}'", "name of its own")
	link("uri: https, hosts: [a.cn], path: '/{a:digits}01'", "nothing fits")
	link("uri: https, hosts: [a.cn], path: '/{a:word}{b:4}'", "nothing fits")
	link("uri: https, hosts: [a.cn], path: '/../x'", "dot segments")
	link("uri: https, hosts: [a.cn], path: /, needs: [q]", "none of the query")
	link("uri: https, hosts: [a.cn], path: /, payload: zip", "payload")
	link("uri: https, hosts: [a.cn], path: /, query: [{key: a, name: amount}]", "currency")
	link("uri: https, hosts: [a.cn], path: /, query: [{key: a, name: b}, {key: a, name: c}]", "each key once")
	f("version: a\nlinks:\n- {id: x, scheme: x, uri: https, hosts: [a.cn], path: '/{a:8}/{b:word}'}\n"+
		"- {id: y, scheme: y, uri: https, hosts: [a.cn], path: '/{a:8}/{c:digits}'}\n", 4, "nothing decides")
	f("version: a\npay_codes:\n- {id: x, scheme: x, prefixes: ['62'], length: 19, parts: [{name: issuer, at: 3-6}]}\n"+
		"- {id: y, scheme: x, prefixes: ['62'], length: 19}\n", 4, "nothing decides")
	f("version: a\nlinks:\n- {id: x, scheme: x, uri: https, hosts: [a.cn], path: '/{issuer:8}/{a:digits}'}\n"+
		"- {id: y, scheme: x, uri: https, hosts: [a.cn], path: '/{code:8}/{a:digits}'}\n", 4, "nothing decides")
	f("version: a\nlinks:\n- {id: x, scheme: x, uri: https, hosts: [a.cn], path: '/{issuer:8}/{a:digits}'}\n"+
		"- {id: y, scheme: x, uri: https, hosts: [a.cn], path: '/{issuer:8}/{a:digits}', dynamic: true}\n", 4, "nothing decides")
	f("version: a\npay_codes:\n- {id: x, scheme: auto, prefixes: ['62'], length: 19}\n", 3, "profile")
	f("version: a\napplications:\n- {id: x, scheme: x, aid: a0}\n", 3, "aid")
	f("version: a\napplications:\n- {id: x, scheme: x, aid: A000000003}\n- {id: y, scheme: y, aid: A000000003}\n", 4, "nothing decides")
}

// TestRulesHaveTheirTime: a new edition's prefixes come into force on their day, in Shanghai,
// and the old ones end.
func TestRulesHaveTheirTime(t *testing.T) {
	b := book(t, "pay_codes:\n- {id: old, scheme: old, prefixes: ['62'], length: 19, until: 2026-12-01}\n"+
		"- {id: new, scheme: new, prefixes: ['62'], length: 19, from: 2026-12-01}\n")
	if len(b.Overlaps()) != 0 {
		t.Errorf("rules that follow one another overlap: %+v", b.Overlaps())
	}
	day := time.Date(2026, 11, 30, 16, 0, 0, 0, time.UTC)
	if next := b.NextChange(day.Add(-time.Hour)); !next.Equal(day) || !b.NextChange(day).IsZero() {
		t.Errorf("the rules change at %v, then at %v, want %v and never", next, b.NextChange(day), day)
	}
	for at, want := range map[time.Time]string{day.Add(-1): "old", day: "new"} {
		var c Code
		if err := b.At(at).Decode("6222012345678901234", &c); err != nil || c.Scheme != want {
			t.Errorf("at %v: %s, %v, want %s", at, c.Scheme, err, want)
		}
	}
}

// naivePay reads a code as the documentation of precedence says: every rule is asked.
func naivePay(rules []payRule, text string) *payRule {
	var best *payRule
	for i := range rules {
		r := &rules[i]
		if !r.pattern.fits(text) {
			continue
		}
		if best == nil {
			best = r
			continue
		}
		if c, _ := r.before.compare(&best.before); c > 0 || c == 0 && r.id < best.id {
			best = r
		}
	}
	return best
}

// TestPayIndex holds the index against asking every rule, on random rules and codes.
func TestPayIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	digits := func(n, among int) string {
		text := make([]byte, n)
		for i := range text {
			text[i] = byte('0' + random.IntN(among))
		}
		return string(text)
	}
	hits := 0
	for range 300 {
		var rules []payRule
		for i := range 1 + random.IntN(40) {
			length := 4 + random.IntN(8)
			e := payEntry{Head: ruleEntry{ID: fmt.Sprint("r", i), Scheme: fmt.Sprint("s", i%5), Rank: random.IntN(2)}}
			switch random.IntN(3) {
			case 0:
				e.Pattern = digits(random.IntN(2), 3) + "[" + digits(1+random.IntN(2), 3) + `]\d[0-2]` + fmt.Sprintf("{%d,%d}", 1, length)
			default:
				e.Prefixes = []string{digits(1+random.IntN(4), 3)}
				e.Length = fmt.Sprintf("%d-%d", length, length+random.IntN(4))
			}
			list, err := e.rules()
			if err != nil {
				t.Fatalf("%+v: %v", e, err)
			}
			rules = append(rules, list...)
		}
		index := newPayIndex(rules)
		for range 200 {
			text := digits(2+random.IntN(14), 4)
			got, want := index.find(text, true), naivePay(index.rules, text)
			if got != want {
				t.Fatalf("%s: %+v, want %+v", text, got, want)
			}
			if got != nil {
				hits++
			}
		}
	}
	if hits < 1000 {
		t.Errorf("%d codes found a rule: too few", hits)
	}
}

// TestOverlapsAreComplete enumerates all short codes: two rules of which the file says
// nothing share none.
func TestOverlapsAreComplete(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	found := 0
	for range 200 {
		b := &Rulebook{}
		for i := range 6 {
			e := payEntry{Head: ruleEntry{ID: fmt.Sprint("r", i), Scheme: fmt.Sprint("s", i), Rank: i}}
			e.Pattern = fmt.Sprintf("[%d%d][01]{%d,%d}", random.IntN(3), random.IntN(3), 1+random.IntN(3), 4)
			if random.IntN(2) == 0 {
				e.Pattern = fmt.Sprintf("%d[%d2]{%d}", random.IntN(3), random.IntN(2), 1+random.IntN(4))
			}
			list, err := e.rules()
			if err != nil {
				t.Fatal(err)
			}
			b.pay = append(b.pay, list...)
		}
		if err := b.findOverlaps(); err != nil {
			t.Fatal(err)
		}
		told := map[[2]string]bool{}
		for _, o := range b.Overlaps() {
			told[[2]string{o.Winner, o.Loser}] = true
		}
		truth := map[[2]string]bool{}
		for size := 2; size <= 5; size++ {
			for n := range pow(3, size) {
				text := ternary(n, size)
				for i := range b.pay {
					for j := range i { // The later one has the higher rank.
						if b.pay[i].pattern.fits(text) && b.pay[j].pattern.fits(text) {
							truth[[2]string{b.pay[i].id, b.pay[j].id}] = true
						}
					}
				}
			}
		}
		if fmt.Sprint(told) != fmt.Sprint(truth) {
			t.Fatalf("told %v, are %v", told, truth)
		}
		found += len(truth)
	}
	if found < 100 {
		t.Errorf("%d overlaps: too few to prove anything", found)
	}
}

func pow(base, exponent int) int {
	n := 1
	for range exponent {
		n *= base
	}
	return n
}

func ternary(n, size int) string {
	text := make([]byte, size)
	for i := range text {
		text[i] = byte('0' + n%3)
		n /= 3
	}
	return string(text)
}

// TestTenThousandRules: a large file loads, and finds each of its rules.
func TestTenThousandRules(t *testing.T) {
	b := book(t, manyRules(10000))
	d := b.At(time.Now())
	var c Code
	for i := range 5000 {
		if err := d.Decode(fmt.Sprintf("62%07d0123456789", i), &c); err != nil || c.Scheme != fmt.Sprint("p", i) {
			t.Fatalf("%d: %s, %v", i, c.Scheme, err)
		}
		if err := d.Decode(fmt.Sprintf("https://qr.95516.com/%08d/1", i), &c); err != nil || c.Scheme != fmt.Sprint("l", i) {
			t.Fatalf("%d: %s, %v", i, c.Scheme, err)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		_ = d.Decode("6200049990123456789", &c)
		_ = d.Decode("https://qr.95516.com/00004999/1", &c)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// manyRules is a file of n rules: half payer's codes of one prefix, half links of one host.
func manyRules(n int) string {
	var text strings.Builder
	text.WriteString("pay_codes:\n")
	for i := range n / 2 {
		fmt.Fprintf(&text, "- {id: p%d, scheme: p%d, prefixes: ['62%07d'], length: 19}\n", i, i, i)
	}
	text.WriteString("links:\n")
	for i := range n / 2 {
		fmt.Fprintf(&text, "- {id: l%d, scheme: l%d, uri: https, hosts: [qr.95516.com], path: '/%08d/{code:digits}'}\n", i, i, i)
	}
	return text.String()
}

func FuzzLoadRules(f *testing.F) {
	f.Add(builtIn)
	f.Add([]byte("version: a\npay_codes:\n- {id: x, scheme: x, pattern: '1[0-5]\\d{3,9}'}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		b, err := LoadRules(text)
		var fault *RuleFault
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("%v is no RuleFault", err)
		}
		if err != nil {
			return
		}
		for _, o := range b.Overlaps() {
			if o.Winner == o.Loser {
				t.Errorf("%+v", o)
			}
		}
		b.At(time.Now())
	})
}
