package routing

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
)

// The columns of a list's CSV file, as its first line must name them.
var listColumns = []string{"prefix", "length", "institution"}

// listTargetsMax is how many institutions the lines of one list may name.
const listTargetsMax = 1 << 16

// read fills the list's rule from CSV text of at most entriesMax lines. The first line
// is "prefix,length,institution"; a length is a number, a range as 16-24, or empty for
// the length that the list states itself. Every fault is reported with its line, up to
// faultsMax; the error is a *Malformed that names the list's file.
func (l *listSource) read(text []byte, entriesMax int) error {
	doc := document{noun: l.file}
	reader := csv.NewReader(bytes.NewReader(text))
	reader.ReuseRecord = true
	reader.FieldsPerRecord = len(listColumns)
	if header, err := reader.Read(); err != nil || !slices.Equal(header, listColumns) {
		doc.faultAt(1, 1, "first line must be prefix,length,institution")
		return doc.err()
	}
	l.rule.entries = make([]entry, 0, min(bytes.Count(text, []byte("\n")), entriesMax))
	known := make(map[string]int32)
	for {
		record, err := reader.Read()
		if err == io.EOF {
			l.rule.match.lengths = 0 // Each line holds its own by now.
			return doc.err()
		}
		if err != nil {
			doc.csvFault(err)
			return doc.err()
		}
		if len(l.rule.entries) == entriesMax {
			line, _ := reader.FieldPos(0)
			doc.faultAt(line, 1, "lists hold more lines than entriesMax, %d", entriesMax)
			return doc.err()
		}
		if len(doc.faults) == faultsMax {
			return doc.err()
		}
		l.add(&doc, record, reader, known)
	}
}

func (d *document) csvFault(err error) {
	var fault *csv.ParseError
	if errors.As(err, &fault) {
		d.faultAt(fault.Line, max(fault.Column, 1), "%s", fault.Err)
		return
	}
	d.faultAt(1, 1, "%s", err)
}

func (l *listSource) add(doc *document, record []string, at *csv.Reader, known map[string]int32) {
	fault := func(field int, format string, args ...any) {
		line, column := at.FieldPos(field)
		doc.faultAt(line, column, format, args...)
	}
	if record[0] == "" || !isPrefix(record[0]) {
		fault(0, "prefix: want 1 to %d letters and digits, found %.40q", prefixBytesMax, record[0])
		return
	}
	lengths := l.rule.match.lengths
	if record[1] != "" {
		set, err := parseLengths(record[1])
		if err != nil {
			fault(1, "length: want 1 to %d or a range as 16-24, found %.40q", lengthMax, record[1])
			return
		}
		lengths = set
	}
	target, err := l.target(record[2], known)
	if err != nil {
		fault(2, "%s", err)
		return
	}
	line, _ := at.FieldPos(0)
	l.rule.entries = append(l.rule.entries, entry{
		key: keyOf(record[0]), lengths: lengths, target: target, line: int32(line),
	})
}

// target gives the index of institution among the list's targets.
func (l *listSource) target(institution string, known map[string]int32) (int32, error) {
	if i, found := known[institution]; found {
		return i, nil
	}
	if institution == "" {
		return 0, errors.New("institution: is empty")
	}
	if len(known) == listTargetsMax {
		return 0, fmt.Errorf("institution: list names more than listTargetsMax, %d", listTargetsMax)
	}
	name := string([]byte(institution)) // The record's memory is used again.
	i := int32(len(l.rule.targets))
	l.rule.targets = append(l.rule.targets, target{
		institution: name, priority: 1, weight: 1, index: -1, line: l.rule.line,
	})
	known[name] = i
	return i, nil
}
