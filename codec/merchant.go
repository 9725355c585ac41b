package codec

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// object is one data object of a merchant presented code: id, length, value.
type object struct {
	id    int
	value string
	at    int // Byte offset of the value in the whole text.
}

// next takes the first object of text, which begins at byte at of the whole. The length
// counts characters (EMVCo clause 4.4.1.1).
func nextObject(text string, at int) (o object, rest string, err error) {
	if len(text) < 4 {
		return o, "", &Error{Code: CodeTruncated, Offset: at, Found: fmt.Sprintf("%d bytes", len(text)),
			Want: "id and length of 2 digits each", Clause: "EMVCo MPM 4.4"}
	}
	id, ok := twoDigits(text[:2])
	if !ok {
		return o, "", &Error{Code: CodeID, Offset: at, Want: "an id of two digits", Clause: "EMVCo MPM 4.4"}
	}
	characters, ok := twoDigits(text[2:4])
	if !ok {
		return o, "", &Error{Code: CodeLength, Offset: at + 2, Want: "a length of two digits", Clause: "EMVCo MPM 4.4"}
	}
	size := 0
	for range characters {
		if 4+size >= len(text) {
			return o, "", &Error{Code: CodeTruncated, Offset: at + len(text), Found: "the end",
				Want: fmt.Sprintf("%d characters of object %02d", characters, id), Clause: "EMVCo MPM 4.4.1.1"}
		}
		_, n := utf8.DecodeRuneInString(text[4+size:])
		size += n
	}
	return object{id: id, value: text[4 : 4+size], at: at + 4}, text[4+size:], nil
}

func twoDigits(text string) (int, bool) {
	if text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9' {
		return 0, false
	}
	return int(text[0]-'0')*10 + int(text[1]-'0'), true
}

// isTemplate reports whether root object id holds objects of its own.
func isTemplate(id int) bool { return id >= 26 && id <= 51 || id == 62 || id == 64 || id >= 80 }

// decodeMerchant reads an EMVCo merchant presented code: the checksum first, then
// every object. A wrong or missing checksum and a broken length are never forgiven.
func decodeMerchant(text string, into *Code) error {
	into.Standard, into.Mode, into.Static = EMVMerchant, MerchantPresented, true
	if err := checkCRC(text); err != nil {
		return err
	}
	var seen [100]bool
	rest, at := text, 0
	for rest != "" {
		o, tail, err := nextObject(rest, at)
		if err != nil {
			return err
		}
		if seen[o.id] {
			return &Error{Code: CodeDuplicate, Offset: at, Found: fmt.Sprintf("object %02d again", o.id),
				Want: "each id once", Clause: "EMVCo MPM 4.2"}
		}
		seen[o.id] = true
		if err := into.addRoot(o); err != nil {
			return err
		}
		at += len(rest) - len(tail)
		rest = tail
	}
	return into.finishMerchant(&seen)
}

// checkCRC demands object 63 at the end and its value to be the checksum of all before it.
func checkCRC(text string) error {
	n := len(text)
	if n < 8 || text[n-8:n-4] != "6304" {
		return &Error{Code: CodeMissing, Offset: n, Found: "no object 63 at the end", Want: "the CRC", Clause: "EMVCo MPM 4.7.3"}
	}
	want := CRC(text[:n-4])
	got, err := strconv.ParseUint(text[n-4:], 16, 16)
	if err != nil || uint16(got) != want {
		return &Error{Code: CodeCRC, Offset: n - 4, Found: fmt.Sprintf("%.4q", text[n-4:]),
			Want: fmt.Sprintf("%04X", want), Clause: "EMVCo MPM 4.7.3"}
	}
	return nil
}

// addRoot takes one object of the root.
func (c *Code) addRoot(o object) error {
	if isTemplate(o.id) {
		return c.addTemplate(o)
	}
	c.Fields = append(c.Fields, Field{Path: paths[o.id], Name: rootNames[o.id], Value: o.value, Offset: o.at})
	switch o.id {
	case 0:
		if o.value != "01" {
			return &Error{Code: CodeFormat, Offset: o.at, Want: "payload format 01", Clause: "EMVCo MPM 4.7.1"}
		}
	case 1:
		if o.value != "11" && o.value != "12" {
			return &Error{Code: CodeFormat, Offset: o.at, Want: "11 or 12", Clause: "EMVCo MPM 4.7.2"}
		}
		c.Static = o.value == "11"
	case 15, 16:
		c.Scheme = "unionpay"
		if len(o.value) == 31 {
			c.Merchant.Acquirer, c.Merchant.ID = o.value[:8], o.value[16:]
		}
	case 52:
		c.Merchant.Category = o.value
	case 53:
		if len(o.value) != 3 || !allDigits(o.value) {
			return &Error{Code: CodeFormat, Offset: o.at, Want: "three digits of ISO 4217", Clause: "EMVCo MPM 4.7.6"}
		}
		c.Currency = o.value
	case 58:
		c.Merchant.Country = o.value
	case 59:
		c.Merchant.Name = o.value
	case 60:
		c.Merchant.City = o.value
	}
	return nil
}

