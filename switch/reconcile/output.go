package reconcile

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
)

// Output writes the outcome of a run to files of a directory: discrepancies.csv,
// discrepancies.jsonl, summary.json, and pairs.csv when matches are wanted.
type Output struct {
	folder string
	files  []*os.File
	flush  []*bufio.Writer
	table  *csv.Writer
	lines  *json.Encoder
	pairs  *csv.Writer
}

var discrepancyColumns = []string{"class", "rule", "amount_fen", "difference_fen", "age_days", "repair", "action",
	"left_file", "left_offset", "left", "right_file", "right_offset", "right"}

var pairColumns = []string{"rule", "left_file", "left_offset", "left_amount_fen",
	"right_file", "right_offset", "right_amount_fen"}

// NewOutput makes the directory where it is missing, and the files.
func NewOutput(folder string, pairs bool) (*Output, error) {
	o := &Output{folder: folder}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("reconcile: cannot write: %w", err)
	}
	table, errA := o.create("discrepancies.csv")
	lines, errB := o.create("discrepancies.jsonl")
	var matched io.Writer
	var errC error
	if pairs {
		matched, errC = o.create("pairs.csv")
	}
	if err := errors.Join(errA, errB, errC); err != nil {
		o.close()
		return nil, fmt.Errorf("reconcile: cannot write: %w", err)
	}
	o.table, o.lines = csv.NewWriter(table), json.NewEncoder(lines)
	o.lines.SetEscapeHTML(false)
	err := o.table.Write(discrepancyColumns)
	if pairs {
		o.pairs = csv.NewWriter(matched)
		err = errors.Join(err, o.pairs.Write(pairColumns))
	}
	return o, err
}

func (o *Output) create(name string) (io.Writer, error) {
	file, err := os.Create(filepath.Join(o.folder, name))
	if err != nil {
		return nil, err
	}
	o.files = append(o.files, file)
	o.flush = append(o.flush, bufio.NewWriterSize(file, 1<<16))
	return o.flush[len(o.flush)-1], nil
}

// Discrepancy writes one difference.
func (o *Output) Discrepancy(d *Discrepancy) error {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	cells := []string{d.Class, d.Rule, number(d.Amount), number(d.Difference), strconv.Itoa(d.AgeDays), d.Repair, d.Action}
	for _, line := range []*Line{d.Left, d.Right} {
		if line == nil {
			cells = append(cells, "", "", "")
		} else {
			cells = append(cells, line.Path, number(line.Offset), line.Text)
		}
	}
	if err := o.table.Write(cells); err != nil {
		return err
	}
	return o.lines.Encode(d)
}

// Pair writes one match.
func (o *Output) Pair(p Pair) error {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	return o.pairs.Write([]string{p.Rule, p.Left.Path, number(p.Left.Offset), number(p.Left.Amount),
		p.Right.Path, number(p.Right.Offset), number(p.Right.Amount)})
}

// Close writes the summary, when the run came to one, and closes the files.
func (o *Output) Close(sum *Summary) error {
	var failures []error
	if sum != nil {
		text, err := json.MarshalIndent(sum, "", "  ")
		if err == nil {
			err = os.WriteFile(filepath.Join(o.folder, "summary.json"), append(text, '\n'), 0o600)
		}
		failures = append(failures, err)
	}
	o.table.Flush()
	failures = append(failures, o.table.Error())
	if o.pairs != nil {
		o.pairs.Flush()
		failures = append(failures, o.pairs.Error())
	}
	for _, buffered := range o.flush {
		failures = append(failures, buffered.Flush())
	}
	return errors.Join(append(failures, o.close())...)
}

func (o *Output) close() error {
	var failures []error
	for _, file := range o.files {
		failures = append(failures, file.Close())
	}
	return errors.Join(failures...)
}

// Print writes the summary as a table for people.
func (s *Summary) Print(to io.Writer, left, right string) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, t Total) { fmt.Fprintf(w, "%s\t%d\t%s\t\n", name, t.Rows, Yuan(t.Amount)) }
	fmt.Fprintf(w, "\trows\tyuan\t\n")
	line(left, s.Left)
	line(right, s.Right)
	line("matched", s.Matched)
	for _, name := range s.ClassNames() {
		line(name, s.Classes[name])
	}
	if s.Closed.Rows > 0 {
		line("closed from earlier days", s.Closed)
	}
	if s.Carried.Rows > 0 {
		line("carried to the next day", s.Carried)
	}
	if s.Expired.Rows > 0 {
		line("too old to carry", s.Expired)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i, g := range s.Groups {
		if i == groupsPrinted {
			fmt.Fprintf(to, "... and %d more groups whose totals differ\n", len(s.Groups)-i)
			break
		}
		fmt.Fprintf(to, "totals of %s: %s has %d rows and %s yuan, %s %d and %s\n", g.Group,
			left, g.Left.Rows, Yuan(g.Left.Amount), right, g.Right.Rows, Yuan(g.Right.Amount))
	}
	for i, r := range s.Rejects {
		if i == rejectsPrinted {
			fmt.Fprintf(to, "... and %d more rejected lines\n", len(s.Rejects)-i)
			break
		}
		fmt.Fprintf(to, "rejected: %s line %d (byte %d): %s\n", r.Path, r.Line, r.Offset, r.Reason)
	}
	if s.Ambiguous > 0 {
		fmt.Fprintf(to, "%d rows share one key under a loose rule and were left open\n", s.Ambiguous)
	}
	_, err := fmt.Fprintln(to, "digest", s.Digest)
	return err
}

// How many rejected lines and groups the table for people lists.
const (
	rejectsPrinted = 10
	groupsPrinted  = 10
)
