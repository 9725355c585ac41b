package routing

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// The limits on a file, each refused by name. Together they bound what the YAML
// library is given: no deep nesting, no references, nothing large.
const (
	tableBytesMax = 4 << 20   // A YAML file, in bytes. Long lists of prefixes belong in CSV.
	listBytesMax  = 256 << 20 // A CSV list, in bytes.
	lineBytesMax  = 4096      // One line of YAML, in bytes.
	flowDepthMax  = 32        // Nested [ and { in YAML.
	faultsMax     = 100       // Faults reported of one file.
)

// Fault is one place of a file that cannot be read. Line and Column count from 1;
// Column counts characters.
type Fault struct {
	Line, Column int
	Message      string
}

// Malformed is the error of a file that cannot be read. It lists all faults found, in
// the order of the file.
type Malformed struct {
	File   string // As given by the caller; empty for text without a name.
	Faults []Fault
}

// Error gives every fault as line:column and message.
func (m *Malformed) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "routing: cannot read %s: ", m.File)
	for i, fault := range m.Faults {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%d:%d: %s", fault.Line, fault.Column, fault.Message)
	}
	return b.String()
}

// document reads one YAML file. It keeps every fault with its place and reads on.
type document struct {
	noun   string // What is read, for the error: table, register.
	faults []Fault
}

