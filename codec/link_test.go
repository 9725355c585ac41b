package codec

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

const alipayPlusSample = "HTTPS://QR.SAMPLEDOMAIN.COM/MPM/3/R1BMRDA5NVBMVlMwMDIwMUNEU0QwMzMwMTE0U0FNUExFUExBVEZPUk0wMjExU0FN" +
	"UExFTUVSSURDSVJEMDM5MDExMlNBTVBMRUlTU1VFUjAyMDIxMjAzMTNNSU5JUFJPR1JBTUlE"

// TestLinkForms decodes links as they are seen in public, and names what their parts mean.
func TestLinkForms(t *testing.T) {
	f := func(text, scheme, issuer, merchant string, static bool, parts ...string) {
		t.Helper()
		var c Code
		if err := Default().Decode(text, &c); err != nil {
			t.Errorf("%q: %v", text, err)
			return
		}
		if c.Standard != Link || c.Scheme != scheme || c.Issuer != issuer || c.Merchant.ID != merchant || c.Static != static {
			t.Errorf("%q: %s %s issuer %q merchant %q static %t", text, c.Standard, c.Scheme, c.Issuer, c.Merchant.ID, c.Static)
		}
		for i := 0; i < len(parts); i += 2 {
			if got := fieldValue(&c, parts[i]); got != parts[i+1] {
				t.Errorf("%q: %s is %q, want %q", text, parts[i], got, parts[i+1])
			}
		}
	}
	f("https://qr.95516.com/00010000/62028489073949969921691655610979", "unionpay", "00010000", "", false,
		"order", "028489073949969921691655610979")
	f("https://qr.95516.com/00010002/01012166439217005044479417630044", "unionpay", "00010002", "", true,
		"merchant code", "012166439217005044479417630044")
	f("https://qr.95516.com/48020000/42171909246221001152996469", "unionpay", "48020000", "", true,
		"code", "42171909246221001152996469")
	f("HTTPS://QR.95516.COM/48020000/42171909246221001152996469", "unionpay", "48020000", "", true)
	f("https://qr.95516.com/qrcGtwWeb-web/api/userAuth?version=1.0.0&redirectUrl=a", "unionpay", "", "", true)
	f("https://qr.pbcdci.cn/004043112022083115224300703035700000004", "ecny", "004", "", false,
		"order", "3112022083115224300703035700000004")
	f("https://qr.pbcdci.cn/005031050000078010721050000078010720001", "ecny", "005", "105000007801072", true,
		"number", "0001")
	f("https://qr.alipay.com/bax08752cgfkhh5non0u304e", "alipay", "", "", false, "order", "08752cgfkhh5non0u304e")
	f("https://qr.alipay.com/fkx04420ekndgryhkycbl75", "alipay", "", "", true, "payee", "04420ekndgryhkycbl75")
	f("weixin://wxpay/bizpayurl?pr=kZF1s1X", "wechat", "", "", false, "query.pr", "kZF1s1X")
	f("weixin://wxpay/bizpayurl?sr=12345", "wechat", "", "", false, "query.sr", "12345")
	f("weixin://pay.weixin.qq.com/bizpayurl/up?pr=NwY5Mz9&groupid=00", "wechat", "", "", false,
		"query.pr", "NwY5Mz9", "query.groupid", "00")
	f("wxp://f2f0abcdef", "wechat", "", "", true, "path", "/f2f0abcdef", "payee", "abcdef")
	f("https://i.qianbao.qq.com/wallet/sqrcode.htm?m=tenpay&a=1", "qqwallet", "", "", true)
	f(alipayPlusSample, "alipayplus", "SAMPLEISSUER", "SAMPLEMERID", true,
		"PLVS", "01", "CDSD.01", "SAMPLEPLATFORM", "CIRD.02", "12", "CIRD.03", "MINIPROGRAMID")
	f("upi://pay?pa=dmart.razorpay@hdfcbank&pn=Test%20Account&tr=RZPGT5&tn=x&am=100&cu=INR&mc=5411", "upi", "",
		"dmart.razorpay@hdfcbank", false, "query.mc", "5411")
	f("upi://pay?pa=a@b", "upi", "", "a@b", true)
	var c Code
	if err := Default().Decode("upi://pay?pa=a@b&pn=Test%20%E5%BA%97&am=100.5&cu=INR", &c); err != nil ||
		c.Merchant.Name != "Test 店" || !c.HasAmount || c.AmountFen != 10050 || c.Currency != "356" {
		t.Errorf("%v %+v", err, c)
	}
}

