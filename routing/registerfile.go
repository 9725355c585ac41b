package routing

import (
	"io/fs"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// LoadRegister reads a register from YAML:
//
//	institutions:
//	  - id: lanternbank                # the name that tables, callers and logs use
//	    name: Lantern Bank
//	    licence: {number: "B0001H133010001", kind: bank}
//	    status: active                 # active (default), suspended, withdrawn
//	    from: 2024-01-01               # optional; a date is its midnight in Asia/Shanghai
//	    until: 2031-01-01T00:00:00+08:00
//
// An entry without a licence can be listed and is refused wherever it calls or is
// called. The error is a *Malformed with line and column of every fault.
func LoadRegister(text []byte) (*Register, error) {
	doc := document{noun: "register"}
	root := doc.parse(text)
	if root == nil {
		return nil, doc.err()
	}
	var institutions []Institution
	doc.mapping(root, "register", fields{
		"institutions": doc.sequence("institutions", func(node ast.Node) {
			institutions = append(institutions, doc.institution(node))
		}),
	})
	if err := doc.err(); err != nil {
		return nil, err
	}
	register, err := NewRegister(institutions)
	if err != nil {
		return nil, err
	}
	return register, nil
}

// LoadRegisterFS reads the register named name from files; see LoadRegister. A file above
// its limit is refused without being read.
func LoadRegisterFS(files fs.FS, name string) (*Register, error) {
	text, err := readFile(files, name, "tableBytesMax", tableBytesMax)
	if err != nil {
		return nil, err
	}
	return LoadRegister(text)
}

func (d *document) institution(node ast.Node) Institution {
	entry := Institution{Line: node.GetToken().Position.Line}
	var status string
	d.mapping(node, "institution", fields{
		"id":   d.text("id", &entry.ID),
		"name": d.text("name", &entry.Name),
		"licence": func(node ast.Node) {
			d.mapping(node, "licence", fields{
				"number": d.text("number", &entry.Licence.Number),
				"kind":   d.text("kind", &entry.Licence.Kind),
			})
		},
		"status": d.text("status", &status),
		"from":   d.instant("from", &entry.From),
		"until":  d.instant("until", &entry.Until),
	})
	entry.Status = Status(status)
	return entry
}

// period reads from and until into one span.
type period struct {
	from, until time.Time
}

func (p period) span() span { return spanOf(p.from, p.until) }
