// Package object reads the small JSON objects of payment messages strictly and without
// allocating: one pass, exact keys, integers only, valid UTF-8, no key twice.
//
// It knows JSON (RFC 8259). It may not know any message. Compared before: encoding/json
// takes duplicate keys and other spellings of a key; go-json-experiment is as strict and
// takes three to four times as long with four allocations, which two messages a payment
// feel; fastjson is fast and takes duplicate keys.
package object

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Fault is what is wrong with a message.
type Fault uint8

// The faults, in the order in which they are looked for.
const (
	None Fault = iota
	NotUTF8
	Malformed // Not one JSON object, or cut off, or with something after it.
	Duplicate
	Unknown // A key that the reader does not take.
	WrongType
	NotInteger // A number with a fraction or an exponent, or past int64.
	TooDeep
)

var faultNames = [...]string{
	"none", "not UTF-8", "malformed", "duplicate key", "unknown key", "wrong type", "not an integer", "too deep",
}

// Error names the fault, never the content.
func (f Fault) Error() string { return "object: " + faultNames[f] }

// depthMax bounds how deep objects and lists may stand in one another.
const depthMax = 16

// Reader reads one object, key by key:
//
//	r.Reset(body)
//	for r.Next() {
//		switch string(r.Key) {
//		case "amount_fen":
//			amount = r.Int()
//		default:
//			r.Skip()
//		}
//	}
//	if r.Fault != None ...
//
// The first fault stays; after it Next is false and values are zero. Texts alias the
// message unless they hold escapes.
type Reader struct {
	Key   []byte // Of the value to be read now.
	Fault Fault
	Field string // Name of the field at fault, if one is and it is a known one.

	data  []byte
	at    int
	depth int
	first [depthMax]bool // No key was read yet, by depth.
}

// Reset begins with a message. It must be valid UTF-8 as a whole.
func (r *Reader) Reset(data []byte) {
	*r = Reader{data: data}
	if !utf8.Valid(data) {
		r.fail(NotUTF8)
		return
	}
	r.space()
	if !r.take('{') {
		r.fail(Malformed)
		return
	}
	r.depth, r.first[0] = 1, true
}

func (r *Reader) fail(f Fault) {
	if r.Fault == None {
		r.Fault = f
		r.at = len(r.data)
	}
}

// Reject makes f the fault of field, unless one was found before.
func (r *Reader) Reject(f Fault, field string) {
	if r.Fault == None {
		r.Field = field
	}
	r.fail(f)
}

func (r *Reader) space() {
	for r.at < len(r.data) {
		switch r.data[r.at] {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return
		}
	}
}