// TestPartsMeanWhatTheyAre: only a query has escapes to resolve, and an amount may stand in a
// path.
func TestPartsMeanWhatTheyAre(t *testing.T) {
	d := book(t, "links:\n- {id: till, scheme: till, uri: https, hosts: [a.cn], currency: '156', "+
		"path: '/{amount:digits}/{merchant:any}', query: [{key: n, name: merchant name}]}\n").At(time.Now())
	var c Code
	if err := d.Decode("https://a.cn/12/A+B?n=A+B", &c); err != nil || !c.HasAmount || c.AmountFen != 1200 ||
		c.Currency != "156" || c.Merchant.ID != "A+B" || c.Merchant.Name != "A B" {
		t.Errorf("%v, %+v", err, c)
	}
	payload := "GPLD035PLVS00201CDSD0190104PLAT0207A+B%20C"
	text := "https://a.example/MPM/3/" + base64.StdEncoding.EncodeToString([]byte(payload))
	if err := Default().Decode(text, &c); err != nil || c.Merchant.ID != "A+B%20C" {
		t.Errorf("%v, %+v", err, c.Merchant)
	}
}

// TestOpaqueLinks: rules with a host and rules without one are not in each other's way.
func TestOpaqueLinks(t *testing.T) {
	d := book(t, "links:\n- {id: a, scheme: none, uri: foo, opaque: true, path: '/pay{x:word}'}\n"+
		"- {id: b, scheme: any, uri: foo, path: '/pay{x:any}'}\n"+
		"- {id: c, scheme: none, uri: bar, opaque: true, path: '/p{x:any}'}\n"+
		"- {id: d, scheme: any, uri: bar, path: '/p/{x:any}', rank: 5}\n").At(time.Now())
	for text, want := range map[string]string{"foo://payabc": "none", "foo://a.cn/payabc": "any", "foo://a/payabc": "any",
		"bar://p/abc": "none", "bar://a/p/abc": "any"} {
		var c Code
		if err := d.Decode(text, &c); err != nil || c.Scheme != want {
			t.Errorf("%s: %q, %v, want %q", text, c.Scheme, err, want)
		}
	}
}

