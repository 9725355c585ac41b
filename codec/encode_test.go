package codec

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// ascii draws printable text that merchants have, without blanks at its ends.
func ascii(least, most int) *rapid.Generator[string] {
	drawn := rapid.StringOfN(rapid.RuneFrom([]rune("ABCabc019 .,-*'&+@/")), least, most, -1)
	return rapid.Map(drawn, func(s string) string { return "A" + strings.TrimSpace(s) })
}

// native draws text of several scripts.
func native(most int) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.RuneFrom([]rune("最佳运输é한ខ A1")), 1, most, -1)
}

func digitsOf(least, most int) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), least, most, -1)
}

// parts draws objects with different ids among first to last, in any order.
func parts(t *rapid.T, label string, first, last int, value *rapid.Generator[string]) []Object {
	ids := rapid.SliceOfNDistinct(rapid.IntRange(first, last), 0, 3, rapid.ID[int]).Draw(t, label)
	var list []Object
	for _, id := range ids {
		list = append(list, Object{ID: fmt.Sprintf("%02d", id), Value: value.Draw(t, label)})
	}
	return list
}

// merchantDraw draws a code that uses every part of the standard.
func merchantDraw(t *rapid.T) *MerchantCode {
	m := &MerchantCode{
		Dynamic:  rapid.Bool().Draw(t, "dynamic"),
		Category: digitsOf(4, 4).Draw(t, "category"), Country: rapid.SampledFrom([]string{"CN", "TH", "BR"}).Draw(t, "country"),
		Currency:  rapid.SampledFrom([]string{"156", "392", "414", "986"}).Draw(t, "currency"),
		AmountFen: rapid.Int64Range(0, 999_999_999).Draw(t, "amount"),
		Name:      ascii(0, 24).Draw(t, "name"), City: ascii(0, 14).Draw(t, "city"),
	}
	m.Accounts = []Object{{ID: "02", Value: digitsOf(8, 19).Draw(t, "pan")}}
	if rapid.Bool().Draw(t, "unionpay") {
		m.Accounts = append(m.Accounts, UnionPayAccount(digitsOf(8, 8).Draw(t, "a"), digitsOf(8, 8).Draw(t, "f"), digitsOf(15, 15).Draw(t, "m")))
	}
	guid := rapid.SampledFrom([]string{"br.gov.bcb.pix", "COM.EXAMPLE", "A000000677010111", "hk.com.hkicl"}).Draw(t, "guid")
	m.Accounts = append(m.Accounts, Object{ID: fmt.Sprint(rapid.IntRange(26, 50).Draw(t, "template")),
		Parts: append([]Object{{ID: "00", Value: guid}}, parts(t, "account", 1, 99, ascii(0, 8))...)})
	if nested := rapid.Bool().Draw(t, "nested"); nested {
		m.Accounts = append(m.Accounts, Object{ID: "51", Parts: []Object{{ID: "00", Value: "A000000727"},
			{ID: "01", Parts: []Object{{ID: "00", Value: digitsOf(6, 6).Draw(t, "bin")}, {ID: "01", Value: digitsOf(1, 19).Draw(t, "account")}}}}})
	}
	m.Additional = parts(t, "additional", 1, 8, ascii(0, 6))
	if rapid.Bool().Draw(t, "language") {
		m.Language = []Object{{ID: "00", Value: "ZH"}, {ID: "01", Value: native(25).Draw(t, "local name")}}
	}
	if rapid.Bool().Draw(t, "unreserved") {
		m.Others = append(m.Others, Object{ID: fmt.Sprint(rapid.IntRange(80, 99).Draw(t, "template")),
			Parts: append([]Object{{ID: "00", Value: "com.example"}}, parts(t, "unreserved", 1, 99, native(5))...)})
	}
	if rapid.Bool().Draw(t, "tip") {
		m.Others = append(m.Others, Object{ID: "55", Value: "03"}, Object{ID: "57", Value: "5.25"})
	}
	return m
}

// flat lists the objects of a tree by path, as decoding does.
func flat(list []Object, path string) (fields []Field) {
	for _, o := range list {
		if o.Parts != nil {
			fields = append(fields, flat(o.Parts, path+o.ID+".")...)
			continue
		}
		if o.Value != "" {
			fields = append(fields, Field{Path: path + o.ID, Value: o.Value})
		}
	}
	return fields
}

func holds(t *rapid.T, c *Code, want []Field) {
	for _, w := range want {
		if !slices.ContainsFunc(c.Fields, func(f Field) bool { return f.Path == w.Path && f.Value == w.Value }) {
			t.Fatalf("field %s of %q is missing in %+v", w.Path, w.Value, c.Fields)
		}
	}
}

