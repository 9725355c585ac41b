package routing

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"path"
)

// bundleTable is the name of the table's own file in a bundle.
const bundleTable = "table.yaml"

// Bundle packs the table named name, and the lists that it names, into one ZIP: what is
// drafted, approved and kept as one. The table's text must read well; whether it is a
// good table is for LoadBundle to say.
func Bundle(files fs.FS, name string) ([]byte, error) {
	text, err := readFile(files, name, "tableBytesMax", tableBytesMax)
	if err != nil {
		return nil, err
	}
	doc := document{noun: "table"}
	root := doc.parse(text)
	if root == nil {
		return nil, doc.err()
	}
	file := doc.table(root)
	if err := doc.err(); err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	packed.Grow(len(text))
	put := func(name string, text []byte) error {
		w, err := z.Create(path.Clean(name))
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	}
	written := map[string]bool{bundleTable: true}
	if err := put(bundleTable, text); err != nil {
		return nil, fmt.Errorf("routing: cannot bundle table: %w", err)
	}
	for _, list := range file.lists {
		if written[path.Clean(list.file)] {
			return nil, fmt.Errorf("routing: cannot bundle table: list file %s is named twice", list.file)
		}
		written[path.Clean(list.file)] = true
		csv, err := readFile(files, list.file, "listBytesMax", listBytesMax)
		if err == nil {
			err = put(list.file, csv)
		}
		if err != nil {
			return nil, fmt.Errorf("routing: cannot bundle list %s: %w", list.rule.id, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("routing: cannot bundle table: %w", err)
	}
	return packed.Bytes(), nil
}

// LoadBundle compiles the table in a bundle; see LoadFS, whose limits hold here too.
func LoadBundle(bundle []byte, register *Register) (*Table, []Finding, error) {
	files, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		return nil, nil, &Malformed{File: "bundle", Faults: []Fault{{1, 1, "is not a ZIP of a table"}}}
	}
	return LoadFS(files, bundleTable, register)
}
