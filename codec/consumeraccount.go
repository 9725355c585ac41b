package codec

import (
	"bytes"
	"encoding/hex"
	"strings"
)

// The digits of an account number (ISO/IEC 7812-1), and how many of them may be shown.
const (
	accountDigitsMin   = 8
	accountDigitsMax   = 19
	accountShownBefore = 6
	accountShownAfter  = 4
	accountShownWhole  = 13 // Digits from which on both ends are shown.
)

// trackDigitsMin is what track 2 holds at least behind the separator: expiry and service code.
const trackDigitsMin = 4 + 3

// accountWords are the two forms: of a number alone, and of track 2.
var accountWords = map[bool]string{false: "8 to 19 digits of an account and padding F",
	true: "8 to 19 digits of an account, D, 7 digits or more, at most one padding F"}

// accountDigits counts the digits of the account number that data begins with, two to a
// byte. In object 5A padding F may follow, as often as fills it (format cn); in track 2 the
// separator D and digits must, and one F may. It is false where that is not so, or the digits
// are too few or too many.
func accountDigits(data []byte, t tag) (count int, ok bool) {
	at := digitsFrom(data, 0)
	count = at
	if t == tagTrack2 {
		if at == 2*len(data) || nibbleAt(data, at) != 0xD {
			return count, false
		}
		at = digitsFrom(data, at+1)
		if at-count-1 < trackDigitsMin || 2*len(data)-at > 1 {
			return count, false
		}
	}
	for ; at < 2*len(data); at++ {
		if nibbleAt(data, at) != 0xF {
			return count, false
		}
	}
	return count, count >= accountDigitsMin && count <= accountDigitsMax
}

// digitsFrom is where the digits end that begin at half byte at.
func digitsFrom(data []byte, at int) int {
	for at < 2*len(data) && nibbleAt(data, at) <= 9 {
		at++
	}
	return at
}

// nibbleAt is half byte at of data.
func nibbleAt(data []byte, at int) byte {
	if at%2 == 1 {
		return data[at/2] & 15
	}
	return data[at/2] >> 4
}

// maskAccount hides in text, hexadecimal digits that begin with an account number, all of
// it but the first six and the last four digits; and everything behind it, which is the
// card's expiry and secrets.
func maskAccount(text []byte) {
	end := len(text)
	for i, c := range text {
		if c > '9' {
			end = i
			break
		}
	}
	for i := range text {
		if i < end && !accountShows(i, end) || i > end && text[i] != 'F' {
			text[i] = '*'
		}
	}
}

// accountShows reports whether digit i of a number of so many may be shown. Of a short one
// the first six are hidden too: the check digit would give away what is left.
func accountShows(i, digits int) bool {
	switch {
	case digits < accountDigitsMin:
		return false
	case digits < accountShownWhole && i < accountShownBefore:
		return false
	}
	return i < accountShownBefore || i >= digits-accountShownAfter
}

// hideAccounts masks what names an account in everything that was read: the objects that are
// made for it, those within a template that is kept as one value, and the code's own numbers
// wherever else they stand.
func (r *consumerReader) hideAccounts() {
	var numbers [2][]byte
	var digits [2][accountDigitsMax]byte
	size := len(r.data)
	for i := range r.fields[:r.count] {
		f := &r.fields[i]
		if (f.tag == tagPAN || f.tag == tagTrack2) && f.outer() {
			count, _ := accountDigits(r.data[f.from:f.to], f.tag)
			own := &digits[f.tag&1]
			copy(own[:], r.room[size+2*f.from:size+2*f.from+count])
			numbers[f.tag&1] = own[:count]
		}
	}
	for i := range r.fields[:r.count] {
		switch f := &r.fields[i]; {
		case f.tag.secret():
			r.hide(f.from, f.to)
		case f.tag.constructed():
			r.hideWithin(f.from, f.to)
		}
	}
	for _, number := range numbers {
		r.hideNumber(number)
	}
}

// hide masks the account that data[from:to] begins with.
func (r *consumerReader) hide(from, to int) {
	size := len(r.data)
	maskAccount(r.room[size+2*from : size+2*to])
	clear(r.data[from:to])
}

// hideWithin masks the accounts among objects that are not listed one by one, because of how
// they are nested, how their lengths are written, or what else stands there. It looks at every
// byte, since nothing says where an object begins.
func (r *consumerReader) hideWithin(from, end int) {
	for at := from; at < end; at++ {
		if o, err := readTLV(r.data, at, end); err == nil && o.tag.secret() && r.likeAccount(o) {
			r.hide(o.from, o.to)
		}
	}
}

// likeAccount reports whether the value of a secret object looks like one, for tags of one byte
// that any data may hold.
func (r *consumerReader) likeAccount(o tlv) bool {
	switch value := r.data[o.from:o.to]; o.tag {
	case tagPAN, tagTrack2:
		return digitsFrom(value, 0) >= accountDigitsMin // Whatever follows: it need not be right.
	case tagTrack1:
		return len(value) > accountDigitsMin && value[0] == 'B' // ISO/IEC 7813, structure B.
	}
	return true
}

// hideNumber masks a number wherever it stands, as half bytes or as text.
func (r *consumerReader) hideNumber(number []byte) {
	if len(number) == 0 {
		return
	}
	size := len(r.data)
	values := r.room[size : 3*size]
	for at := bytes.Index(values, number); at >= 0; at = bytes.Index(values, number) {
		maskAccount(values[at : at+len(number)])
	}
	for at := bytes.Index(r.data, number); at >= 0; at = bytes.Index(r.data, number) {
		for i := range number {
			if !accountShows(i, len(number)) {
				r.data[at+i], values[2*(at+i)], values[2*(at+i)+1] = '*', '*', '*'
			}
		}
	}
}

// AccountNumber is the whole account number (PAN) of a consumer presented code, digits only:
// that of object 5A, or of object 57 where there is none, in the application that d chooses
// or the common data. It is what Fields mask. Who calls this keeps the number out of logs,
// records and messages. The error is an *Error; CodeMissing where the code has no account.
func (d *Decoder) AccountNumber(text string) (string, error) {
	text = trimScanner(text)
	if err := checkText(text); err != nil {
		return "", err
	}
	if !strings.HasPrefix(text, consumerStart) {
		return "", &Error{Code: CodeUnknown, Want: "a consumer presented code"}
	}
	var into Code
	r := consumerReader{into: &into}
	if err := r.decodeText(text); err != nil {
		return "", err
	}
	if _, err := r.root(d.applications); err != nil {
		return "", err
	}
	for _, wanted := range [...]tag{tagPAN, tagTrack2} {
		for i := range r.fields[:r.count] {
			f := &r.fields[i]
			if f.tag == wanted && f.outer() {
				count, _ := accountDigits(r.data[f.from:f.to], wanted)
				return strings.ToUpper(hex.EncodeToString(r.data[f.from:f.to]))[:count], nil
			}
		}
	}
	return "", &Error{Code: CodeMissing, Offset: len(r.data), Want: "object 5A or 57", Clause: "EMVCo CPM 4.4"}
}
