package codec

import (
	"encoding/hex"
	"strings"
)

// The digits of an account number (ISO/IEC 7812-1), and how many of them may be shown.
const (
	accountDigitsMin   = 8
	accountDigitsMax   = 19
	accountShownBefore = 6
	accountShownAfter  = 4
)

// accountDigits counts the digits of the account number that data begins with, two to a
// byte: up to the end, the separator D of track 2, or the padding F. It is false where they
// are too few, too many, or followed by what cannot follow.
func accountDigits(data []byte) (count int, ok bool) {
	for i := range 2 * len(data) {
		nibble := data[i/2] >> 4
		if i%2 == 1 {
			nibble = data[i/2] & 15
		}
		if nibble > 9 {
			ok = nibble == 0xD || nibble == 0xF && i == 2*len(data)-1
			return count, ok && count >= accountDigitsMin && count <= accountDigitsMax
		}
		count++
	}
	return count, count >= accountDigitsMin && count <= accountDigitsMax
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
		hidden := i >= accountShownBefore && i < end-accountShownAfter || i > end && text[i] != 'F'
		if hidden || end < accountShownBefore+accountShownAfter && i < end {
			text[i] = '*'
		}
	}
}

// AccountNumber is the whole account number (PAN) of a consumer presented code, digits only:
// that of object 5A, or of object 57 where there is none, in the application that d chooses
// or the common data. It is what Fields mask. Who calls this keeps the number out of logs,
// records and messages. The error is an *Error; CodeMissing where the code has no account.
func (d *Decoder) AccountNumber(text string) (string, error) {
	text = strings.Trim(text, scannerSpace)
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
			if f.tag == wanted && r.has(wanted) {
				count, _ := accountDigits(r.data[f.from:f.to])
				return strings.ToUpper(hex.EncodeToString(r.data[f.from:f.to]))[:count], nil
			}
		}
	}
	return "", &Error{Code: CodeMissing, Offset: len(r.data), Want: "object 5A or 57", Clause: "EMVCo CPM 4.4"}
}
