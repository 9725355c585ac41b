package codec

import (
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// textMax is the largest number of bytes of a text that is looked at: four times the
// 512 characters of EMVCo clause 3.1, for text of four bytes a character.
const textMax = 4 * 512

// scannerSpace is what scanners put around a code.
const scannerSpace = " \t\r\n"

// Decoder tells what payment codes are. It does not change and may be used by many
// goroutines at once.
type Decoder struct {
	payCodes     *payIndex
	links        *linkIndex
	applications []application // The one preferred stands first.
}

var standard = sync.OnceValue(func() *Decoder { return BuiltIn().At(time.Now()) })

// Default is the decoder of the rules that this build carries, as they are in force when it is
// first asked for.
func Default() *Decoder { return standard() }

// Decode is DecodeWith under the profile Auto.
func (d *Decoder) Decode(text string, into *Code) error { return d.DecodeWith(Auto, text, into) }

// DecodeWith says what text is, into into, whose slices are reused and whose strings
// alias text. White space, CR and LF around the code are what scanners add; they are
// ignored. The error is an *Error; into then means nothing. What a profile forgives is
// listed in into.Deviations; Strict forgives nothing of any standard.
//
// The families are told apart in this order: 0002 is EMVCo merchant presented; hQVDUFY,
// which is "CPV" in base64, EMVCo consumer presented; a scheme and "://" is a link; digits,
// or fp and 33 characters, are a payer's code. Only the EMVCo standards have profiles.
func (d *Decoder) DecodeWith(profile Profile, text string, into *Code) error {
	text = strings.Trim(text, scannerSpace)
	*into = Code{Fields: into.Fields[:0], Deviations: into.Deviations[:0], scratch: into.scratch}
	if profile != Auto && profiles[profile] == nil {
		return &Error{Code: CodeProfile, Want: "the name of a profile"}
	}
	if err := checkText(text); err != nil {
		return err
	}
	if strings.HasPrefix(text, "0002") {
		return decodeMerchant(profile, text, into)
	}
	if strings.HasPrefix(text, consumerStart) {
		return d.decodeConsumer(profile, text, into)
	}
	if strings.Contains(text, "://") {
		return d.decodeLink(text, into)
	}
	return d.decodePayCode(text, into)
}

// checkText refuses what no code can be.
func checkText(text string) error {
	switch {
	case text == "":
		return &Error{Code: CodeEmpty, Want: "a code"}
	case len(text) > textMax:
		return &Error{Code: CodeTooLong, Offset: textMax, Found: "more bytes", Want: "at most 2048"}
	case !utf8.ValidString(text):
		return &Error{Code: CodeNotUTF8, Want: "UTF-8"}
	}
	for i := 0; i < len(text); i++ {
		if text[i] < ' ' || text[i] == 0x7F {
			return &Error{Code: CodeControl, Offset: i, Found: "a control character", Want: "printable text"}
		}
	}
	return nil
}
