package codec

import (
	"fmt"
	"strconv"
	"strings"
)

// pathForm is the form of a link's path, written as a template: characters for themselves,
// and in braces a name and what it holds: {issuer:8} is eight digits, {order:digits} digits
// to as far as they go, {code:word} letters, digits, hyphens and underscores, {rest:any} and
// only at the end what is left, possibly nothing.
type pathForm struct {
	steps    []pathStep
	literal  string // What the path begins with.
	literals int    // Characters that stand for themselves.
	fixed    int    // Those, and the ones of parts with a number.
	open     bool   // It ends in {name:any}.
}

// pathStep is one piece of a path: a literal or a named part.
type pathStep struct {
	literal string
	part    linkPart
	kind    uint8 // Of its characters: isDigit or isWord.
	count   int   // Characters exactly; 0 for one or more.
	any     bool
}

// class is the set of the step's characters.
func (s *pathStep) class() class {
	return classOf(func(b byte) bool { return characters[b]&s.kind != 0 })
}

// linkPart is what a named part of a path or a query means.
type linkPart struct {
	path, name string
	role       role
	escaped    bool // It stands in a query, where escapes stand for characters.
}

// pathStepsMax bounds the pieces of a template.
const pathStepsMax = 12

// parsePath reads a template.
func parsePath(text string) (pathForm, error) {
	var p pathForm
	if !strings.HasPrefix(text, "/") && text != "" {
		return p, fmt.Errorf("path %q, want one that begins with a slash", text)
	}
	for text != "" {
		if p.open {
			return p, fmt.Errorf("%q behind a part that takes all", text)
		}
		if len(p.steps) == pathStepsMax {
			return p, fmt.Errorf("more than %d pieces", pathStepsMax)
		}
		step, rest, err := parseStep(text)
		if err != nil {
			return p, err
		}
		if err := p.admits(&step); err != nil {
			return p, err
		}
		p.add(step)
		text = rest
	}
	return p, nil
}

// admits refuses a step that no path could reach, because the one before takes what it begins
// with, and a name that another field of the link has.
func (p *pathForm) admits(step *pathStep) error {
	for i := range p.steps {
		if name := step.part.name; name != "" && name == p.steps[i].part.name {
			return fmt.Errorf("{%s} stands here twice", name)
		}
	}
	switch step.part.name {
	case "host", "path", "uri":
		return fmt.Errorf("{%s}, want a name of its own", step.part.name)
	}
	if len(p.steps) == 0 {
		return nil
	}
	last := &p.steps[len(p.steps)-1]
	if last.literal != "" || last.count != 0 || last.any || step.any {
		return nil
	}
	if step.literal != "" && characters[step.literal[0]]&last.kind != 0 || step.literal == "" && step.class().within(last.class()) {
		return fmt.Errorf("{%s} takes what %s begins with, nothing fits", last.part.name, step)
	}
	return nil
}

// String is the step as it stands in a template, its kind aside.
func (s *pathStep) String() string {
	if s.literal != "" {
		return s.literal
	}
	return "{" + s.part.name + "}"
}

func (p *pathForm) add(step pathStep) {
	if len(p.steps) == 0 {
		p.literal = step.literal
	}
	p.literals += len(step.literal)
	p.fixed += len(step.literal) + step.count
	p.open = step.any
	p.steps = append(p.steps, step)
}

