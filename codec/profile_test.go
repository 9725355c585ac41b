package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// merchantCode builds a code of objects, each "id" + "value", with a right checksum.
func merchantCode(objects ...string) string {
	var text strings.Builder
	text.WriteString("000201")
	for _, o := range objects {
		fmt.Fprintf(&text, "%s%02d%s", o[:2], len([]rune(o[2:])), o[2:])
	}
	text.WriteString("6304")
	return text.String() + fmt.Sprintf("%04X", CRC(text.String()))
}

// plain is a code without a deviation, with the objects of change in place of its own.
func plain(change ...string) string {
	objects := []string{"0212345678", "525812", "53156", "58CN", "59NOODLES", "60SHANGHAI"}
	for _, c := range change {
		kept := objects[:0:0]
		for _, o := range objects {
			if o[:2] != c[:2] {
				kept = append(kept, o)
			}
		}
		if objects = kept; len(c) > 2 {
			objects = append(objects, c)
		}
	}
	return merchantCode(objects...)
}

// TestProfilesForgive gives each deviation to Strict, which refuses it with its code, and
// to the profile of those codes, which takes it and says where it was seen.
func TestProfilesForgive(t *testing.T) {
	f := func(text, deviation string, profile Profile, code string) {
		t.Helper()
		var c Code
		var e *Error
		if err := Default().DecodeWith(Strict, text, &c); !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s: strict says %v, want %s", deviation, err, code)
		}
		if err := Default().DecodeWith(profile, text, &c); err != nil {
			t.Errorf("%s: %s says %v", deviation, profile, err)
			return
		}
		for _, d := range c.Deviations {
			if d.Code == deviation && d.Message != "" {
				return
			}
		}
		t.Errorf("%s: %s lists %+v", deviation, profile, c.Deviations)
	}
	lower := plain()
	lower = lower[:len(lower)-4] + strings.ToLower(lower[len(lower)-4:])
	for i := 0; lower[len(lower)-4:] == strings.ToUpper(lower[len(lower)-4:]); i++ {
		lower = plain(fmt.Sprintf("61%06d", i)) // Until the checksum has a letter.
		lower = lower[:len(lower)-4] + strings.ToLower(lower[len(lower)-4:])
	}
	f(lower, "crc-lower-case", Auto, CodeFormat)
	f(plain("59街角面馆"), "text-not-ascii", Auto, CodeFormat)
	f(plain("53392", "54999.123"), "amount-decimals", Auto, CodeAmount)
	f(payload(t, "M4"), "template-empty", Auto, CodeLength)
	f(payload(t, "M14"), "template-empty", "fps", CodeLength)
	f(payload(t, "M10"), "amount-zero", "pix", CodeAmount)
	f(payload(t, "M18"), "merchant-name-missing", "promptpay", CodeMissing)
}

// TestStrictTakesTheLetter decodes the plain code under every profile without a deviation.
func TestStrictTakesTheLetter(t *testing.T) {
	for _, profile := range Profiles() {
		var c Code
		if err := Default().DecodeWith(profile, plain(), &c); err != nil || len(c.Deviations) > 0 || c.Profile == Auto {
			t.Errorf("%s: %v, %+v, taken by %q", profile, err, c.Deviations, c.Profile)
		}
	}
	var c Code
	var e *Error
	if err := Default().DecodeWith("lenient", plain(), &c); !errors.As(err, &e) || e.Code != CodeProfile {
		t.Errorf("an unknown profile: %v", err)
	}
}

// TestNothingForgivesABrokenCode: whatever the profile, a checksum, a length and a cut
// are never forgiven.
func TestNothingForgivesABrokenCode(t *testing.T) {
	good := plain()
	wrong := good[:len(good)-4] + "0000"
	if good == wrong {
		t.Fatal("the checksum is zero")
	}
	for _, profile := range Profiles() {
		for _, text := range []string{wrong, good[:len(good)-4], good[:len(good)-8], good[:len(good)-9],
			good[:20], strings.Replace(good, "0208", "0299", 1), strings.Replace(good, "5303", "53x3", 1)} {
			var c Code
			if err := Default().DecodeWith(profile, text, &c); err == nil {
				t.Errorf("%s takes %q", profile, text)
			}
		}
	}
}

