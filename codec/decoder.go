package codec

import (
	"strings"
	"unicode/utf8"
)

// textMax is the largest number of bytes of a text that is looked at: four times the
// 512 characters of EMVCo clause 3.1, for text of four bytes a character.
const textMax = 4 * 512

// Decoder tells what payment codes are. It does not change and may be used by many
// goroutines at once.
type Decoder struct {
	payCodes [256][]payRule // By the first two digits, as prefixIndex gives them.
	links    map[string][]linkRule
}

var standard = newDecoder(payRules, linkRules)

// Default is the decoder with the rules that this build carries.
func Default() *Decoder { return standard }

func newDecoder(pay []payRule, links []linkRule) *Decoder {
	d := &Decoder{links: map[string][]linkRule{}}
	for _, rule := range pay {
		i := prefixIndex(rule.prefix)
		d.payCodes[i] = append(d.payCodes[i], rule)
	}
	for _, rule := range links {
		d.links[rule.host] = append(d.links[rule.host], rule)
	}
	return d
}

// Decode says what text is, into into, whose slices are reused and whose strings alias
// text. White space, CR and LF around the code are what scanners add; they are ignored.
// The error is an *Error.
//
// The families are told apart in this order: 000201 is EMVCo merchant presented; a
// scheme and "://" is a link; digits, or fp and 33 characters, are a payer's code.
func (d *Decoder) Decode(text string, into *Code) error {
	text = strings.Trim(text, " \t\r\n")
	*into = Code{Fields: into.Fields[:0], Deviations: into.Deviations[:0]}
	switch {
	case text == "":
		return &Error{Code: CodeEmpty, Want: "a code"}
	case len(text) > textMax:
		return &Error{Code: CodeTooLong, Offset: textMax, Found: "more bytes", Want: "at most 2048"}
	case !utf8.ValidString(text):
		return &Error{Code: CodeNotUTF8, Want: "UTF-8"}
	case strings.HasPrefix(text, "0002"):
		return decodeMerchant(text, into)
	case strings.Contains(text, "://"):
		return d.decodeLink(text, into)
	}
	return d.decodePayCode(text, into)
}
