package codec

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPublishedMerchantCodes(t *testing.T) {
	for _, v := range published(t) {
		if !strings.HasPrefix(v.ID, "M") {
			continue
		}
		var c Code
		if err := Default().Decode(v.Payload, &c); err != nil {
			t.Errorf("%s (%s): %v", v.ID, v.Note, err)
			continue
		}
		for _, f := range c.Fields {
			if v.Payload[f.Offset:f.Offset+len(f.Value)] != f.Value {
				t.Errorf("%s: field %s is not at byte %d", v.ID, f.Path, f.Offset)
			}
		}
	}
}

func TestMerchantCodesSayWhatTheyAre(t *testing.T) {
	f := func(id, scheme, currency string, static bool, amount int64, paths map[string]string) {
		t.Helper()
		var c Code
		if err := Default().Decode(payload(t, id), &c); err != nil {
			t.Errorf("%s: %v", id, err)
			return
		}
		if c.Standard != EMVMerchant || c.Mode != MerchantPresented || c.Scheme != scheme ||
			c.Currency != currency || c.Static != static || c.AmountFen != amount || c.HasAmount != (amount > 0) {
			t.Errorf("%s: %+v", id, c)
		}
		for path, want := range paths {
			if got := fieldOf(&c, path); got != want {
				t.Errorf("%s: field %s is %q, want %q", id, path, got, want)
			}
		}
	}
	f("M1", "", "156", false, 2372, map[string]string{"62.07": "A6008667", "64.01": "最佳运输", "91.07": "12345678", "59": "BEST TRANSPORT"})
	f("M4", "", "156", false, 2372, map[string]string{"29.05": "A93FO3230Q"})
	f("M6", "unionpay", "418", true, 0, map[string]string{"38.03": "mchVKyozC3MbjS51h67qal4Os"})
	f("M7", "", "392", false, 0, map[string]string{"54": "999.123"})
	f("M8", "pix", "986", true, 12345, map[string]string{"80.01": "0123.ABCD.3456.WXYZ"})
	f("M10", "pix", "986", true, 0, map[string]string{"54": "0"})
	f("M14", "fps", "344", false, 5500, map[string]string{"62": ""})
	f("M15", "unionpay", "702", true, 0, map[string]string{"51.01": "1809072DDA29"})
	f("M17", "paynow", "702", true, 0, map[string]string{"26.02": "+6584554295"})
	f("M18", "promptpay", "764", true, 600000, nil)
	f("M22", "bharatqr", "356", true, 0, nil)
}

func fieldOf(c *Code, path string) string {
	for _, f := range c.Fields {
		if f.Path == path {
			return f.Value
		}
	}
	return ""
}

func TestBadCodes(t *testing.T) {
	f := func(text, code string, offset int) {
		t.Helper()
		var c Code
		err := Default().Decode(text, &c)
		var e *Error
		if !errors.As(err, &e) || e.Code != code || e.Offset != offset {
			t.Errorf("%.60q: %v, want %s at byte %d", text, err, code, offset)
		}
	}
	sum := func(text string) string { // Appends a right checksum to a wrong code.
		const digits = "0123456789ABCDEF"
		crc := CRC(text + "6304")
		return text + "6304" + string([]byte{digits[crc>>12], digits[crc>>8&15], digits[crc>>4&15], digits[crc&15]})
	}
	x1, x8 := payload(t, "X1"), payload(t, "X8")
	f(x1, CodeCRC, len(x1)-4)
	f(payload(t, "X3"), CodeCRC, len(payload(t, "X3"))-4)
	f(payload(t, "X5"), CodeCRC, len(payload(t, "X5"))-4)
	f(x8, CodeMissing, len(x8))
	f("", CodeEmpty, 0)
	f(strings.Repeat("1", 10_000_000), CodeTooLong, 2048)
	f("000201\xff", CodeNotUTF8, 0)
	f(sum("00020115041234"), CodeMissing, 0)
	f(sum("00020153031561502"), CodeTruncated, 25)
	f(sum("0002015303156150212150212"), CodeDuplicate, 19)
	f(sum("000201530315626069901"), CodeTruncated, 22)
	f(sum("0002015303156ab0212"), CodeID, 13)
	f(sum("0002015303156020x12"), CodeLength, 15)
	f(sum("000202530315602021"), CodeFormat, 4)
	f(sum("00020102021253031565405-1.00"), CodeAmount, 23)
	f(sum("000201020212530315654051.001"), CodeAmount, 23)
	f("6212345678901234", CodeUnknown, 0)
	f("180000000000000000", CodeUnknown, 0)
	f("hello", CodeUnknown, 0)
	f("https://qr.95516.com.evil.cn/00010000/1", CodeUntrusted, 8)
	f("https://qr.95516.com@evil.cn/00010000/1", CodeHost, 20)
	f("https://qr.95516.com:444/1", CodeHost, 20)
	f("https://qr.95516.cоm/1", CodeHost, 18)
	f("https://qr.95516.com/a%2Fb", CodePath, 22)
	f("https://example.com/1", CodeUnknown, 8)
	f("http://qr.95516.com/1", CodeUnknown, 7)
}