func (r *Reader) take(c byte) bool {
	if r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

// Next moves to the next key of the object at hand; false at its end or at a fault. At
// the end of the outermost object nothing but white space may follow.
func (r *Reader) Next() bool {
	if r.Fault != None || r.depth == 0 {
		return false
	}
	r.space()
	if r.take('}') {
		r.close()
		return false
	}
	if !r.first[r.depth-1] {
		if !r.take(',') {
			r.fail(Malformed)
			return false
		}
		r.space()
	}
	r.first[r.depth-1] = false
	if r.Key = r.quoted(); r.Fault != None {
		return false
	}
	r.space()
	if !r.take(':') {
		r.fail(Malformed)
		return false
	}
	r.space()
	return true
}

func (r *Reader) close() {
	r.depth--
	if r.depth > 0 {
		return
	}
	r.space()
	if r.at != len(r.data) {
		r.fail(Malformed)
	}
}

// Enter begins the object that is the value at hand; Next then reads its keys until its
// end. The caller goes on with the outer object after that.
func (r *Reader) Enter() bool {
	if !r.take('{') {
		r.fail(WrongType)
		return false
	}
	if r.depth == depthMax {
		r.fail(TooDeep)
		return false
	}
	r.first[r.depth] = true
	r.depth++
	return true
}

// Text reads a string.
func (r *Reader) Text() []byte {
	if r.at >= len(r.data) {
		r.fail(Malformed)
		return nil
	}
	if r.data[r.at] != '"' {
		r.fail(WrongType)
		return nil
	}
	return r.quoted()
}

// quoted reads a string that begins here.
func (r *Reader) quoted() []byte {
	if !r.take('"') {
		r.fail(Malformed)
		return nil
	}
	start := r.at
	for r.at < len(r.data) {
		switch c := r.data[r.at]; {
		case c == '"':
			text := r.data[start:r.at:r.at]
			r.at++
			return text
		case c == '\\':
			return r.escaped(start)
		case c < ' ':
			r.fail(Malformed)
			return nil
		}
		r.at++
	}
	r.fail(Malformed)
	return nil
}

// escaped reads on from the first backslash of a string that began at start.
func (r *Reader) escaped(start int) []byte {
	text := append([]byte(nil), r.data[start:r.at]...)
	for r.at < len(r.data) {
		c := r.data[r.at]
		r.at++
		switch {
		case c == '"':
			return text
		case c < ' ':
			r.fail(Malformed)
			return nil
		case c != '\\':
			text = append(text, c)
		default:
			text = r.escape(text)
		}
	}
	r.fail(Malformed)
	return nil
}

func (r *Reader) escape(text []byte) []byte {
	if r.at >= len(r.data) {
		return text
	}
	c := r.data[r.at]
	r.at++
	switch c {
	case '"', '\\', '/':
		return append(text, c)
	case 'b':
		return append(text, '\b')
	case 'f':
		return append(text, '\f')
	case 'n':
		return append(text, '\n')
	case 'r':
		return append(text, '\r')
	case 't':
		return append(text, '\t')
	case 'u':
		return r.unicode(text)
	}
	r.fail(Malformed)
	return text
}

// unicode reads the digits of a \u escape, and of a second one where the first is half
// of a pair. A half that stands alone is not text.
func (r *Reader) unicode(text []byte) []byte {
	c := r.hex4()
	if utf16.IsSurrogate(c) {
		if !r.take('\\') || !r.take('u') {
			r.fail(NotUTF8)
			return text
		}
		if c = utf16.DecodeRune(c, r.hex4()); c == utf8.RuneError {
			r.fail(NotUTF8)
			return text
		}
	}
	return utf8.AppendRune(text, c)
}

func (r *Reader) hex4() rune {
	if r.at+4 > len(r.data) {
		r.fail(Malformed)
		return 0
	}
	n := rune(0)
	for _, c := range r.data[r.at : r.at+4] {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			n = n<<4 | rune(c-'A'+10)
		default:
			r.fail(Malformed)
			return 0
		}
	}
	r.at += 4
	return n
}

// Int reads an integer in the range of int64, written without fraction or exponent.
func (r *Reader) Int() int64 {
	negative := r.take('-')
	start := r.at
	var n uint64
	for r.at < len(r.data) && r.data[r.at] >= '0' && r.data[r.at] <= '9' {
		if n > (1<<63)/10 {
			r.fail(NotInteger)
			return 0
		}
		n = n*10 + uint64(r.data[r.at]-'0')
		r.at++
	}
	switch {
	case r.at == start && negative:
		r.fail(Malformed)
	case r.at == start:
		r.fail(WrongType)
	case r.data[start] == '0' && r.at > start+1:
		r.fail(Malformed)
	case r.at < len(r.data) && (r.data[r.at] == '.' || r.data[r.at]|0x20 == 'e'):
		r.fail(NotInteger)
	case n > 1<<63-1 && (!negative || n > 1<<63):
		r.fail(NotInteger)
	}
	if r.Fault != None {
		return 0
	}
	if negative {
		return -int64(n)
	}
	return int64(n)
}

// Bool reads true or false.
func (r *Reader) Bool() bool {
	switch {
	case r.word("true"):
		return true
	case r.word("false"):
		return false
	}
	r.fail(WrongType)
	return false
}

func (r *Reader) word(word string) bool {
	if len(r.data)-r.at < len(word) || string(r.data[r.at:r.at+len(word)]) != word {
		return false
	}
	r.at += len(word)
	return true
}
