package settlement

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tongma/switch/payment"
)

// Fault is one thing that is wrong in a file: its line, from 1, a stable word and what was
// got and wanted.
type Fault struct {
	Line   int    `json:"line"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// String is for people.
func (f Fault) String() string { return fmt.Sprintf("line %d: %s: %s", f.Line, f.Code, f.Detail) }

// FileError is a file that was refused, with what is wrong in it, line by line.
type FileError struct{ Faults []Fault }

// faultsMax bounds the faults that are told of one file.
const faultsMax = 20

// Error lists the faults.
func (e *FileError) Error() string {
	lines := make([]string, 0, len(e.Faults))
	for _, f := range e.Faults[:min(len(e.Faults), faultsMax)] {
		lines = append(lines, f.String())
	}
	if more := len(e.Faults) - faultsMax; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// The words of the faults of a confirmation file.
const (
	faultMalformed = "malformed"
	faultWindow    = "other_window"
	faultDate      = "other_value_date"
	faultCurrency  = "currency"
	faultUnknown   = "unknown_instruction"
	faultTwice     = "twice"
	faultMember    = "other_member"
	faultDirection = "other_direction"
	faultAmount    = "amount"
	faultMissing   = "missing"
	faultTrailer   = "trailer"
)

// Compare holds the settlement bank's confirmation file against what it was instructed.
// The file is CSV:
//
//	H,tongma-confirmation,1,<window>,<value date>,<currency>,<the bank's reference>
//	C,<instruction>,pay|receive,<member>,<amount in fen>,<currency>,<the bank's reference>
//	T,<lines>,<sum of pay>,<sum of receive>
//
// Each instruction must stand in it once, to the fen. The error is a *FileError with every
// difference, of a file of another kind or window that it is one; there is no difference that is
// only warned of.
func (s *Seal) Compare(text []byte, excluded ...string) error {
	switch {
	case bytes.HasPrefix(text, []byte("\x1f\x8b")):
		return fault(1, faultMalformed, "the file is packed by gzip")
	case bytes.HasPrefix(text, []byte("\uFEFF")):
		return fault(1, faultMalformed, "the file begins with a byte order mark")
	}
	c := comparison{seal: s, list: s.Instructions(excluded...), want: map[string]Instruction{}, seen: map[string]int{}}
	for _, i := range c.list {
		c.want[i.ID] = i
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	for !c.other {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			c.line++
			var parse *csv.ParseError
			if errors.As(err, &parse) {
				c.line = parse.Line
			}
			c.fault(faultMalformed, "is no CSV")
			c.other = !c.headed
			break
		}
		c.line, _ = r.FieldPos(0)
		c.take(fields)
	}
	c.end()
	if len(c.faults) > 0 {
		return &FileError{c.faults}
	}
	return nil
}

type comparison struct {
	seal    *Seal
	list    []Instruction
	want    map[string]Instruction
	seen    map[string]int // Line by instruction.
	sums    map[string]payment.Fen
	line    int
	lines   int
	headed  bool
	trailed bool
	other   bool // It is a file of another kind or window, or goes on after its end.
	faults  []Fault
}

func (c *comparison) fault(code, format string, args ...any) {
	c.faults = append(c.faults, Fault{c.line, code, fmt.Sprintf(format, args...)})
}

func (c *comparison) take(fields []string) {
	switch {
	case !c.headed:
		c.headed = true
		c.header(fields)
	case c.trailed:
		c.other = true
		c.fault(faultTrailer, "lines stand after the trailer")
	case fields[0] == "C":
		c.confirmed(fields)
	case fields[0] == "T":
		c.trailed = true
		c.trailer(fields)
	default:
		c.fault(faultMalformed, "begins with %.10q, want C or T", fields[0])
	}
}

func (c *comparison) header(fields []string) {
	c.other = true
	if len(fields) != 7 || fields[0] != "H" || fields[1] != "tongma-confirmation" || fields[2] != "1" {
		c.fault(faultMalformed, "want H,tongma-confirmation,1,<window>,<value date>,<currency>,<the bank's reference>")
		return
	}
	if want := strconv.FormatUint(uint64(c.seal.Window), 10); fields[3] != want {
		c.fault(faultWindow, "got window %.20q, want %s", fields[3], want)
		return
	}
	c.other = false
	if fields[4] != c.seal.ValueDate {
		c.fault(faultDate, "got %.20q, want %s", fields[4], c.seal.ValueDate)
	}
	if fields[5] != c.seal.Currency {
		c.fault(faultCurrency, "got %.10q, want %s", fields[5], c.seal.Currency)
	}
	c.reference(fields[6])
}

// reference wants the bank's own one: without it nobody could ask the bank about its word.
func (c *comparison) reference(text string) {
	if strings.TrimSpace(text) == "" {
		c.fault(faultMalformed, "the bank's reference is empty")
	}
}

func (c *comparison) confirmed(fields []string) {
	c.lines++
	if len(fields) != 7 {
		c.fault(faultMalformed, "%d fields, want C,<instruction>,pay|receive,<member>,<fen>,<currency>,<the bank's reference>", len(fields))
		return
	}
	id := fields[1]
	want, known := c.want[id]
	amount, err := strconv.ParseInt(fields[4], 10, 64)
	switch before := c.seen[id]; {
	case !known:
		c.fault(faultUnknown, "%.30q was not instructed for window %d", id, c.seal.Window)
		return
	case before != 0:
		c.fault(faultTwice, "%s stands in line %d too", id, before)
		return
	}
	c.seen[id] = c.line
	if fields[2] != want.Direction {
		c.fault(faultDirection, "%s: got %.10q, want %s", id, fields[2], want.Direction)
	}
	if fields[3] != want.Member {
		c.fault(faultMember, "%s: got %.40q, want %s", id, fields[3], want.Member)
	}
	if fields[5] != c.seal.Currency {
		c.fault(faultCurrency, "%s: got %.10q, want %s", id, fields[5], c.seal.Currency)
	}
	switch {
	case err != nil:
		c.fault(faultMalformed, "%s: amount %.20q is no number of fen", id, fields[4])
	case payment.Fen(amount) != want.Amount:
		c.fault(faultAmount, "%s: got %d fen, want %d", id, amount, want.Amount)
	}
	c.reference(fields[6])
	if c.sums == nil {
		c.sums = map[string]payment.Fen{}
	}
	c.sums[fields[2]] += payment.Fen(amount)
}

func (c *comparison) trailer(fields []string) {
	if len(fields) != 4 {
		c.fault(faultTrailer, "%d fields, want T,<lines>,<fen paid>,<fen received>", len(fields))
		return
	}
	for i, want := range [...]int64{int64(c.lines), int64(c.sums[directionPay]), int64(c.sums[directionReceive])} {
		what := [...]string{"lines", "fen paid", "fen received"}[i]
		if got, err := strconv.ParseInt(fields[i+1], 10, 64); err != nil || got != want {
			c.fault(faultTrailer, "says %.20q %s, the lines before it are %d", fields[i+1], what, want)
		}
	}
}

// end names what is not there.
func (c *comparison) end() {
	if c.other {
		return
	}
	c.line++
	if !c.headed {
		c.fault(faultMalformed, "the file is empty")
	}
	if !c.trailed {
		c.fault(faultTrailer, "the file ends without its trailer: it is short")
	}
	for _, i := range c.list {
		if c.seen[i.ID] == 0 {
			c.fault(faultMissing, "%s is not confirmed: %s, %s %d fen", i.ID, i.Member, i.Direction, i.Amount)
		}
	}
}
