package routing

import (
	"github.com/goccy/go-yaml/ast"

	"tongma/codec"
)

// family is a kind of code that exists: the check looks for gaps in every family that
// the table says it covers, and takes its examples from them.
type family struct {
	id       string
	line     int
	standard codec.Standard
	mode     codec.Mode
	scheme   string
	prefixes []string
	lengths  lengthSet
	hosts    []string
	paths    []string
	template string
	guid     string
}

func (d *document) family(node ast.Node) family {
	f := family{line: lineOf(node)}
	m := match{amount: always}
	d.mapping(node, "family", fields{
		"id":    d.text("id", &f.id),
		"match": d.match(&m),
	})
	f.standard, f.mode, f.lengths = m.standard, m.mode, m.lengths
	f.prefixes, f.hosts, f.paths = m.prefixes, m.hosts, m.paths
	return f
}
