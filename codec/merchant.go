package codec

import (
	"math/bits"
	"unicode/utf8"
)

// charactersMax is the longest merchant presented code (EMVCo MPM 3.1).
const charactersMax = 512

// merchantReader takes a merchant presented code apart in one pass. It lives on the
// stack of one decoding and makes no text: every value is a part of the code's own.
type merchantReader struct {
	text string
	into *Code

	// Bytes outside ASCII are all in text[wideFrom:wideTo]: elsewhere a length counts
	// bytes as well as characters.
	wideFrom, wideTo int
	byteLengths      bool // Lengths count bytes everywhere.

	names bool // The account that is read says who the payee is.
	seen  idSet
	held  [5]held // Objects 53 to 57, which are checked together.
}

// held is a value whose check waits until the whole code is read.
type held struct {
	value string
	at    int
}

const heldFirst = 53 // Currency, amount, tip indicator, fixed fee, percentage fee.

// idSet is a set of ids 00 to 99.
type idSet [2]uint64

func (s *idSet) has(id int) bool { return s[id>>6&1]&(1<<(id&63)) != 0 }

// add reports false where id is in the set already.
func (s *idSet) add(id int) bool {
	word, bit := &s[id>>6&1], uint64(1)<<(id&63)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// decodeMerchant reads an EMVCo merchant presented code: the checksum first, then every
// object. A wrong or missing checksum and a broken length are never forgiven.
func decodeMerchant(profile Profile, text string, into *Code) error {
	r := merchantReader{text: text, into: into}
	if err := r.read(); err != nil {
		if profile != ByteLengths || err.Code == CodeCRC || r.wideTo == 0 {
			return err
		}
		*into = Code{Fields: into.Fields[:0], Deviations: into.Deviations[:0]}
		r = merchantReader{text: text, into: into, byteLengths: true}
		if r.read() != nil {
			return err // What is wrong with the code as the standard counts.
		}
		r.deviate(deviationByteLengths, "", 0)
	}
	into.callByScheme()
	return judge(profile, into)
}

func (r *merchantReader) read() *Error {
	r.into.Standard, r.into.Mode, r.into.Static = EMVMerchant, MerchantPresented, true
	r.wideFrom, r.wideTo = wideSpan(r.text)
	if err := r.checkCRC(); err != nil {
		return err
	}
	if err := r.root(); err != nil {
		return err
	}
	return r.finish()
}

// wideSpan gives where the bytes outside ASCII begin and end; 0, 0 where there are none.
func wideSpan(text string) (from, to int) {
	const high = 0x8080808080808080
	from = -1
	i := 0
	for ; i+8 <= len(text); i += 8 {
		b := text[i : i+8]
		word := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		if word &= high; word != 0 {
			if from < 0 {
				from = i + bits.TrailingZeros64(word)>>3
			}
			to = i + 8 - bits.LeadingZeros64(word)>>3
		}
	}
	for ; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			if from < 0 {
				from = i
			}
			to = i + 1
		}
	}
	return max(from, 0), to
}

// checkCRC demands the checksum of all that stands before it as the last four bytes. A
// code that does not end in one is walked, to tell a truncated code from one without.
func (r *merchantReader) checkCRC() *Error {
	text, n := r.text, len(r.text)
	if n < 8 || text[n-8:n-4] != "6304" {
		return r.missingCRC()
	}
	got, lower, ok := hexDigits(text[n-4:])
	if want := fastCRC(text[:n-4]); !ok || got != want {
		return crcFault(text, want)
	}
	if lower {
		r.deviate(deviationCRCLower, "63", n-4)
	}
	return nil
}

// hexDigits reads four hexadecimal digits.
func hexDigits(text string) (value uint16, lower, ok bool) {
	for i := range 4 {
		c := text[i]
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c-'A' <= 5:
			c -= 'A' - 10
		case c-'a' <= 5:
			c -= 'a' - 10
			lower = true
		default:
			return 0, false, false
		}
		value = value<<4 | uint16(c)
	}
	return value, lower, true
}