func TestPayerCodesAndLinks(t *testing.T) {
	f := func(text, scheme string, standard Standard, static bool) {
		t.Helper()
		var c Code
		if err := Default().Decode(text, &c); err != nil || c.Scheme != scheme || c.Standard != standard || c.Static != static {
			t.Errorf("%q: %s %s static=%t, %v, want %s", text, c.Standard, c.Scheme, c.Static, err, scheme)
		}
	}
	f("135112298638468293", "wechat", PayCode, false)
	f(" 135112298638468293\r\n", "wechat", PayCode, false)
	f("289431869362714645", "alipay", PayCode, false)
	f("280438849930815813", "alipay", PayCode, false)
	f("251001020123456789012345", "alipayplus", PayCode, false)
	f("281001020123456789012345", "alipayplus", PayCode, false)
	f("6223010512345678901", "unionpay", PayCode, false)
	f("0112345678901234567", "ecny", PayCode, false)
	f("fp0123456789abcdefghijklmnopqrstuvw", "alipay", PayCode, false)
	f("https://qr.95516.com/00010000/01116734936470044423094034227630", "unionpay", Link, true)
	f("https://qr.pbcdci.cn/005031050000078010721050000078010720001", "ecny", Link, true)
	issuer := func(text, want string) {
		t.Helper()
		var c Code
		if err := Default().Decode(text, &c); err != nil || c.Issuer != want {
			t.Errorf("%q: issuer %q, %v, want %q", text, c.Issuer, err, want)
		}
	}
	issuer("https://qr.95516.com/00010000/01116734936470044423094034227630", "00010000")
	issuer("https://qr.pbcdci.cn/005031050000078010721050000078010720001", "005")
	issuer("https://qr.95516.com/qrcGtwWeb-web/api/userAuth?version=1.0.0", "")
	issuer("https://qr.95516.com/0001", "")
	f("https://QR.ALIPAY.COM/fkx04420ekndgryhkycbl75", "alipay", Link, true)
	f("https://qr.alipay.com/bax08752cgfkhh5non0u304e", "alipay", Link, false)
	f("weixin://wxpay/bizpayurl?pr=kZF1s1X", "wechat", Link, false)
	f("wxp://f2f0abcdef", "wechat", Link, true)
	f("upi://pay?pa=a@b&cu=INR", "upi", Link, true)
}

