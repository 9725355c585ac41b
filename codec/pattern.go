package codec

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// class is a set of ASCII characters.
type class [2]uint64

var (
	digitClass        = classOf(func(b byte) bool { return b-'0' <= 9 })
	alphanumericClass = classOf(isAlphanumeric)
)

func classOf(member func(byte) bool) (c class) {
	for b := range byte(128) {
		if member(b) {
			c.put(b)
		}
	}
	return c
}

func (c *class) has(b byte) bool { return b < 128 && c[b>>6]&(1<<(b&63)) != 0 }
func (c *class) put(b byte)      { c[b>>6] |= 1 << (b & 63) }

// both is what c and other have in common, and whether that is anything.
func (c class) both(other class) (class, bool) {
	c[0], c[1] = c[0]&other[0], c[1]&other[1]
	return c, c[0]|c[1] != 0
}

// single reports whether c is one character.
func (c class) single() bool { return bits.OnesCount64(c[0])+bits.OnesCount64(c[1]) == 1 }

// within reports whether every character of c is one of other.
func (c class) within(other class) bool { return c[0]&^other[0]|c[1]&^other[1] == 0 }

// least is the lowest character of c.
func (c class) least() byte {
	for b := range byte(128) {
		if c.has(b) {
			return b
		}
	}
	return 0
}

// all lists the characters of c.
func (c class) all() []byte {
	var list []byte
	for b := range byte(128) {
		if c.has(b) {
			list = append(list, b)
		}
	}
	return list
}

// parseClass reads what stands between brackets: characters and ranges, inverted by ^ among
// digits and letters.
func parseClass(text string) (class, error) {
	var c class
	invert := strings.HasPrefix(text, "^")
	text = strings.TrimPrefix(text, "^")
	for i := 0; i < len(text); i++ {
		from, to := text[i], text[i]
		if i+2 < len(text) && text[i+1] == '-' {
			to = text[i+2]
			i += 2
		}
		if from > to || !isAlphanumeric(from) || !isAlphanumeric(to) {
			return c, fmt.Errorf("class [%s], want digits, letters and ranges of them", text)
		}
		for b := int(from); b <= int(to); b++ {
			if isAlphanumeric(byte(b)) {
				c.put(byte(b))
			}
		}
	}
	if invert {
		c[0], c[1] = alphanumericClass[0]&^c[0], alphanumericClass[1]&^c[1]
	}
	if c == (class{}) {
		return c, fmt.Errorf("class [%s] has no characters", text)
	}
	return c, nil
}

func isAlphanumeric(b byte) bool {
	return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z'
}

// pattern is the form of a payer's code: the class of each character up to fixed, then
// between min-fixed and max-fixed characters of rest.
type pattern struct {
	fixed    []class
	rest     class
	min, max int // Characters of a whole code.
}

// payLengthMax is the longest payer's code that a rule may describe, in characters.
const payLengthMax = 64

// parsePattern reads a form of a payer's code: digits and letters for themselves, \d for a
// digit, [0-57-9] for one of a class, each once or {n} times, the last one also {n,m} times.
// It is a small part of regular expressions: two such forms can be held against each other.
func parsePattern(text string) (pattern, error) {
	var p pattern
	text = strings.TrimSuffix(strings.TrimPrefix(text, "^"), "$")
	for at := 0; at < len(text); {
		c, next, err := classAt(text, at)
		if err != nil {
			return p, err
		}
		least, most, next, err := timesAt(text, next)
		if err != nil {
			return p, err
		}
		if least != most && next != len(text) {
			return p, fmt.Errorf("{%d,%d} before the end", least, most)
		}
		for range least {
			p.fixed = append(p.fixed, c)
		}
		p.rest, p.min, p.max = c, len(p.fixed), len(p.fixed)+most-least
		if p.max > payLengthMax {
			return p, fmt.Errorf("more than %d characters", payLengthMax)
		}
		at = next
	}
	if p.min == 0 {
		return p, fmt.Errorf("it fits an empty text")
	}
	return p, nil
}

func classAt(text string, at int) (class, int, error) {
	switch c := text[at]; {
	case c == '\\':
		if at+1 < len(text) && text[at+1] == 'd' {
			return digitClass, at + 2, nil
		}
		return class{}, 0, fmt.Errorf(`a backslash without d`)
	case c == '[':
		end := strings.IndexByte(text[at:], ']')
		if end < 0 {
			return class{}, 0, fmt.Errorf("[ without ]")
		}
		got, err := parseClass(text[at+1 : at+end])
		return got, at + end + 1, err
	case isAlphanumeric(c):
		var got class
		got.put(c)
		return got, at + 1, nil
	default:
		return class{}, 0, fmt.Errorf("%q, want a digit, a letter, \\d or a class", c)
	}
}

func timesAt(text string, at int) (least, most, next int, err error) {
	if at >= len(text) || text[at] != '{' {
		return 1, 1, at, nil
	}
	end := strings.IndexByte(text[at:], '}')
	if end < 0 {
		return 0, 0, 0, fmt.Errorf("{ without }")
	}
	least, most, err = parseSpan(text[at+1:at+end], ",")
	return least, most, at + end + 1, err
}

// parseSpan reads "16" or, with separator "-", "16-24".
func parseSpan(text, separator string) (least, most int, err error) {
	first, second, two := strings.Cut(text, separator)
	if !two {
		second = first
	}
	least, err = strconv.Atoi(strings.TrimSpace(first))
	if err == nil {
		most, err = strconv.Atoi(strings.TrimSpace(second))
	}
	if err != nil || least < 0 || most < least || most > payLengthMax {
		return 0, 0, fmt.Errorf("%q, want a number up to %d, or two of them in order", text, payLengthMax)
	}
	return least, most, nil
}

// at is the class of character i.
func (p *pattern) at(i int) class {
	if i < len(p.fixed) {
		return p.fixed[i]
	}
	return p.rest
}

// fits reports whether text has the form.
func (p *pattern) fits(text string) bool {
	if len(text) < p.min || len(text) > p.max {
		return false
	}
	for i := range p.fixed {
		if !p.fixed[i].has(text[i]) {
			return false
		}
	}
	for i := len(p.fixed); i < len(text); i++ {
		if !p.rest.has(text[i]) {
			return false
		}
	}
	return true
}

// prefixExpandMax bounds the prefixes that one pattern is found by.
const prefixExpandMax = 1024

// prefixes lists beginnings that together every text of the form has, as long as they stay
// few and short.
func (p *pattern) prefixes() []string {
	list := []string{""}
	for i := range p.fixed {
		characters := p.fixed[i].all()
		if len(list)*len(characters) > prefixExpandMax || len(characters) >= 10 {
			break
		}
		var longer []string
		for _, beginning := range list {
			for _, c := range characters {
				longer = append(longer, beginning+string(rune(c)))
			}
		}
		list = longer
	}
	return list
}

// common is a text that both forms fit; false where there is none.
func (p *pattern) common(other *pattern) (string, bool) {
	for size := max(p.min, other.min); size <= min(p.max, other.max); size++ {
		if text, ok := p.commonOf(other, size); ok {
			return text, true
		}
	}
	return "", false
}

func (p *pattern) commonOf(other *pattern, size int) (string, bool) {
	text := make([]byte, size)
	for i := range text {
		shared, ok := p.at(i).both(other.at(i))
		if !ok {
			return "", false
		}
		text[i] = shared.least()
	}
	return string(text), true
}