// TestMerchantCodesComeBack: what is written is read as what was written, and written again to
// the same text.
func TestMerchantCodesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := merchantDraw(t)
		text, err := m.Encode()
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Code != CodeTooLong {
				t.Fatalf("%+v: %v", m, err)
			}
			return
		}
		var c Code
		if err := Default().DecodeWith(Strict, text, &c); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		holds(t, &c, flat(slices.Concat(m.Accounts, m.Others, []Object{{ID: "62", Parts: m.Additional}, {ID: "64", Parts: m.Language}}), ""))
		if c.AmountFen != m.AmountFen || c.HasAmount != (m.AmountFen > 0) || c.Currency != m.Currency || c.Static == m.Dynamic ||
			c.Merchant.Name != m.Name || c.Merchant.City != m.City || c.Merchant.Category != m.Category {
			t.Fatalf("%s is read as %+v", text, c)
		}
		if again, err := Encode(&c); err != nil || again != text {
			t.Fatalf("%s is written again as %s, %v", text, again, err)
		}
	})
}

func TestConsumerCodesComeBack(t *testing.T) {
	hexOf := func(n int, label string, t *rapid.T) string {
		return fmt.Sprintf("%X", rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, label))
	}
	rapid.Check(t, func(t *rapid.T) {
		application := func(rid string) []Object {
			list := []Object{{ID: "4F", Value: rid + hexOf(2, "pix", t)}}
			if rapid.Bool().Draw(t, "label") {
				list = append(list, Object{ID: "50", Value: fmt.Sprintf("%X", "WALLET")})
			}
			list = append(list, Object{ID: "5A", Value: digitsOf(8, 8).Draw(t, "pan") + digitsOf(8, 8).Draw(t, "pan")})
			if rapid.Bool().Draw(t, "transparent") {
				list = append(list, Object{ID: "63", Parts: []Object{{ID: "9F26", Value: hexOf(8, "arqc", t)},
					{ID: "9F10", Value: hexOf(rapid.IntRange(0, 200).Draw(t, "size"), "iad", t)}}})
			}
			return list
		}
		c := ConsumerCode{Applications: [][]Object{application("A000000333")}}
		if rapid.Bool().Draw(t, "two") {
			c.Applications = append(c.Applications, application("A000000003"))
			c.Common = []Object{{ID: "5F2D", Value: fmt.Sprintf("%X", "zhen")}}
		}
		text, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var into Code
		if err := Default().DecodeWith(Strict, text, &into); err != nil || into.Scheme != "unionpay" {
			t.Fatalf("%s: %v, %s", text, err, into.Scheme)
		}
		var want []Field
		for _, f := range flat(slices.Concat([]Object{{ID: "61", Parts: c.Applications[0]}, {ID: "62", Parts: c.Common}}), "") {
			if f.Path != "61.5A" {
				want = append(want, f)
			}
		}
		holds(t, &into, want)
		pan := c.Applications[0][slices.IndexFunc(c.Applications[0], func(o Object) bool { return o.ID == "5A" })].Value
		if got, err := Default().AccountNumber(text); err != nil || got != pan {
			t.Fatalf("account %s, %v, want %s", got, err, pan)
		}
		_, err = Encode(&into)
		var e *Error
		if !errors.As(err, &e) || e.Code != map[bool]string{true: CodeMasked, false: CodePartial}[len(c.Applications) == 1] {
			t.Fatalf("written again: %v", err)
		}
	})
}

// TestPayCodesComeBack draws codes of every scheme that has a rule.
func TestPayCodesComeBack(t *testing.T) {
	d := Default()
	for _, scheme := range []string{"wechat", "alipay", "alipayplus", "unionpay", "ecny"} {
		for range 200 {
			text, err := d.NewPayCode(scheme, rand.Reader)
			var c Code
			if err == nil {
				err = d.Decode(text, &c)
			}
			again, encodeErr := Encode(&c)
			if err != nil || c.Scheme != scheme || again != text || encodeErr != nil {
				t.Fatalf("%s: %s is %s, %v; again %s, %v", scheme, text, c.Scheme, err, again, encodeErr)
			}
		}
	}
	if _, err := d.NewPayCode("jd", rand.Reader); err == nil {
		t.Error("a code of a rule that is off")
	}
}