// object reads the id and the length that stand at byte at, and gives the end of the
// value, which begins four bytes on. The end is -1 where text[:end] holds no object
// there; fault then says why.
func (r *merchantReader) object(at, end int) (id, to int) {
	if end-at < 4 {
		return 0, -1
	}
	head := r.text[at : at+4]
	a, b, c, d := head[0]-'0', head[1]-'0', head[2]-'0', head[3]-'0'
	if a > 9 || b > 9 || c > 9 || d > 9 {
		return 0, -1
	}
	count := int(c)*10 + int(d)
	to = at + 4 + count
	if to > end {
		return 0, -1 // No character is shorter than a byte.
	}
	if to > r.wideFrom && at+4 < r.wideTo {
		to = r.wideEnd(at+4, count, end)
	}
	return int(a)*10 + int(b), to
}

// wideEnd is the end of count characters, or bytes, that begin at byte at; -1 where
// text[:end] has fewer.
func (r *merchantReader) wideEnd(at, count, end int) int {
	if r.byteLengths {
		if to := at + count; to == end || utf8.RuneStart(r.text[to]) {
			return to
		}
		return -1
	}
	for range count {
		if at >= end {
			return -1
		}
		_, size := utf8.DecodeRuneInString(r.text[at:end])
		at += size
	}
	return at
}

// root takes the objects of the root.
func (r *merchantReader) root() *Error {
	text, into := r.text, r.into
	for at := 0; at < len(text); {
		id, to := r.object(at, len(text))
		if to < 0 {
			return r.fault(at, len(text))
		}
		if !r.seen.add(id) {
			return duplicateFault(at)
		}
		from := at + 4
		at = to
		e := &rootLayout[id]
		if e.inner != nil {
			if err := r.rootTemplate(id, from, to); err != nil {
				return err
			}
			continue
		}
		path := rootPaths.path[id]
		if err := r.check(e, path, from, to); err != nil {
			return err
		}
		value := text[from:to]
		into.add(path, e.name, value, from)
		if err := r.take(id, value, from); err != nil {
			return err
		}
	}
	return nil
}

// take puts the value of root object id where it belongs.
func (r *merchantReader) take(id int, value string, at int) *Error {
	into := r.into
	switch id {
	case 0:
		if value != "01" {
			return formatFault(at, "payload format 01", "EMVCo MPM 4.7.1")
		}
	case 1:
		if value != "11" && value != "12" {
			return formatFault(at, "11 or 12", "EMVCo MPM 4.7.2")
		}
		into.Static = value == "11"
	case 15, 16:
		into.setUnionPay(value)
	case 52:
		into.Merchant.Category = value
	case 53:
		into.Currency = value
		r.held[0] = held{value, at}
	case 54, 55, 56, 57:
		r.held[id-heldFirst] = held{value, at}
	case 58:
		into.Merchant.Country = value
	case 59:
		into.Merchant.Name = value
	case 60:
		into.Merchant.City = value
	case 63:
		if at+4 != len(r.text) {
			return &Error{Code: CodeOrder, Offset: at - 4, Found: "object 63 before the end",
				Want: "the CRC last", Clause: "EMVCo MPM 4.4.2"}
		}
	}
	return nil
}

// check demands the form of a primitive value. What real codes are seen to do is a
// deviation, for the profile to judge; the rest is an error.
func (r *merchantReader) check(e *entry, path string, from, to int) *Error {
	size := to - from
	if size == 0 {
		return emptyFault(from - 2)
	}
	wide := to > r.wideFrom && from < r.wideTo
	if e.form >= formDigits && !e.form.holds(r.text[from:to]) {
		return formatFault(from, formWords[e.form], "EMVCo MPM 4.3")
	}
	if e.max != 0 && size != int(e.max) {
		if wide {
			size = utf8.RuneCountInString(r.text[from:to])
		}
		if e.exact && size != int(e.max) {
			return formatFault(from, lengthWords[e.max], "EMVCo MPM table 3.1")
		}
		if size > int(e.max) {
			r.deviate(deviationLong, path, from)
		}
	}
	if wide && e.form == formANS && utf8.RuneCountInString(r.text[from:to]) < to-from {
		r.deviate(deviationWide, path, from)
	}
	return nil
}

