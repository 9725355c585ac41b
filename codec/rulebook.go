package codec

import (
	"bytes"
	_ "embed" // The rules that this build carries.
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// The limits on a rule file.
const (
	rulesBytesMax = 4 << 20
	rulesDepthMax = 32   // Nested [ and { in YAML.
	rulesKeysMax  = 1000 // Keys of one mapping: the parser compares each with all others.
	overlapsMax   = 100000

	payRulesMax         = 200000 // Prefixes count one by one.
	payStartsMax        = 400000 // Beginnings by which codes find their rules, all rules together.
	linkRulesMax        = 20000
	applicationRulesMax = 2000

	// overlapWorkMax bounds the search for overlaps: a few seconds. Rules that can be told
	// apart by how codes begin cost next to nothing.
	overlapWorkMax = 1 << 28
)

// What is counted towards overlapWorkMax, by the time that it takes.
const (
	workLook    = 1    // Two rules that are found under one host.
	workPattern = 128  // Two patterns held against each other.
	workPath    = 4096 // Two templates of paths walked side by side.
)

// Rulebook is a rule file that was read: the forms of payer's codes, merchant links and
// applications, each with the time for which it holds. It does not change.
type Rulebook struct {
	version      string
	pay          []payRule
	links        []linkRule
	applications []application
	overlaps     []Overlap
	work         int // Spent on the search for overlaps.
}

// RuleFault is the error of a rule file. Line and Column count from 1; Column counts
// characters; both are 0 where the fault has no place.
type RuleFault struct {
	Line, Column int
	Message      string
}

// Error gives line, column and message.
func (f *RuleFault) Error() string {
	return fmt.Sprintf("codec: rule file, %d:%d: %s", f.Line, f.Column, f.Message)
}

//go:embed rules.yaml
var builtIn []byte

var builtInBook = sync.OnceValue(func() *Rulebook {
	book, err := LoadRules(builtIn)
	if err != nil {
		panic(err) // The tests load it.
	}
	return book
})

// BuiltIn is the rule file that this build carries.
func BuiltIn() *Rulebook { return builtInBook() }

// LoadRules reads a rule file, YAML of the shape that codec/rules.yaml documents. The error is
// a *RuleFault: the file is not YAML, has unknown or double keys, holds a rule that cannot be,
// or two rules of which nothing says which one reads a code that both fit.
func LoadRules(text []byte) (*Rulebook, error) {
	file, doc, err := parseRules(text)
	if err != nil {
		return nil, err
	}
	b := &Rulebook{version: file.Version}
	ids := map[string]bool{}
	add := func(section string, i int, id string, err error) error {
		if err == nil && ids[section+id] {
			err = fmt.Errorf("id %q stands here twice", id)
		}
		if err == nil {
			ids[section+id] = true
			return nil
		}
		line, column := placeOf(doc, section, i)
		return &RuleFault{line, column, fmt.Sprintf("%s: %s", section, err)}
	}
	for i := range file.PayCodes {
		list, err := file.PayCodes[i].rules()
		if err := add("pay_codes", i, file.PayCodes[i].Head.ID, err); err != nil {
			return nil, err
		}
		for j := range list {
			list[j].line, _ = placeOf(doc, "pay_codes", i)
		}
		b.pay = append(b.pay, list...)
	}
	for i := range file.Links {
		r, err := file.Links[i].link()
		if err := add("links", i, file.Links[i].Head.ID, err); err != nil {
			return nil, err
		}
		r.line, _ = placeOf(doc, "links", i)
		b.links = append(b.links, r)
	}
	for i := range file.Applications {
		a, err := file.Applications[i].application()
		if err := add("applications", i, file.Applications[i].Head.ID, err); err != nil {
			return nil, err
		}
		a.line, _ = placeOf(doc, "applications", i)
		b.applications = append(b.applications, a)
	}
	if err := b.findOverlaps(); err != nil {
		return nil, err
	}
	return b, nil
}

// parseRules reads the file's shape. Anchors and aliases are refused: a few lines of them can
// stand for any amount of rules.
func parseRules(text []byte) (file ruleFile, doc ast.Node, err error) {
	if err := checkRulesText(text); err != nil {
		return file, nil, err
	}
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		return file, nil, yamlFault(err)
	}
	if len(parsed.Docs) != 1 || parsed.Docs[0].Body == nil {
		return file, nil, &RuleFault{1, 1, fmt.Sprintf("%d documents, want one with content", len(parsed.Docs))}
	}
	doc = parsed.Docs[0].Body
	finder := &faultFinder{}
	if ast.Walk(finder, doc); finder.found != nil {
		p := finder.found.GetToken().Position
		return file, nil, &RuleFault{p.Line, p.Column, finder.message}
	}
	if err := yaml.NodeToValue(doc, &file, yaml.Strict()); err != nil {
		return file, nil, yamlFault(err)
	}
	if file.Version == "" {
		return file, nil, &RuleFault{1, 1, "no version"}
	}
	return file, doc, file.checkCounts()
}

// checkCounts refuses more rules than there may be.
func (f *ruleFile) checkCounts() error {
	pay := 0
	for i := range f.PayCodes {
		pay += max(1, len(f.PayCodes[i].Prefixes))
	}
	if pay > payRulesMax || len(f.Links) > linkRulesMax || len(f.Applications) > applicationRulesMax {
		return &RuleFault{1, 1, fmt.Sprintf("too many rules, want at most %d, %d links and %d applications",
			payRulesMax, linkRulesMax, applicationRulesMax)}
	}
	return nil
}