func TestErrorsDoNotShowPayersCodes(t *testing.T) {
	secret := "6298765432109876543210"
	var c Code
	if err := Default().Decode(secret, &c); err == nil || strings.Contains(err.Error(), secret[2:10]) {
		t.Errorf("%v", err)
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	for _, text := range []string{payload(t, "M1"), "6223010512345678901", "https://qr.95516.com/00010000/011167"} {
		var c Code
		if n := testing.AllocsPerRun(200, func() {
			if err := Default().Decode(text, &c); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%.20s: %v allocations, want 0", text, n)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range published(f) {
		f.Add(v.Payload)
	}
	f.Add("https://qr.95516.com/00010000/1")
	f.Add("135112298638468293")
	f.Fuzz(func(t *testing.T, text string) {
		var c Code
		if err := Default().Decode(text, &c); err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(text) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if c.Standard == EMVConsumer {
			return // Its offsets are those of the decoded data, FuzzConsumer holds them.
		}
		trimmed := strings.Trim(text, scannerSpace)
		for _, field := range c.Fields {
			if trimmed[field.Offset:field.Offset+len(field.Value)] != field.Value {
				t.Errorf("%q: field %s is not where it says", text, field.Path)
			}
		}
	})
}

func BenchmarkMerchant(b *testing.B) {
	text := payload(b, "M1")
	var c Code
	b.ReportAllocs()
	for b.Loop() {
		_ = Default().Decode(text, &c)
	}
}

func BenchmarkFamilies(b *testing.B) {
	for _, text := range []string{payload(b, "M1"), payload(b, "C1"), "6223010512345678901", "135112298638468293", "https://qr.95516.com/00010000/01116734936470044423094034227630", "weixin://wxpay/bizpayurl?pr=kZF1s1X", "https://qr.alipay.com/fkx04420ekndgryhkycbl75"} {
		b.Run(text[:8], func(b *testing.B) {
			var c Code
			b.ReportAllocs()
			for b.Loop() {
				if err := Default().Decode(text, &c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("crc", func(b *testing.B) {
		text := payload(b, "M1")
		for b.Loop() {
			CRC(text)
		}
	})
	many := book(b, manyRules(10000)).At(time.Now())
	for _, text := range []string{"6200049990123456789", "https://qr.95516.com/00004999/1"} {
		b.Run("10k"+text[:6], func(b *testing.B) {
			var c Code
			for b.Loop() {
				if err := many.Decode(text, &c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestPayeeIsOfTheScheme: who the payee is comes from one account, of the scheme that the code
// is said to be of. What other accounts say of theirs is listed and means nothing.
func TestPayeeIsOfTheScheme(t *testing.T) {
	const nets, unionPay = "260011SG.COM.NETS0101X", "152031041800520446JDBMSZZXE44BFS0"
	duitNow := func(id, parts string) string { return id + "0014A0000006150001" + parts }
	f := func(scheme, acquirer, payee string, accounts ...string) {
		t.Helper()
		var c Code
		text := merchantCode(append(accounts, "525812", "53156", "58CN", "59NOODLES", "60SHANGHAI")...)
		if err := Default().Decode(text, &c); err != nil || c.Scheme != scheme ||
			c.Merchant.Acquirer != acquirer || c.Merchant.ID != payee {
			t.Errorf("%v: %s, %+v, %v", accounts, c.Scheme, c.Merchant, err)
		}
	}
	f("nets", "", "", nets, duitNow("27", "01068900610203MID"))
	f("duitnow", "890061", "MID", duitNow("26", "01068900610203MID"), "27"+nets[2:])
	f("duitnow", "", "ONE", duitNow("26", "0203ONE"), duitNow("27", "01068900610203TWO"))
	f("duitnow", "890061", "TWO", duitNow("26", ""), duitNow("27", "01068900610203TWO"))
	f("unionpay", "20310418", "JDBMSZZXE44BFS0", duitNow("26", "01068900610203MID"), unionPay)
	f("unionpay", "", "", "1512345678", duitNow("26", "01068900610203MID"))
	f("unionpay", "", "", duitNow("26", "01068900610203MID"), "1512345678")
	f("unionpay", "20310418", "JDBMSZZXE44BFS0", "1612345678", unionPay)
	f("unionpay", "20310418", "JDBMSZZXE44BFS0", unionPay, "161111111122222222333333333333333")
	f("unionpay", "", "", "15203104180052044街DBMSZZXE44B") // 31 bytes, split within a character.
}

// TestZeroDecoder: a Decoder of no rules knows the EMVCo standards, and says of the rest that it
// does not.
func TestZeroDecoder(t *testing.T) {
	var d Decoder
	var c Code
	for _, id := range []string{"M1", "C1"} {
		if err := d.Decode(payload(t, id), &c); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, text := range []string{"135112298638468293", "https://qr.95516.com/00010000/1", "wxp://f2f0a"} {
		var e *Error
		if err := d.Decode(text, &c); !errors.As(err, &e) || e.Code != CodeUnknown {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := d.NewPayCode("alipay", strings.NewReader("")); err == nil {
		t.Error("a code was drawn without a rule")
	}
	if _, err := d.NewLink("upi", nil); err == nil {
		t.Error("a link was written without a rule")
	}
}
