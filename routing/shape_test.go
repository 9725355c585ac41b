package routing

import (
	"strings"
	"testing"

	"tongma/codec"
)

// TestShapeRoutesAlike holds the shape of codes of every family against the codes
// themselves: the demonstration table decides the same for both.
func TestShapeRoutesAlike(t *testing.T) {
	table := demoTable(t)
	f := func(q *Query) {
		t.Helper()
		s, err := ParseShape(string(AppendShape(nil, q)))
		if err != nil {
			t.Fatal(err)
		}
		again := *q
		s.query(&again)
		var want, got Decision
		if err := table.Route(q, &want); err != nil {
			t.Fatal(err)
		}
		if err := table.Route(&again, &got); err != nil {
			t.Fatal(err)
		}
		if got.Rule != want.Rule || got.Institution != want.Institution {
			t.Errorf("%s: shape goes by %s to %s, want %s to %s", q.Text, got.Rule,
				got.Institution, want.Rule, want.Institution)
		}
	}
	f(paycode("wechat", "135112298638468293"))
	f(paycode("unionpay", "6220105000000000000"))
	f(link("unionpay", "https://QR.95516.com/00010000/62028489073949969921691655610979?x=1"))
	f(link("wechat", "weixin://wxpay/bizpayurl?pr=kZF1s1X"))
	f(emv(codec.Field{Path: "15", Value: "2031041800520446JDBMSZZXE44BFS0"}))
	f(emv(codec.Field{Path: "26.00", Value: "br.gov.bcb.pix"}, codec.Field{Path: "26.01", Value: "someone@example.com"}))
	f(emv(codec.Field{Path: "26.00", Value: "com.example"}))
}

// TestShapeHidesTheCode looks for what must not be kept.
func TestShapeHidesTheCode(t *testing.T) {
	f := func(q *Query, secret string) {
		t.Helper()
		shape := string(AppendShape(nil, q))
		if !strings.Contains(q.Text, secret) && !strings.Contains(q.Code.Fields[0].Value, secret) {
			t.Fatalf("%q is not in the code", secret)
		}
		if strings.Contains(shape, secret) {
			t.Errorf("shape %q holds %q", shape, secret)
		}
	}
	f(paycode("wechat", "135112298638468293"), "135112298")
	f(link("unionpay", "https://qr.95516.com/00010000/62028489073949969921691655610979"), "89073949")
	f(link("x", "https://qr.example.com/a?secret=12345"), "secret")
	f(emv(codec.Field{Path: "15", Value: "2031041800520446JDBMSZZXE44BFS0"}), "20446JDB")
}

// FuzzShape never panics, and what it reads it writes again.
func FuzzShape(f *testing.F) {
	f.Add(string(AppendShape(nil, paycode("wechat", "135112298638468293"))))
	f.Add(string(AppendShape(nil, link("unionpay", "https://qr.95516.com/00010000/6202848907"))))
	f.Add(string(AppendShape(nil, emv(codec.Field{Path: "26.00", Value: "br.gov.bcb.pix"}))))
	f.Add("\x00\x00\xff")
	table := demoTable(f)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseShape(text)
		if err != nil {
			return
		}
		q := Query{Caller: "corneracquirer", At: demoNow}
		s.query(&q)
		var d Decision
		_ = table.Route(&q, &d) // Must not panic; a refusal is as good as a route.
		if d.TableVersion == "" {
			t.Error("the table was not asked")
		}
	})
}