// TestHostileLinks refuses what dresses up as a merchant's link, each with its code and place.
func TestHostileLinks(t *testing.T) {
	f := func(text, code string, offset int) {
		t.Helper()
		var c Code
		var e *Error
		if err := Default().Decode(text, &c); !errors.As(err, &e) || e.Code != code || e.Offset != offset {
			t.Errorf("%q: %v, want %s at %d", text, err, code, offset)
		}
	}
	f("https://qr.95516.com.evil.cn/00010000/1", CodeUntrusted, 8)
	f("https://evil-qr.95516.com/00010000/1", CodeUntrusted, 8)
	f("https://QR.95516.COM.EVIL.CN/00010000/1", CodeUntrusted, 8)
	f("https://qr.95515.com/00010000/1", CodeUntrusted, 8)
	f("https://qr.955516.com/00010000/1", CodeUntrusted, 8)
	f("https://qr.95561.com/00010000/1", CodeUntrusted, 8)
	f("https://qr-95516-com/00010000/1", CodeUntrusted, 8)
	f("https://qr.a1ipay.com/bax1", CodeUntrusted, 8)
	f("https://qr.95516.com./00010000/1", CodeUntrusted, 8)
	f("https://qr.95516.com.evil.cn/MPM/3/R1BM", CodeUntrusted, 8)
	f("https://user@qr.95516.com/00010000/1", CodeHost, 12)
	f("https://qr.95516.com@evil.cn/00010000/1", CodeHost, 20)
	f("https://qr.95516.com:443/00010000/1", CodeHost, 20)
	f("https://qr.95516.com%2eevil.cn/1", CodeHost, 20)
	f("https://qr.95516.com\\.evil.cn/1", CodeHost, 20)
	f("https://xn--qr-95516.com/1", CodeHost, 8)
	f("https://qr.XN--95516-abc.com/1", CodeHost, 11)
	f("https://qr.95516.cоm/1", CodeHost, 18)
	f("https://qr。95516。com/1", CodeHost, 10)
	f("https://qr.95516.com/00010000%2F1", CodePath, 29)
	f("https://qr.95516.com/00010000%5c1", CodePath, 29)
	f("https://qr.95516.com/%300010000/1", CodePath, 21)
	f("https://qr.95516.com/%00", CodePath, 21)
	f("https://qr.95516.com/%zz", CodePath, 21)
	f("https://qr.95516.com/%2", CodePath, 21)
	f("https://qr.95516.com/a/../00010000/1", CodePath, 22)
	f("https://qr.95516.com//00010000/1", CodePath, 20)
	f("https://qr.95516.com/./1", CodePath, 20)
	f("https://qr.95516.com/00010000\\1", CodePath, 29)
	f("https://qr.95516.com/00010000 1", CodePath, 29)
	f("https://qr.95516.com/00010000/1#a", CodePath, 31)
	f("https://qr.95516.com/商店", CodePath, 21)
	f("https://qr.95516.com/1?a=b#c", CodePath, 26)
	f("https://qr.95516.com/1?a=%g0", CodePath, 25)
	f("https://qr.95516.com", CodeUnknown, 8)
	f("https://qr.pbcdci.cn/abc", CodeUnknown, 8)
	f("http://qr.95516.com/00010000/1", CodeUnknown, 7)
	f("javascript://qr.95516.com/00010000/1", CodeUnknown, 13)
	f("https:///00010000/1", CodeUnknown, 8)
	f("://", CodeUnknown, 3)
	f("weixin://wxpay/bizpayurl", CodeUnknown, 9)
	f("wxp://f2f0", CodeUnknown, 6)
	f("wxp://f2f0ab/../c", CodePath, 12)
	f("upi://pay?pn=x", CodeUnknown, 6)
	f("upi://pay?pa=a@b&pa=c@d", CodeDuplicate, 17)
	f("upi://pay?pa=", CodeUnknown, 6)
	f("weixin://wxpay/bizpayurl?pr=", CodeUnknown, 9)
	f("upi://pay?pa=a@b&%61m=100", CodePath, 17)
	f("https://"+strings.Repeat("a.", 127)+"cn/MPM/3/R1BM", CodeHost, 261)
	f("upi://pay?pa=a@b&am=1&cu=CNY", CodeFormat, 25)
	f("upi://pay?pa=a@b&am=-1", CodeAmount, 20)
	f("upi://pay?pa=a@b&am=1.001", CodeAmount, 20)
	f("upi://pay?pa=a@b&am=0", CodeAmount, 20)
	f("upi://pay?pa=a@b&am=1e5", CodeAmount, 20)
	plus := "https://qr.example.com/MPM/3/"
	of := func(payload string) string { return plus + base64.StdEncoding.EncodeToString([]byte(payload)) }
	f(plus+"R1BMRDA5NVB!", CodeBase64, len(plus)+11)
	f(plus+"R1BMRDA5N", CodeBase64, len(plus)+8)
	f(of("GPLD999PLVS00201"), CodeTruncated, len(plus))
	f(of("GPLX009PLVS00201"), CodeFormat, len(plus))
	f(of("GPLD00xPLVS00201"), CodeLength, len(plus)+4)
	f(of("GPLD009PLVS00201"), CodeMissing, len(plus))
	f(of("GPLD009PLVS00201\x00"), CodeFormat, len(plus))
	f(of("GPLD019CDSD0140202AB0202CD"), CodeTruncated, len(plus)+8)
	f(of("GPLD019CDSD0120202AB0202CD"), CodeDuplicate, len(plus)+32)
}

// TestFieldsOfLinksStandWhereTheySay holds offsets against the text.
func TestFieldsOfLinksStandWhereTheySay(t *testing.T) {
	for _, text := range []string{"wxp://f2f0abcdef", "weixin://wxpay/bizpayurl?pr=kZF1s1X&pr2&=&",
		"https://qr.pbcdci.cn/005031050000078010721050000078010720001", "upi://pay?pa=a@b&am=1&tn=", "upi://pay?x&pa=a&tr"} {
		var c Code
		if err := Default().Decode(text, &c); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		for _, f := range c.Fields {
			if !strings.HasPrefix(text[f.Offset:], f.Value) {
				t.Errorf("%s: %s is not at %d", text, f.Path, f.Offset)
			}
		}
	}
}