// TestByteLengths: a producer that counts bytes is read when asked for, never by itself.
func TestByteLengths(t *testing.T) {
	name := "街角面馆"
	text := "000201" + "020812345678" + "52045812" + "5303156" + "5802CN" +
		fmt.Sprintf("59%02d%s", len(name), name) + "6008SHANGHAI" + "6304"
	text += fmt.Sprintf("%04X", CRC(text))
	var c Code
	if err := Default().Decode(text, &c); err == nil {
		t.Error("auto reads a code whose lengths count bytes")
	}
	if err := Default().DecodeWith(ByteLengths, text, &c); err != nil || c.Merchant.Name != name {
		t.Errorf("%v, name %q, want %q", err, c.Merchant.Name, name)
	}
}

func TestAmounts(t *testing.T) {
	f := func(currency, amount string, minor int64, code string) {
		t.Helper()
		var c Code
		var e *Error
		err := Default().DecodeWith(Strict, plain("53"+currency, "54"+amount), &c)
		if code == "" && (err != nil || !c.HasAmount || c.AmountFen != minor) {
			t.Errorf("%s of %s: %d, %v, want %d", amount, currency, c.AmountFen, err, minor)
		}
		if code != "" && (!errors.As(err, &e) || e.Code != code) {
			t.Errorf("%s of %s: %v, want %s", amount, currency, err, code)
		}
	}
	f("156", "23.72", 2372, "")
	f("156", "98.", 9800, "")
	f("156", "0.01", 1, "")
	f("156", "9999999999999", 999999999999900, "")
	f("392", "500", 500, "") // Yen have no decimals,
	f("414", "1.234", 1234, "")
	f("414", "1.2345", 0, CodeAmount)
	f("156", "1.001", 0, CodeAmount)
	f("156", "-1", 0, CodeAmount)
	f("156", "1,00", 0, CodeAmount)
	f("156", ".5", 0, CodeAmount)
	f("156", "0", 0, CodeAmount)
	f("999", "1", 0, CodeFormat) // No currency,
}

func TestTips(t *testing.T) {
	f := func(code string, objects ...string) {
		t.Helper()
		var c Code
		var e *Error
		err := Default().DecodeWith(Strict, plain(objects...), &c)
		if code == "" && err != nil || code != "" && (!errors.As(err, &e) || e.Code != code) {
			t.Errorf("%v: %v, want %q", objects, err, code)
		}
	}
	f("", "5501")
	f("", "5502", "561.50")
	f("", "5503", "575.25")
	f(CodeTip, "5501", "561.50")
	f(CodeTip, "5502")
	f(CodeTip, "5502", "560")
	f(CodeTip, "5502", "575")
	f(CodeTip, "5503", "57100")
	f(CodeTip, "5503", "5799.999")
	f(CodeTip, "5504")
	f(CodeTip, "561.50")
}

func TestUnionPayAccount(t *testing.T) {
	var c Code
	text := plain("15" + "26481000" + "48021000" + "898310070110001")
	if err := Default().DecodeWith(Strict, text, &c); err != nil || c.Scheme != "unionpay" || c.Profile != Strict ||
		c.Merchant.Acquirer != "26481000" || c.Merchant.Forwarder != "48021000" || c.Merchant.ID != "898310070110001" {
		t.Errorf("%v: %s %s %+v", err, c.Scheme, c.Profile, c.Merchant)
	}
	byValue, _ := json.Marshal(c)
	if byPointer, _ := json.Marshal(&c); !bytes.Equal(byValue, byPointer) || !bytes.Contains(byValue, []byte(`"standard":"emv-mpm"`)) {
		t.Errorf("the JSON form of the value is %s, of the pointer %s", byValue, byPointer)
	}
	m := MerchantCode{Category: "5812", Currency: "156", Country: "CN", Name: "A", City: "B",
		Accounts: []Object{UnionPayAccount("2648100", "48021000", "8983100701100011")}}
	if text, err := m.Encode(); err == nil {
		t.Errorf("an acquirer of 7 digits takes one of the forwarder's: %s", text)
	}
	m.Accounts = []Object{{ID: "02", Value: "12345678"}, {ID: "54", Value: "1.00"}}
	if text, err := m.Encode(); err == nil {
		t.Errorf("an amount among the accounts: %s", text)
	}
}

// TestFastCRC holds the decoder's own checksum against the plain one at every length.
func TestFastCRC(t *testing.T) {
	text := strings.Repeat("00020101021226街角面馆", 20)
	for n := range text {
		if got, want := fastCRC(text[:n]), CRC(text[:n]); got != want {
			t.Fatalf("%d bytes: %04X, want %04X", n, got, want)
		}
	}
}