func parseStep(text string) (step pathStep, rest string, err error) {
	if text[0] != '{' {
		end := strings.IndexByte(text, '{')
		if end < 0 {
			end = len(text)
		}
		if i, want := pathFault(text[:end]); want != "" {
			return step, "", fmt.Errorf("%q at character %d, want %s", text[:end], i+1, want)
		}
		return pathStep{literal: text[:end]}, text[end:], nil
	}
	end := strings.IndexByte(text, '}')
	if end < 0 {
		return step, "", fmt.Errorf("{ without } in %q", text)
	}
	name, kind, _ := strings.Cut(text[1:end], ":")
	if name == "" || strings.ContainsAny(name, "{.") {
		return step, "", fmt.Errorf("%q, want {name:kind}", text[:end+1])
	}
	step.part, step.kind = newLinkPart(name, name), isDigit
	switch kind {
	case "digits":
	case "word":
		step.kind = isWord
	case "any":
		step.any = true
	default:
		step.count, err = strconv.Atoi(kind)
		if err != nil || step.count < 1 || step.count > payLengthMax {
			return step, "", fmt.Errorf("%q, want digits, word, any or a number up to %d", text[:end+1], payLengthMax)
		}
	}
	return step, text[end+1:], nil
}

// newLinkPart gives a part its role by the word that names it.
func newLinkPart(path, name string) linkPart {
	return linkPart{path: path, name: name, role: linkRoles[name]}
}

// linkRoles are the words that mean something to a payment.
var linkRoles = map[string]role{
	"issuer": roleIssuer, "merchant": rolePayee, "acquirer": roleAcquirer,
	"merchant name": roleName, "category": roleCategory, "amount": roleAmount,
}

// span is a piece of a text in bytes. No text is longer than textMax.
type span struct{ from, to uint16 }

// match reports whether path, without a query, has the form, and notes in spans where the
// pieces of it lie. A part takes as much as it can: what follows cannot begin with the same.
func (p *pathForm) match(path string, spans *[pathStepsMax]span) bool {
	at := 0
	for i := range p.steps {
		to := p.steps[i].end(path, at)
		if to < 0 {
			return false
		}
		spans[i], at = span{uint16(at), uint16(to)}, to
	}
	return at == len(path)
}

// end is where the step ends that begins at byte at of path, -1 where it does not fit.
func (s *pathStep) end(path string, at int) int {
	switch {
	case s.literal != "":
		if !strings.HasPrefix(path[at:], s.literal) {
			return -1
		}
		return at + len(s.literal)
	case s.any:
		return len(path)
	}
	to, end := at, len(path)
	if s.count != 0 {
		if end = at + s.count; end > len(path) {
			return -1
		}
	}
	for to < end && characters[path[to]]&s.kind != 0 {
		to++
	}
	if to == at || s.count != 0 && to != end {
		return -1
	}
	return to
}

// pathFault finds what no path of a link may hold: what is not printable ASCII, a backslash,
// a fragment, dot segments, and escapes that hide a slash or what needs none. want is empty
// where there is no fault.
func pathFault(path string) (at int, want string) {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if characters[c]&isPath != 0 {
			continue
		}
		switch {
		case c == '/':
			if dotSegment(path[i+1:]) {
				return i, "no dot segments and no empty ones"
			}
		case c == '%':
			if !goodEscape(path[i:]) {
				return i, "escapes of two hexadecimal digits, and only of what needs one"
			}
		case c == '#':
			return i, "no fragment"
		default:
			return i, "a path of printable ASCII without blanks and backslashes"
		}
	}
	return 0, ""
}

// dotSegment reports whether rest, which follows a slash, begins with another slash or is
// led by a segment of dots.
func dotSegment(rest string) bool {
	if rest == "" || rest[0] != '.' {
		return rest != "" && rest[0] == '/'
	}
	rest = strings.TrimPrefix(rest[1:], ".")
	return rest == "" || rest[0] == '/'
}

// goodEscape reports whether text begins with an escape of a character that a path cannot
// hold as it is, other than slash and backslash.
func goodEscape(text string) bool {
	if len(text) < 3 {
		return false
	}
	high, low := hexValue(text[1]), hexValue(text[2])
	if high > 15 || low > 15 {
		return false
	}
	c := high<<4 | low
	return c >= ' ' && c != 0x7F && c != '/' && c != '\\' && !isAlphanumeric(c) && strings.IndexByte("-._~", c) < 0
}

// hexValue is the value of a hexadecimal digit, 255 where c is none.
func hexValue(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}
