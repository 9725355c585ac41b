package routing

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tongma/codec"
)

// randomTable writes a table whose rules touch, nest and tie often: few values of each
// condition, drawn from r.
func randomTable(r *rand.Rand, rules int) string {
	var b strings.Builder
	b.WriteString("version: \"random\"\nrules:\n")
	institutions := []string{"lanternbank", "harbourbank", "orchardbank"}
	for i := range rules {
		fmt.Fprintf(&b, "  - id: r%d\n", i)
		if r.IntN(4) == 0 {
			fmt.Fprintf(&b, "    precedence: %d\n", r.IntN(3))
		}
		fmt.Fprintf(&b, "    match: {%s}\n", strings.Join(randomConditions(r), ", "))
		if r.IntN(4) == 0 {
			fmt.Fprintf(&b, "    from: 2026-0%d-01\n", 1+r.IntN(3))
		}
		if r.IntN(4) == 0 {
			fmt.Fprintf(&b, "    until: 2026-0%d-01\n", 4+r.IntN(3))
		}
		fmt.Fprintf(&b, "    targets: [{institution: %s}]\n", institutions[r.IntN(3)])
	}
	b.WriteString("agreements: [{id: all, caller: \"*\", institution: \"*\"}]\n")
	return b.String()
}

func randomConditions(r *rand.Rand) []string {
	var c []string
	maybe := func(chance int, text string) {
		if r.IntN(chance) == 0 {
			c = append(c, text)
		}
	}
	one := func(values ...string) string { return values[r.IntN(len(values))] }
	switch r.IntN(4) {
	case 0, 1:
		maybe(2, fmt.Sprintf("prefix: [%q, %q]", one("01", "62", "620"), one("6201", "28", "10", "6")))
		maybe(3, one(`length: 19`, `length: "18-19"`, `length: [16, 19]`))
	case 2:
		maybe(2, "host: "+one("qr.95516.com", "qr.pbcdci.cn"))
		maybe(3, "path: "+one("/0001", "/00010000/", "/004"))
		maybe(4, fmt.Sprintf("issuer: %q", one("0001", "004", "0")))
	case 3:
		maybe(2, fmt.Sprintf("template: %q", one("15", "26", "29")))
		maybe(2, "guid: "+one("SG.PAYNOW", "A000000677010111"))
		maybe(4, fmt.Sprintf("acquirer: %q", one("01", "0105")))
		maybe(4, "country: "+one("SG", "[SG, TH]"))
	}
	maybe(5, "scheme: "+one("unionpay", "[ecny, unionpay]", "alipay"))
	maybe(6, "mode: "+one("merchant_presented", "customer_presented"))
	maybe(4, "scene: "+one("in_store", "[touch, online]"))
	maybe(5, "caller: "+one("kitewallet", "[plumwallet, coralpay]"))
	maybe(5, "amount_fen: "+one("{below: 500}", "{from: 500}", "{from: 100, below: 900}"))
	maybe(5, fmt.Sprintf("currency: %q", one("156", "702")))
	return c
}

// randomQuery draws a code from the same few values.
func randomQuery(r *rand.Rand, q *Query) {
	one := func(values ...string) string { return values[r.IntN(len(values))] }
	*q.Code = codec.Code{Fields: q.Code.Fields[:0]}
	q.Code.Scheme = one("unionpay", "ecny", "alipay", "")
	q.Caller = one("kitewallet", "plumwallet", "coralpay", "corneracquirer")
	q.Scene = one("", "in_store", "touch", "offline")
	q.Currency = one("", "156", "702")
	q.AmountFen = int64(r.IntN(11)) * 100
	q.At = time.Date(2026, time.Month(r.IntN(8)), 1+r.IntN(28), 3, 0, 0, 0, time.UTC)
	switch r.IntN(4) {
	case 0, 1:
		q.Code.Standard, q.Code.Mode = codec.PayCode, codec.CustomerPresented
		q.Text = one("01", "62", "620", "6201", "28", "10", "99") + one("00000000000000", "123456789012345", "99999999999999999")
	case 2:
		q.Code.Standard, q.Code.Mode = codec.Link, codec.MerchantPresented
		q.Text = "https://" + one("qr.95516.com", "QR.pbcdci.cn", "x.cn", "qr.95516.com:443") +
			one("/00010000/62", "/00011", "/004", "", "?a=/0001")
		q.Code.Issuer = one("", "0001", "0041", "00010000")
	case 3:
		q.Code.Standard, q.Code.Mode = codec.EMVMerchant, codec.MerchantPresented
		q.Text = "000201"
		q.Code.Merchant.Country = one("", "SG", "TH", "CN")
		q.Code.Merchant.Acquirer = one("", "01050000", "0105", "02")
		for range r.IntN(4) {
			q.Code.Fields = append(q.Code.Fields, randomField(r))
		}
	}
}

func randomField(r *rand.Rand) codec.Field {
	fields := []codec.Field{
		{Path: "15", Value: "0105000000000000"}, {Path: "26.00", Value: "sg.paynow"},
		{Path: "29.00", Value: "A000000677010111"}, {Path: "26.01", Value: "SG.PAYNOW"},
		{Path: "29.00", Value: "SG.PAYNOW"}, {Path: "59", Value: "SHOP"},
	}
	return fields[r.IntN(len(fields))]
}

// The compiled matcher and the naive scan agree on a million random codes and
// circumstances, over tables that are full of overlaps.
func TestMatcherAgreesWithNaiveScan(t *testing.T) {
	const tables, queries = 200, 5000
	register := faultRegister(t)
	var d Decision
	q := Query{Code: &codec.Code{}}
	matched := 0
	for seed := range uint64(tables) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := randomTable(r, 2+r.IntN(20))
		doc := document{noun: "table"}
		table := compile(doc.table(doc.parse([]byte(text))), register)
		if err := doc.err(); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		scan := naive{rules: table.rules}
		for range queries {
			randomQuery(r, &q)
			want := scan.route(&q)
			_ = table.Route(&q, &d)
			if want.rule == nil && d.Rule == "" {
				continue
			}
			if matched++; want.rule == nil || want.rule.id != d.Rule {
				t.Fatalf("seed %d: rule %q, want %+v, for %+v of %+v\n%s", seed, d.Rule, want, q,
					*q.Code, text)
			}
		}
	}
	if matched < tables*queries/10 {
		t.Errorf("only %d of %d queries met a rule", matched, tables*queries)
	}
}

// What explaining tells agrees with the look-up: the winner misses nothing, every other
// rule that misses nothing is told as outranked.
func TestExplainAgreesWithLookUp(t *testing.T) {
	register := faultRegister(t)
	q := Query{Code: &codec.Code{}}
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		doc := document{noun: "table"}
		table := compile(doc.table(doc.parse([]byte(randomTable(r, 8)))), register)
		for range 100 {
			randomQuery(r, &q)
			var d Decision
			_ = table.Route(&q, &d)
			e := table.Explain(&q)
			if e.Decision.Rule != d.Rule || e.Matched != (d.Rule != "") {
				t.Fatalf("seed %d: explained by %q, decided by %q", seed, e.Decision.Rule, d.Rule)
			}
			for _, near := range e.Near {
				if len(near.Missed) == 0 && (!e.Matched || !strings.Contains(near.Why, d.Rule)) {
					t.Fatalf("seed %d: %s matches too, decided by %q: %s", seed, near.Rule, d.Rule, near.Why)
				}
			}
		}
	}
}