func (d *document) err() error {
	if len(d.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(d.faults, func(a, b Fault) int { return a.Line - b.Line })
	return &Malformed{File: d.noun, Faults: d.faults}
}

func (d *document) faultAt(line, column int, format string, args ...any) {
	if len(d.faults) < faultsMax {
		d.faults = append(d.faults, Fault{line, column, fmt.Sprintf(format, args...)})
	}
}

func (d *document) fault(node ast.Node, format string, args ...any) {
	position := node.GetToken().Position
	d.faultAt(position.Line, position.Column, format, args...)
}

// parse gives the root of the only document in text, or nil after a fault.
func (d *document) parse(text []byte) ast.Node {
	if d.oversized(text); len(d.faults) > 0 {
		return nil
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		d.syntax(err)
		return nil
	}
	switch n := len(file.Docs); {
	case n > 1:
		d.faultAt(1, 1, "file holds %d documents, want 1 with content", n)
		return nil
	case n == 0 || file.Docs[0].Body == nil:
		d.faultAt(1, 1, "the file is empty")
		return nil
	}
	return file.Docs[0].Body
}

func (d *document) syntax(err error) {
	var fault yaml.Error
	if errors.As(err, &fault) && fault.GetToken() != nil {
		position := fault.GetToken().Position
		d.faultAt(position.Line, position.Column, "%s", fault.GetMessage())
		return
	}
	d.faultAt(1, 1, "%s", err)
}

// oversized refuses what the parser should not be given at all.
func (d *document) oversized(text []byte) {
	if len(text) > tableBytesMax {
		d.faultAt(1, 1, "file has %d bytes, limit tableBytesMax is %d", len(text), tableBytesMax)
		return
	}
	depth, number := 0, 0
	for line := range bytes.Lines(text) {
		number++
		if len(line) > lineBytesMax {
			d.faultAt(number, 1, "line has %d bytes, limit lineBytesMax is %d",
				len(line), lineBytesMax)
			return
		}
		depth += bytes.Count(line, []byte("[")) + bytes.Count(line, []byte("{"))
		if depth > flowDepthMax+bytes.Count(line, []byte("]"))+bytes.Count(line, []byte("}")) {
			d.faultAt(number, 1, "brackets nest deeper than flowDepthMax, %d", flowDepthMax)
			return
		}
		depth -= bytes.Count(line, []byte("]")) + bytes.Count(line, []byte("}"))
	}
}

// fields is the reader of each key of a mapping.
type fields map[string]func(ast.Node)

// mapping reads the keys of node and refuses any other.
func (d *document) mapping(node ast.Node, noun string, readers fields) {
	var values []*ast.MappingValueNode
	switch node := node.(type) {
	case *ast.MappingNode:
		values = node.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{node}
	default:
		d.fault(node, "%s: want keys and values, found %s", noun, found(node))
		return
	}
	for _, value := range values {
		key := value.Key.GetToken()
		read := readers[key.Value]
		if read == nil || value.Key.Type() != ast.StringType {
			d.fault(value.Key, "%s: unknown key %.40q", noun, key.Value)
			continue
		}
		read(value.Value)
	}
}

// sequence calls each for every element of node.
func (d *document) sequence(noun string, each func(ast.Node)) func(ast.Node) {
	return func(node ast.Node) {
		list, ok := node.(*ast.SequenceNode)
		if !ok {
			d.fault(node, "%s: want a list, found %s", noun, found(node))
			return
		}
		for _, value := range list.Values {
			each(value)
		}
	}
}

// found names what stands at node, for the text of a fault.
func found(node ast.Node) string {
	switch node.Type() {
	case ast.AnchorType, ast.AliasType, ast.MergeKeyType:
		return "an anchor or alias, which a table may not hold"
	case ast.TagType:
		return "a tag, which a table may not hold"
	case ast.NullType:
		return "nothing"
	case ast.IntegerType, ast.FloatType:
		return "a number"
	case ast.BoolType:
		return "true or false"
	case ast.SequenceType:
		return "a list"
	case ast.MappingType, ast.MappingValueType:
		return "keys and values"
	case ast.StringType:
		return "text"
	}
	return "something else"
}

// scalar gives the text at node. A number is refused: 01 without quotes is 1 to YAML,
// and a prefix must not lose its zero.
func (d *document) scalar(node ast.Node, noun string) (string, bool) {
	text, ok := node.(*ast.StringNode)
	if !ok {
		hint := ""
		if node.Type() == ast.IntegerType || node.Type() == ast.FloatType {
			hint = "; write it in quotes"
		}
		d.fault(node, "%s: want text, found %s%s", noun, found(node), hint)
		return "", false
	}
	if text.Value == "" {
		d.fault(node, "%s: is empty", noun)
		return "", false
	}
	return text.Value, true
}

func (d *document) text(noun string, into *string) func(ast.Node) {
	return func(node ast.Node) { *into, _ = d.scalar(node, noun) }
}

// texts reads one text or a list of them.
func (d *document) texts(noun string, into *[]string) func(ast.Node) {
	return func(node ast.Node) {
		each := func(node ast.Node) {
			if text, ok := d.scalar(node, noun); ok {
				*into = append(*into, text)
			}
		}
		if node.Type() != ast.SequenceType {
			each(node)
			return
		}
		d.sequence(noun, each)(node)
		if len(*into) == 0 {
			d.fault(node, "%s: list is empty", noun)
		}
	}
}

// whole reads an integer in [least, most].
func (d *document) whole(noun string, into *int64, least, most int64) func(ast.Node) {
	return func(node ast.Node) {
		number, ok := node.(*ast.IntegerNode)
		if !ok {
			d.fault(node, "%s: want a whole number, found %s", noun, found(node))
			return
		}
		value, err := strconv.ParseInt(number.GetToken().Value, 10, 64)
		if err != nil || value < least || value > most {
			d.fault(node, "%s: want a whole number from %d to %d, found %.30s",
				noun, least, most, number.GetToken().Value)
			return
		}
		*into = value
	}
}

// instant reads an RFC 3339 time, or a date, which means its midnight in Asia/Shanghai.
func (d *document) instant(noun string, into *time.Time) func(ast.Node) {
	return func(node ast.Node) {
		text, ok := d.scalar(node, noun)
		if !ok {
			return
		}
		at, err := ParseInstant(text)
		if err != nil {
			d.fault(node, "%s: want a time as 2026-12-01T00:00:00+08:00 or a date, found %.40q",
				noun, text)
			return
		}
		*into = at
	}
}

// ParseInstant reads an instant the way a table writes it: RFC 3339, or a date alone,
// which means its midnight in Asia/Shanghai. The result is UTC.
func ParseInstant(text string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, shanghai)
	if err != nil {
		return time.Time{}, fmt.Errorf("routing: %.40q is no instant, want 2026-12-01T00:00:00+08:00 or 2026-12-01", text)
	}
	return at.UTC(), nil
}