// checkRulesText refuses what the parser should not be given.
func checkRulesText(text []byte) error {
	if len(text) > rulesBytesMax {
		return &RuleFault{1, 1, fmt.Sprintf("%d bytes, limit is %d", len(text), rulesBytesMax)}
	}
	depth, line, documents := 0, 0, 1
	var keys keyCounter
	for row := range bytes.Lines(text) {
		line++
		if bytes.HasPrefix(row, []byte("---")) && line > 1 || bytes.HasPrefix(row, []byte("...")) {
			documents++
		}
		if bytes.ContainsRune(bytes.TrimSuffix(row, []byte("\r\n")), '\r') {
			return &RuleFault{line, 1, "a carriage return within a line"}
		}
		depth += bytes.Count(row, []byte("[")) + bytes.Count(row, []byte("{"))
		depth -= bytes.Count(row, []byte("]")) + bytes.Count(row, []byte("}"))
		if indent := len(row) - len(bytes.TrimLeft(row, " -?")); depth > rulesDepthMax || indent > 4*rulesDepthMax {
			return &RuleFault{line, 1, fmt.Sprintf("nested more than %d deep", rulesDepthMax)}
		}
		if documents > documentsMax {
			return &RuleFault{line, 1, "many documents, want one"}
		}
		if keys.add(row) > rulesKeysMax {
			return &RuleFault{line, 1, fmt.Sprintf("more than %d keys beside one another", rulesKeysMax)}
		}
	}
	return nil
}

// documentsMax is from where on documents are not even counted for the message.
const documentsMax = 100

// keyCounter counts the keys of block mappings by the column in which they begin.
type keyCounter [4*rulesDepthMax + 1]int

// add counts the keys of a line, no more indented than that, and gives how many stand in its
// mapping so far. Of text that only looks like keys it counts too many, never too few.
func (k *keyCounter) add(row []byte) int {
	rest := bytes.TrimLeft(row, " -?")
	column := len(row) - len(rest)
	if item := bytes.IndexAny(row, "-?"); item >= 0 && item < column {
		clear(k[item+1:]) // A new item begins: what is further in is another mapping.
	}
	clear(k[column+1:])
	if bytes.IndexByte(rest, ':') >= 0 && bytes.IndexByte([]byte("{[#"), rest[0]) < 0 {
		k[column]++
	}
	return k[column]
}

// faultFinder finds the first node that is not taken as YAML would have it.
type faultFinder struct {
	found   ast.Node
	message string
}

// Visit is called for every node.
func (f *faultFinder) Visit(node ast.Node) ast.Visitor {
	if f.found != nil {
		return f
	}
	switch node.Type() {
	case ast.AnchorType, ast.AliasType, ast.MergeKeyType, ast.TagType:
		f.found, f.message = node, "anchors and aliases are not taken"
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		// The prefix 01 is the number 1 to YAML, 0x10 is 16, and both have become text by
		// the time that a field is filled.
		scalar, ok := node.(ast.ScalarNode)
		if text := node.GetToken().Value; !ok || fmt.Sprint(scalar.GetValue()) != text {
			f.found, f.message = node, fmt.Sprintf("%s is another number to YAML, want it in quotes", text)
		}
	}
	return f
}

func yamlFault(err error) error {
	var fault yaml.Error
	if errors.As(err, &fault) && fault.GetToken() != nil {
		p := fault.GetToken().Position
		return &RuleFault{p.Line, p.Column, fault.GetMessage()}
	}
	return &RuleFault{1, 1, err.Error()}
}

// placeOf is where entry i of a section begins.
func placeOf(doc ast.Node, section string, i int) (line, column int) {
	root, ok := doc.(*ast.MappingNode)
	if !ok {
		return 1, 1
	}
	for _, pair := range root.Values {
		list, ok := pair.Value.(*ast.SequenceNode)
		if ok && pair.Key.GetToken().Value == section && i < len(list.Values) {
			p := list.Values[i].GetToken().Position
			return p.Line, 1
		}
	}
	return 1, 1
}

// Version is the file's own.
func (b *Rulebook) Version() string { return b.version }

// At is the decoder of the rules that are in force at that instant.
func (b *Rulebook) At(at time.Time) *Decoder {
	d := &Decoder{}
	var pay []payRule
	for i := range b.pay {
		if b.pay[i].inForce(at) {
			pay = append(pay, b.pay[i])
		}
	}
	var links []*linkRule
	for i := range b.links {
		if b.links[i].inForce(at) {
			links = append(links, &b.links[i])
		}
	}
	for _, a := range b.applications {
		if a.inForce(at) {
			d.applications = append(d.applications, a)
		}
	}
	slices.SortStableFunc(d.applications, func(a, b application) int {
		switch {
		case a.before(&b):
			return -1
		case b.before(&a):
			return 1
		}
		return strings.Compare(a.id, b.id)
	})
	d.payCodes, d.links = newPayIndex(pay), newLinkIndex(links)
	return d
}

// NextChange is the first instant after at when other rules are in force; zero where the
// rules stay what they are.
func (b *Rulebook) NextChange(at time.Time) time.Time {
	var next time.Time
	note := func(r *rule) {
		for _, edge := range []time.Time{r.from, r.until} {
			if !r.off && edge.After(at) && (next.IsZero() || edge.Before(next)) {
				next = edge
			}
		}
	}
	for i := range b.pay {
		note(&b.pay[i].rule)
	}
	for i := range b.links {
		note(&b.links[i].rule)
	}
	for i := range b.applications {
		note(&b.applications[i].rule)
	}
	return next
}
