package reconcile

import (
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// shipped are the layouts that come with the switch: unionpay, the acquirer's fixed-width
// detail file as its readers describe it; statement, journal and position, the switch's own.
//
//go:embed unionpay.yaml statement.yaml journal.yaml position.yaml
var shipped embed.FS

// columnsMax is the number of columns that a delimited line may have.
const columnsMax = 256

// Layout says how the files of one side are written.
type Layout struct {
	// Format is "csv" (any delimiter) or "fixed" (columns by byte offset).
	Format string `yaml:"format"`
	// Encoding is "utf-8" or "gbk".
	Encoding string `yaml:"encoding"`
	// Delimiter is one byte, by default a comma.
	Delimiter string `yaml:"delimiter"`
	// Quote is one byte around fields that hold the delimiter, by default '"', or "none".
	// A quoted field may not hold a line end: lines are what reading in parallel is cut at.
	Quote string `yaml:"quote"`
	// Header says that each file's first line names the columns.
	Header bool `yaml:"header"`
	// AmountUnit is "fen" (an integer) or "yuan" (two decimals at most).
	AmountUnit string `yaml:"amount_unit"`
	// Year completes moments that are written without one (MMDDhhmmss).
	Year int64 `yaml:"year"`
	// UTC says that moments are written in UTC; they are compared in Asia/Shanghai.
	UTC bool `yaml:"utc"`
	// Skip lists how lines begin that are no rows, such as comments.
	Skip []string `yaml:"skip"`
	// Columns maps each field to its place.
	Columns map[string]Column `yaml:"columns"`
	// Trailer describes the last line of a file, when it is one with totals.
	Trailer *Trailer `yaml:"trailer"`
}

// Trailer is a line of totals at the end of each file, which is checked against the rows
// of the file. A file without it has been cut.
type Trailer struct {
	// Prefix is how the line begins; no row begins like that.
	Prefix string `yaml:"prefix"`
	// Rows and Amount are the column numbers from 1 (or offset and length, for fixed
	// width) of the count and of the sum in the layout's unit; either may be left out.
	Rows   *Column `yaml:"rows"`
	Amount *Column `yaml:"amount"`
}

// Column is the place of one field and what is done to its text.
type Column struct {
	// Name is the header's word for the column; used when the layout has a header.
	Name string `yaml:"name"`
	// Index is the column's number from 1, for files without header.
	Index int `yaml:"index"`
	// Offset and Length are bytes from 0, for fixed width.
	Offset int `yaml:"offset"`
	Length int `yaml:"length"`
	// Trim cuts blanks, Upper folds ASCII letters, Zeros cuts leading zeros, Digits
	// keeps digits only; applied in this order.
	Trim   bool `yaml:"trim"`
	Upper  bool `yaml:"upper"`
	Zeros  bool `yaml:"zeros"`
	Digits bool `yaml:"digits"`
	// Words translates the side's own words into the shared ones ("00": success).
	Words map[string]string `yaml:"words"`
}

// ParseLayout reads a layout in YAML, fills what it leaves out and validates it. Keys
// that it does not know are refused.
func ParseLayout(text []byte) (Layout, error) {
	var layout Layout
	if err := yaml.UnmarshalWithOptions(text, &layout, yaml.Strict()); err != nil {
		return Layout{}, fmt.Errorf("reconcile: cannot read layout: %w", err)
	}
	layout.fill()
	return layout, layout.Validate()
}

// fill completes what a layout leaves out.
func (l *Layout) fill() {
	for value, fallback := range map[*string]string{&l.Format: "csv", &l.Encoding: "utf-8",
		&l.Delimiter: ",", &l.Quote: `"`, &l.AmountUnit: "fen"} {
		if *value == "" {
			*value = fallback
		}
	}
	if l.Quote == "none" {
		l.Quote = ""
	}
}

// ShippedLayout returns a layout that comes with the switch: unionpay, statement,
// journal or position. year completes the moments of the first, which are written without one.
func ShippedLayout(name string, year int) (Layout, error) {
	text, err := shipped.ReadFile(name + ".yaml")
	if err != nil {
		return Layout{}, fmt.Errorf("reconcile: no shipped layout %q, want unionpay, statement, journal or position", name)
	}
	if name == "unionpay" {
		if year == 0 {
			return Layout{}, errors.New("reconcile: the moments of unionpay have no year: name it")
		}
		text = append([]byte("year: "+strconv.Itoa(year)+"\n"), text...)
	}
	return ParseLayout(text)
}

// Validate reports every fault of the layout at once.
func (l Layout) Validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("reconcile: layout: "+format, args...))
	}
	if l.Format != "csv" && l.Format != "fixed" {
		fault("format is %q, want csv or fixed", l.Format)
	}
	if l.Encoding != "utf-8" && l.Encoding != "gbk" {
		fault("encoding is %q, want utf-8 or gbk", l.Encoding)
	}
	if len(l.Delimiter) != 1 || strings.ContainsAny(l.Delimiter, "\r\n\x00") {
		fault("delimiter is %q, want one byte that ends no line", l.Delimiter)
	}
	if l.Encoding == "gbk" && l.Format == "csv" && len(l.Delimiter) == 1 && l.Delimiter[0] >= 0x40 {
		fault("delimiter %q can be the second byte of a GBK character", l.Delimiter)
	}
	if len(l.Quote) > 1 || l.Quote == l.Delimiter {
		fault("quote is %q, want one byte other than the delimiter, or none", l.Quote)
	}
	if l.AmountUnit != "fen" && l.AmountUnit != "yuan" {
		fault("amount_unit is %q, want fen or yuan", l.AmountUnit)
	}
	if l.Header && l.Format == "fixed" {
		fault("a fixed-width file has no header to map")
	}
	for _, field := range []Field{ID, Amount} {
		if _, ok := l.Columns[field.String()]; !ok {
			fault("columns has no %s", field)
		}
	}
	if slices.Contains(l.Skip, "") {
		fault("skip has an empty text, which every line begins with")
	}
	if l.Trailer != nil && l.Trailer.Prefix == "" {
		fault("trailer has no prefix")
	}
	for name, column := range l.Columns {
		if err := l.validColumn(name, column); err != nil {
			fault("column %s: %w", name, err)
		}
	}
	return errors.Join(faults...)
}

func (l Layout) validColumn(name string, c Column) error {
	field, err := parseField(name)
	switch {
	case err != nil:
		return err
	case field == Day:
		return errors.New("day is derived from time, map time")
	case l.Format == "fixed" && (c.Offset < 0 || c.Length < 1):
		return fmt.Errorf("offset %d and length %d, want a length of at least 1", c.Offset, c.Length)
	case l.Format == "csv" && !(l.Header && c.Name != "") && (c.Index < 1 || c.Index > columnsMax):
		return fmt.Errorf("index is %d, want 1 to %d (or a name, with a header)", c.Index, columnsMax)
	}
	return nil
}
