package routing

import (
	"errors"
	"os"
	"testing"
	"time"

	"tongma/codec"
)

// demoNow is an instant at which everything of the demonstration is in force.
var demoNow = time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)

func demoTable(t testing.TB) *Table {
	t.Helper()
	table, findings, err := LoadFS(os.DirFS("testdata"), "table.yaml", demoRegister(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		t.Error(finding)
	}
	return table
}

func demoRegister(t testing.TB) *Register {
	t.Helper()
	text, err := os.ReadFile("testdata/register.yaml")
	if err != nil {
		t.Fatal(err)
	}
	register, err := LoadRegister(text)
	if err != nil {
		t.Fatal(err)
	}
	return register
}

// paycode and the like give a code as the decoder would, for tests of routing alone.
func paycode(scheme, text string) *Query {
	code := &codec.Code{Standard: codec.PayCode, Mode: codec.CustomerPresented, Scheme: scheme}
	return &Query{Code: code, Text: text, Caller: "corneracquirer", AmountFen: 100,
		Currency: "156", At: demoNow, Payment: "P1"}
}

func link(scheme, text string) *Query {
	q := paycode(scheme, text)
	q.Code.Standard, q.Code.Mode = codec.Link, codec.MerchantPresented
	return q
}

func emv(fields ...codec.Field) *Query {
	q := paycode("", "000201")
	q.Code.Standard, q.Code.Mode = codec.EMVMerchant, codec.MerchantPresented
	q.Code.Fields = fields
	return q
}

func TestDemoTableRoutes(t *testing.T) {
	table := demoTable(t)
	f := func(q *Query, rule, institution string) {
		t.Helper()
		var d Decision
		if err := table.Route(q, &d); err != nil {
			t.Errorf("%s: %v", q.Text, err)
		}
		if d.Rule != rule || d.Institution != institution {
			t.Errorf("%s: rule %s to %s, want %s to %s", q.Text, d.Rule, d.Institution,
				rule, institution)
		}
		if d.TableVersion != "demo-1" || len(d.TableDigest) != 64 {
			t.Errorf("%s: table %q %q", q.Text, d.TableVersion, d.TableDigest)
		}
	}
	f(paycode("wechat", "135112298638468293"), "wechat-paycode", "kitewallet")
	f(paycode("alipay", "289431869362714645"), "alipay-paycode", "plumwallet")
	f(paycode("ecny", "0112345678901234567"), "ecny-paycode", "jadewallet")
	f(paycode("unionpay", "6220105000000000000"), "unionpay-lantern", "lanternbank")
	f(link("unionpay", "https://QR.95516.com/00010000/62028489073949969921691655610979"),
		"unionpay-link", "orchardbank")
	f(link("ecny", "https://qr.pbcdci.cn/004043112022083115224300703035700000004"),
		"ecny-link", "jadewallet")
	f(link("wechat", "weixin://wxpay/bizpayurl?pr=kZF1s1X"), "wechat-link", "kitewallet")
	f(emv(codec.Field{Path: "15", Value: "2031041800520446JDBMSZZXE44BFS0"}),
		"unionpay-emv", "lanternbank")
	f(emv(codec.Field{Path: "26.00", Value: "br.gov.bcb.pix"}), "overseas-emv", "coralpay")
	f(emv(codec.Field{Path: "26.00", Value: "com.example"}), "emv-rest", "orchardbank")
}

func TestRouteRefuses(t *testing.T) {
	table := demoTable(t)
	f := func(want Code, change func(*Query)) {
		t.Helper()
		q := paycode("ecny", "0112345678901234567")
		change(q)
		var d Decision
		err := table.Route(q, &d)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if len(d.Targets) != 0 || d.Institution != "" {
			t.Errorf("%s: a refusal names targets %v", want, d.Targets)
		}
	}
	f(NoRoute, func(q *Query) { q.Text = "9912345678901234567" })
	f(OverAgreementLimit, func(q *Query) { q.AmountFen = 5_000_001 })
	f(InstitutionUnknown, func(q *Query) { q.Caller = "nobody" })
	f(InstitutionUnlicensed, func(q *Query) { q.Caller = "sparrowaggregator" })
	f(InstitutionSuspended, func(q *Query) { q.Caller = "rustbank" })
	f(InstitutionNotYet, func(q *Query) { q.Caller = "dawnbank" })
}

func TestRouteDoesNotAllocate(t *testing.T) {
	table := demoTable(t)
	var board Switchboard
	if err := board.Activate(table); err != nil {
		t.Fatal(err)
	}
	f := func(q *Query) {
		t.Helper()
		var d Decision
		allocs := testing.AllocsPerRun(100, func() { _ = board.Route(q, &d) })
		if allocs != 0 {
			t.Errorf("%s: %v allocations, want 0", q.Text, allocs)
		}
	}
	f(paycode("unionpay", "6299105000000000000"))
	f(paycode("", "9999105000000000000"))
	f(link("unionpay", "https://QR.95516.com/00010000/62028489073949969921691655610979"))
	f(emv(codec.Field{Path: "26.00", Value: "BR.GOV.BCB.PIX"}))
}