// TestLinksComeBack writes a link by every rule that is built in.
func TestLinksComeBack(t *testing.T) {
	d := Default()
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(BuiltIn().links).Draw(t, "rule")
		values := map[string]string{"host": "qr.example.com", "CDSD.01": ascii(0, 20).Draw(t, "platform"),
			"CDSD.02": ascii(0, 20).Draw(t, "merchant"), "CIRD.01": "ISSUER"}
		for i := range r.path.steps {
			s := &r.path.steps[i]
			switch {
			case s.part.name == "" || s.any:
			case s.kind == isDigit:
				values[s.part.name] = digitsOf(max(s.count, 1), max(s.count, 30*(1-min(s.count, 1)))).Draw(t, s.part.name)
			default:
				values[s.part.name] = rapid.StringMatching("[A-Za-z0-9_-]{1,20}").Draw(t, s.part.name)
			}
		}
		for _, p := range r.query {
			values[p.part.name] = native(12).Draw(t, p.key)
			switch {
			case p.want != "":
				values[p.part.name] = p.want
			case p.part.role == roleAmount:
				values[p.part.name] = "12.50"
			}
		}
		text, err := d.NewLink(r.id, values)
		var e *Error
		if errors.As(err, &e) && e.Code == CodeFormat {
			return // A rule that says more fits what was drawn.
		}
		if err != nil {
			t.Fatalf("%s: %v", r.id, err)
		}
		var c Code
		if err := d.Decode(text, &c); err != nil || c.Rule != r.id {
			t.Fatalf("%s: %v, by %s", text, err, c.Rule)
		}
		for i := range r.path.steps {
			if s := &r.path.steps[i]; s.part.name != "" && !s.any && fieldValue(&c, s.part.path) != values[s.part.name] {
				t.Fatalf("%s: %s is %q", text, s.part.name, fieldValue(&c, s.part.path))
			}
		}
		if again, err := Encode(&c); err != nil || again != text {
			t.Fatalf("%s is written again as %s, %v", text, again, err)
		}
	})
}

// TestPublishedCodesAreWrittenAgain: every code that Strict takes comes out as it went in; the
// others too, unless what was forgiven is what encoding mends.
func TestPublishedCodesAreWrittenAgain(t *testing.T) {
	same := 0
	for _, v := range published(t) {
		var c Code
		if err := Default().Decode(v.Payload, &c); err != nil {
			continue
		}
		text, err := Encode(&c)
		var e *Error
		if errors.As(err, &e) && e.Code == CodeMasked {
			continue
		}
		if err != nil || text != v.Payload {
			t.Errorf("%s is written again as %s, %v", v.ID, text, err)
		}
		same++
	}
	if same < 15 {
		t.Errorf("%d codes were written again: too few", same)
	}
}

func TestBadCodesAreNotWritten(t *testing.T) {
	good := func() *MerchantCode {
		return &MerchantCode{Accounts: []Object{{ID: "02", Value: "12345678"}}, Category: "5812", Currency: "156",
			Country: "CN", Name: "NOODLES", City: "SHANGHAI"}
	}
	f := func(change func(*MerchantCode), code string) {
		t.Helper()
		m := good()
		change(m)
		text, err := m.Encode()
		var e *Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s, %v, want %s", text, err, code)
		}
	}
	if _, err := good().Encode(); err != nil {
		t.Fatal(err)
	}
	f(func(m *MerchantCode) { m.Accounts = nil }, CodeMissing)
	f(func(m *MerchantCode) { m.AmountFen = -1 }, CodeAmount)
	f(func(m *MerchantCode) { m.Currency = "999" }, CodeFormat)
	f(func(m *MerchantCode) { m.Name = "街角面馆" }, CodeFormat)
	f(func(m *MerchantCode) { m.Name = strings.Repeat("A", 26) }, CodeLength)
	f(func(m *MerchantCode) { m.Name = strings.Repeat("A", 100) }, CodeLength)
	f(func(m *MerchantCode) { m.Accounts = append(m.Accounts, m.Accounts[0]) }, CodeDuplicate)
	f(func(m *MerchantCode) { m.Accounts[0].ID = "2" }, CodeID)
	f(func(m *MerchantCode) { m.Others = []Object{{ID: "55", Value: "02"}} }, CodeTip)
	f(func(m *MerchantCode) { m.Others = []Object{{ID: "26", Parts: []Object{}}} }, CodeLength)
	link := func(id, code string, values map[string]string) {
		t.Helper()
		text, err := Default().NewLink(id, values)
		var e *Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s: %s, %v, want %s", id, text, err, code)
		}
	}
	link("none", CodeUnknown, nil)
	link("unionpay-order", CodeMissing, nil)
	link("unionpay-order", CodeFormat, map[string]string{"issuer": "0001000", "order": "1"})
	link("alipay-order", CodePath, map[string]string{"order": "x/../y"})
	link("alipayplus-merchant", CodeUntrusted, map[string]string{"host": "qr.95516.com.evil.cn", "CDSD.02": "1"})
	if _, err := (&ConsumerCode{}).Encode(); err == nil {
		t.Error("a consumer code without an application")
	}
}

// FuzzEncode: what Strict takes is written again to the same text, or it is said why not.
func FuzzEncode(f *testing.F) {
	for _, v := range published(f) {
		f.Add(v.Payload)
	}
	f.Add(alipayPlusSample)
	f.Add("wxp://f2f0abcdef")
	f.Add("upi://pay?pa=a@b&am=1.5&cu=INR")
	f.Fuzz(func(t *testing.T, text string) {
		var c Code
		if err := Default().DecodeWith(Strict, text, &c); err != nil {
			return
		}
		again, err := Encode(&c)
		var e *Error
		if errors.As(err, &e) && (e.Code == CodeMasked || e.Code == CodePartial) {
			return
		}
		if err != nil || again != strings.Trim(text, scannerSpace) {
			t.Errorf("%q is written again as %q, %v", text, again, err)
		}
	})
}
