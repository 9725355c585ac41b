package codec

import (
	"fmt"
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

// Decoder tells what payment codes are: Default has the rules of this build, Rulebook.At those
// of a rule file. It does not change and may be used by many goroutines at once. The zero
// Decoder has no rules; it knows EMVCo codes and no others.
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
	text = trimScanner(text)
	into.empty()
	if profile != Auto && profiles[profile] == nil {
		return &Error{Code: CodeProfile, Want: fmt.Sprintf("one of %v", Profiles())}
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
	if at := linkMark(text); at >= 0 {
		return d.decodeLink(text, at, into)
	}
	return d.decodePayCode(text, into)
}

// linkMark is where the first "://" of text stands, -1 where there is none or text begins with
// a digit, as no link does.
func linkMark(text string) int {
	if text[0]-'0' <= 9 {
		return -1
	}
	at := strings.IndexByte(text, ':')
	if at < 0 || len(text) < at+3 || text[at+1] != '/' || text[at+2] != '/' {
		return strings.Index(text, "://")
	}
	return at
}

// trimScanner takes off what scanners put around a code.
func trimScanner(text string) string {
	if text != "" && text[0] > ' ' && text[len(text)-1] > ' ' {
		return text
	}
	return strings.Trim(text, scannerSpace)
}

// checkText refuses what no code can be.
func checkText(text string) error {
	switch {
	case text == "":
		return &Error{Code: CodeEmpty, Want: "a code"}
	case len(text) > textMax:
		return &Error{Code: CodeTooLong, Offset: textMax, Found: "more bytes", Want: "at most 2048"}
	}
	odd := plainPrefix(text)
	if odd == len(text) {
		return nil
	}
	if !utf8.ValidString(text) {
		return &Error{Code: CodeNotUTF8, Want: "UTF-8"}
	}
	for i := odd; i < len(text); i++ {
		wide := text[i] == 0xC2 && text[i+1] < 0xA0 // U+0080 to U+009F; the text is UTF-8.
		if text[i] < ' ' || text[i] == 0x7F || wide {
			return &Error{Code: CodeControl, Offset: i, Found: "a control character", Want: "printable text"}
		}
	}
	return nil
}

// plainPrefix is how many bytes at the beginning of text are printable ASCII. It looks at
// eight at once and may stop up to seven early.
func plainPrefix(text string) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(text); i += 8 {
		b := text[i : i+8]
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		// The high bit of a byte is set where it is beyond ASCII, below a blank, or a DEL.
		if (w|(w-' '*ones)|((w^0x7F*ones)-ones))&high != 0 {
			return i
		}
	}
	for i < len(text) && characters[text[i]]&isPlain != 0 {
		i++
	}
	return i
}

// characters says of every byte what it may be a part of.
var characters = makeCharacters()

const (
	isPlain uint8 = 1 << iota // Printable ASCII.
	isHost                    // Letters, digits, dot and hyphen.
	isPath                    // Of a link's path as it is: no slash, no percent sign, no mark of a query.
	isDigit
	isWord // Letters, digits, hyphen and underscore.
)

func makeCharacters() (table [256]uint8) {
	for c := ' '; c <= '~'; c++ {
		b := byte(c)
		table[b] = isPlain
		if isAlphanumeric(b) || b == '.' || b == '-' {
			table[b] |= isHost
		}
		if b-'0' <= 9 {
			table[b] |= isDigit
		}
		if isAlphanumeric(b) || b == '-' || b == '_' {
			table[b] |= isWord
		}
		if strings.IndexByte(" \\\"<>^`|#%/", b) < 0 {
			table[b] |= isPath
		}
	}
	return table
}