// rootTemplate takes the objects of a template of the root.
func (r *merchantReader) rootTemplate(id, from, to int) *Error {
	l, row := rootLayout[id].inner, rootPaths.inner[id]
	if from == to {
		r.empty(rootPaths.path[id], rootLayout[id].name, from)
		return nil
	}
	if id <= 51 {
		if a := accountOf(id, r.identifier(from, to)); a != nil {
			l = a.at(id)
			r.names = r.into.nameScheme(a.scheme)
		}
	}
	seen, err := r.template(row, l, from, to)
	if err != nil {
		return err
	}
	switch {
	case id == 62 || seen.has(0) && (id != 64 || seen.has(1)):
	case id == 64:
		r.deviate(deviationLanguage, rootPaths.path[id], from)
	default:
		r.deviate(deviationIdentifier, rootPaths.path[id], from)
	}
	return nil
}

// empty notes a template of length 00. It stands among the fields, without a value,
// since it has no parts to stand for it.
func (r *merchantReader) empty(path, name string, at int) {
	r.into.add(path, name, "", at)
	r.deviate(deviationEmpty, path, at)
}

// identifier gives the value of object 00 of a template, which is its first in nearly
// every code. Empty where there is none; a broken template is found when it is read.
func (r *merchantReader) identifier(from, to int) string {
	for from < to {
		id, end := r.object(from, to)
		if end < 0 {
			return ""
		}
		if id == 0 {
			return r.text[from+4 : end]
		}
		from = end
	}
	return ""
}

// template takes the objects of a template, and of those in it.
func (r *merchantReader) template(row *pathRow, l *layout, from, to int) (seen idSet, err *Error) {
	text, into := r.text, r.into
	for at := from; at < to; {
		id, end := r.object(at, to)
		if end < 0 {
			return seen, r.fault(at, to)
		}
		if !seen.add(id) {
			return seen, duplicateFault(at)
		}
		from := at + 4
		at = end
		e := &l[id]
		if e.inner != nil {
			if err := r.innerTemplate(row, e, id, from, end); err != nil {
				return seen, err
			}
			continue
		}
		path := row.path[id]
		if err := r.check(e, path, from, end); err != nil {
			return seen, err
		}
		value := text[from:end]
		into.add(path, e.name, value, from)
		if e.role != roleNone && r.names {
			into.setRole(e.role, value)
		}
		if l == additionalLayout && id == 9 && !isDataRequest(value) {
			return seen, formatFault(from, "letters A, M and E, each once", "EMVCo MPM 4.8.1.4")
		}
	}
	return seen, nil
}

// innerTemplate takes a template within a template. How deep they nest is the layouts'
// to say, never the code's.
func (r *merchantReader) innerTemplate(row *pathRow, e *entry, id, from, to int) *Error {
	if from == to {
		r.empty(row.path[id], e.name, from)
		return nil
	}
	seen, err := r.template(row.inner[id], e.inner, from, to)
	if err == nil && e.inner == unreservedLayout && !seen.has(0) {
		r.deviate(deviationIdentifier, row.path[id], from)
	}
	return err
}

// setRole notes what an account says of the payee. What is named first stays.
func (c *Code) setRole(role role, value string) {
	switch {
	case role == rolePayee && c.Merchant.ID == "":
		c.Merchant.ID = value
	case role == roleAcquirer && c.Merchant.Acquirer == "":
		c.Merchant.Acquirer = value
	}
}

// isDataRequest reports whether value asks for address, mobile number and e-mail, each
// at most once.
func isDataRequest(value string) bool {
	var asked [3]bool
	for i := range len(value) {
		var which int
		switch value[i] {
		case 'A':
			which = 0
		case 'M':
			which = 1
		case 'E':
			which = 2
		default:
			return false
		}
		if asked[which] {
			return false
		}
		asked[which] = true
	}
	return true
}