// addTemplate takes the objects of a template. The first of an account template is its
// globally unique identifier, which names the scheme.
func (c *Code) addTemplate(o object) error {
	var seen [100]bool
	rest, at := o.value, o.at
	for rest != "" {
		inner, tail, err := nextObject(rest, at)
		if err != nil {
			return err
		}
		if seen[inner.id] {
			return &Error{Code: CodeDuplicate, Offset: at, Found: fmt.Sprintf("object %02d.%02d again", o.id, inner.id),
				Want: "each id once", Clause: "EMVCo MPM 4.2"}
		}
		seen[inner.id] = true
		c.Fields = append(c.Fields, Field{Path: templatePaths[o.id][inner.id], Value: inner.value, Offset: inner.at})
		if inner.id == 0 && o.id <= 51 && c.Scheme == "" {
			c.Scheme = schemeOf(inner.value)
		}
		at += len(rest) - len(tail)
		rest = tail
	}
	return nil
}

// schemes by globally unique identifier, in lower case.
var schemes = map[string]string{
	"a000000677010111": "promptpay", "a000000677010112": "promptpay", "a000000727": "vietqr",
	"sg.paynow": "paynow", "sg.sgqr": "sgqr", "com.qq.weixin.pay": "wechat", "com.alipay": "alipay",
	"a0000006150001": "duitnow", "id.co.qris.www": "qris", "ph.instapay.me": "qrph",
	"hk.com.hkicl": "fps", "a005266284662577": "lapnet", "np.gov.nrb": "nepalpay",
	"a000000524": "bharatqr", "br.gov.bcb.pix": "pix", "jp.or.paymentsjapan": "jpqr",
}

func schemeOf(guid string) string {
	var lower [32]byte // The longest identifier, EMVCo MPM table 4.1.
	if len(guid) > len(lower) {
		return ""
	}
	for i := range len(guid) {
		c := guid[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	return schemes[string(lower[:len(guid)])]
}

// finishMerchant checks what takes several objects: presence, amount, tip.
func (c *Code) finishMerchant(seen *[100]bool) error {
	account := false
	for id := 2; id <= 51; id++ {
		account = account || seen[id]
	}
	if !account {
		return &Error{Code: CodeMissing, Want: "an account, one of objects 02 to 51", Clause: "EMVCo MPM 4.7.4"}
	}
	if !seen[53] {
		return &Error{Code: CodeMissing, Want: "object 53, the currency", Clause: "EMVCo MPM 4.7.6"}
	}
	for _, want := range []struct {
		id   int
		word string
	}{{52, "category-missing"}, {58, "country-missing"}, {59, "merchant-name-missing"}, {60, "merchant-city-missing"}} {
		if !seen[want.id] {
			c.Deviations = append(c.Deviations, Deviation{Code: want.word, Path: paths[want.id],
				Message: "The object is mandatory; codes of PromptPay and VietQR are seen without it."})
		}
	}
	if !seen[54] {
		return nil
	}
	for i := range c.Fields {
		if c.Fields[i].Path == "54" {
			return c.setAmount(&c.Fields[i])
		}
	}
	return nil
}

// exponents of currencies that do not have two decimals, by ISO 4217 number.
var exponents = map[string]int{"392": 0, "410": 0, "704": 0, "048": 3, "414": 3, "512": 3, "788": 3}

// setAmount reads object 54: digits with at most one point, decimals up to the
// currency's exponent. Zero is a deviation: Pix writes it where the payer decides.
func (c *Code) setAmount(f *Field) error {
	exponent, ok := exponents[c.Currency]
	if !ok {
		exponent = 2
	}
	whole, decimals, _ := strings.Cut(f.Value, ".")
	if whole == "" || len(f.Value) > 13 || !allDigits(whole) || !allDigits(decimals) {
		return badAmount(f, exponent)
	}
	if len(decimals) > exponent {
		if c.Currency == "156" {
			return badAmount(f, exponent) // A fen cannot be split.
		}
		c.Deviations = append(c.Deviations, Deviation{Code: "amount-decimals", Path: "54", Offset: f.Offset,
			Message: "More decimals than the currency has; seen in JPY codes."})
		return nil // Not an amount that can be paid as it stands.
	}
	n := int64(0) // At most 13 digits: no overflow, with up to 3 more for the exponent.
	for i := 0; i < len(f.Value); i++ {
		if f.Value[i] != '.' {
			n = n*10 + int64(f.Value[i]-'0')
		}
	}
	for range exponent - len(decimals) {
		n *= 10
	}
	if n == 0 {
		c.Deviations = append(c.Deviations, Deviation{Code: "amount-zero", Path: "54", Offset: f.Offset,
			Message: "The amount is zero; Pix codes are seen to leave it to the payer that way."})
		return nil
	}
	c.HasAmount, c.AmountFen = true, n
	return nil
}

func badAmount(f *Field, exponent int) error {
	return &Error{Code: CodeAmount, Offset: f.Offset, Found: fmt.Sprintf("%d characters", len(f.Value)),
		Want: fmt.Sprintf("digits with at most %d decimals", exponent), Clause: "EMVCo MPM 4.7.7"}
}

func allDigits(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// paths and templatePaths are the texts of all paths, so that decoding makes none.
var paths, templatePaths = makePaths()

func makePaths() (root [100]string, inner [100][100]string) {
	for i := range root {
		root[i] = fmt.Sprintf("%02d", i)
		for j := range inner[i] {
			inner[i][j] = fmt.Sprintf("%02d.%02d", i, j)
		}
	}
	return root, inner
}

var rootNames = [100]string{
	0: "payload format", 1: "point of initiation", 15: "unionpay account", 16: "unionpay account",
	52: "merchant category", 53: "currency", 54: "amount", 55: "tip indicator", 56: "fixed fee",
	57: "percentage fee", 58: "country", 59: "merchant name", 60: "merchant city", 61: "postal code", 63: "crc",
}
