package codec

import "strings"

// payRule is one form of payer's code: digits with a prefix, in a range of lengths.
type payRule struct {
	prefix   string // Two digits or more.
	min, max int    // Characters.
	scheme   string
	off      bool // Known from one source only: not taken unless switched on.
}

// payRules are the forms that public sources show. Where two fit, the longer prefix
// wins, then the narrower range of lengths.
var payRules = []payRule{
	{"10", 18, 18, "wechat", false}, {"11", 18, 18, "wechat", false}, {"12", 18, 18, "wechat", false},
	{"13", 18, 18, "wechat", false}, {"14", 18, 18, "wechat", false}, {"15", 18, 18, "wechat", false},
	{"25", 16, 24, "alipay", false}, {"26", 16, 24, "alipay", false}, {"27", 16, 24, "alipay", false},
	{"28", 16, 24, "alipay", false}, {"29", 16, 24, "alipay", false}, {"30", 16, 24, "alipay", false},
	{"28100", 24, 24, "alipayplus", false}, {"28101", 24, 24, "alipayplus", false},
	{"28102", 24, 24, "alipayplus", false}, {"25100102", 24, 24, "alipayplus", false},
	{"62", 19, 19, "unionpay", false},
	{"01", 19, 19, "ecny", false},
	{"18", 18, 18, "jd", true}, {"51", 18, 18, "bestpay", true},
}

// prefixIndex packs two digits into a byte.
func prefixIndex(text string) byte { return (text[0]-'0')<<4 | (text[1]-'0')&15 }

// fits reports whether text has r's form.
func (r *payRule) fits(text string) bool {
	return !r.off && len(text) >= r.min && len(text) <= r.max && strings.HasPrefix(text, r.prefix)
}

// better reports whether r goes before other where both fit.
func (r *payRule) better(other *payRule) bool {
	if len(r.prefix) != len(other.prefix) {
		return len(r.prefix) > len(other.prefix)
	}
	return r.max-r.min < other.max-other.min
}

// decodePayCode reads a payer's code. Its digits are never part of an error.
func (d *Decoder) decodePayCode(text string, into *Code) error {
	into.Standard, into.Mode = PayCode, CustomerPresented
	if len(text) == 35 && strings.HasPrefix(text, "fp") && alphanumeric(text[2:]) {
		into.Scheme = "alipay"
		into.Fields = append(into.Fields, Field{Path: "code", Name: "face token", Value: text})
		return nil
	}
	if len(text) < 2 || !allDigits(text) {
		return &Error{Code: CodeUnknown, Want: "an EMVCo code, a link or the digits of a payer's code"}
	}
	var best *payRule
	rules := d.payCodes[prefixIndex(text)]
	for i := range rules {
		if rules[i].fits(text) && (best == nil || rules[i].better(best)) {
			best = &rules[i]
		}
	}
	if best == nil {
		return &Error{Code: CodeUnknown, Found: "a prefix and length of no scheme", Want: "a known payer's code"}
	}
	into.Scheme = best.scheme
	into.Fields = append(into.Fields, Field{Path: "code", Name: "payment code", Value: text})
	return nil
}

func alphanumeric(text string) bool {
	for i := 0; i < len(text); i++ {
		c := text[i] | 0x20
		if (c < 'a' || c > 'z') && (text[i] < '0' || text[i] > '9') {
			return false
		}
	}
	return true
}
