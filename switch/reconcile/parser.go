package reconcile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

var (
	errColumns = errors.New("line has too few columns")
	errShort   = errors.New("line is shorter than the layout's columns")
	errQuote   = errors.New("quoted field is not closed on its line")
	errNUL     = errors.New("line holds a NUL byte")
	errNoID    = errors.New("id is empty")
	errUTF8    = errors.New("line is not UTF-8")
	errGBK     = errors.New("line is not GBK")
)

// parser cuts lines of one layout into rows. It keeps no line; scratch is reused, so
// that each goroutine has its own parser.
type parser struct {
	layout   Layout
	fields   []Field // By column index from 0; fieldCount where nothing is mapped.
	columns  [fieldCount]Column
	mapped   [fieldCount]bool
	changed  []Field // Those whose text is normalised.
	words    [fieldCount][]word
	decimals int
	clock    clock
	gbk      bool
	skip     [][]byte
	trailer  []byte // How a line of totals begins, in the file's encoding.
	marked   bool   // Some lines are no rows.
	high     bool   // The line at hand holds bytes beyond ASCII.
	scratch  []byte
}

// word is one of a side's own words and the shared one that it means.
type word struct {
	own    string
	shared []byte
}

// newParser compiles layout; header is the file's first line when the layout has one.
func newParser(layout Layout, header []byte) (*parser, error) {
	p := &parser{layout: layout, clock: clock{yearless: layout.Year != 0, year: layout.Year},
		gbk: layout.Encoding == "gbk"}
	if layout.AmountUnit == "yuan" {
		p.decimals = 2
	}
	if layout.UTC {
		p.clock.east = shanghaiSeconds
	}
	p.marked = len(layout.Skip) > 0 || layout.Trailer != nil
	for _, begin := range layout.Skip {
		p.skip = append(p.skip, []byte(begin))
	}
	if layout.Trailer != nil {
		p.trailer = []byte(layout.Trailer.Prefix)
	}
	if p.gbk {
		var failed, failure error
		header, failed = simplifiedchinese.GB18030.NewDecoder().Bytes(header)
		p.trailer, failure = simplifiedchinese.GB18030.NewEncoder().Bytes(p.trailer)
		if failed != nil || failure != nil {
			return nil, errGBK
		}
	}
	for _, name := range slices.Sorted(maps.Keys(layout.Columns)) { // The same fault is found first each time.
		column := layout.Columns[name]
		field, err := parseField(name)
		if err != nil {
			return nil, err
		}
		if layout.Format == "csv" && layout.Header && column.Name != "" {
			if column.Index = headerIndex(layout, header, column.Name); column.Index == 0 {
				return nil, fmt.Errorf("header has no column %q", column.Name)
			}
		}
		p.columns[field], p.mapped[field] = column, true
		if column.Trim || column.Upper || column.Zeros || column.Digits || len(column.Words) > 0 {
			p.changed = append(p.changed, field)
		}
		for own, shared := range column.Words {
			p.words[field] = append(p.words[field], word{own, []byte(shared)})
		}
		for layout.Format == "csv" && len(p.fields) < column.Index {
			p.fields = append(p.fields, Field(fieldCount))
		}
		if layout.Format == "csv" {
			p.fields[column.Index-1] = field
		}
	}
	return p, nil
}

func headerIndex(layout Layout, header []byte, name string) int {
	header = bytes.TrimPrefix(header, []byte("\xef\xbb\xbf"))
	for i, word := range bytes.Split(header, []byte(layout.Delimiter)) {
		if string(bytes.Trim(word, layout.Quote+" ")) == name {
			return i + 1
		}
	}
	return 0
}

// parse fills r from line; r's texts point into line or into the parser's scratch, and
// live until the next call. The error says why the line is rejected.
func (p *parser) parse(line []byte, r *row) error {
	p.scratch = p.scratch[:0]
	if err := p.cut(line, r); err != nil {
		return err
	}
	if p.gbk && p.high {
		for f := range r.text {
			r.text[f] = p.utf8(r.text[f])
		}
	}
	return p.translate(r)
}

// translate brings the fields of a row that was cut into the words and numbers that both
// sides share.
func (p *parser) translate(r *row) error {
	r.amount, r.fee, r.second = 0, 0, noTime
	for _, f := range p.changed {
		r.text[f] = p.normal(f, r.text[f])
	}
	return p.numbers(r)
}

// cut finds the fields of line, which has to be text of the layout's encoding.
func (p *parser) cut(line []byte, r *row) error {
	if p.layout.Format == "csv" && p.cutPlain(line, r) {
		return nil
	}
	if err := p.letters(line); err != nil {
		return err
	}
	if p.layout.Format == "fixed" {
		return p.cutFixed(line, r)
	}
	return p.cutDelimited(line, r)
}

// cutPlain cuts a line of ASCII without quotes and with all its columns, eight bytes at a
// time; false leaves any other line to be looked at closely.
func (p *parser) cutPlain(line []byte, r *row) bool {
	delimiter := ones * uint64(p.layout.Delimiter[0])
	quote := uint64(0) // Without quotes, a NUL is looked for twice.
	if p.layout.Quote != "" {
		quote = ones * uint64(p.layout.Quote[0])
	}
	odd, begin, number := uint64(0), 0, 0
	for i := 0; i < len(line); i += 8 {
		word, inside := uint64(0), uint64(tops)
		if len(line)-i >= 8 {
			word = binary.LittleEndian.Uint64(line[i:])
		} else { // What stands behind the end is no delimiter, whatever it is.
			var last [8]byte
			copy(last[copy(last[:], line[i:]):], "        ")
			word = binary.LittleEndian.Uint64(last[:])
			inside >>= 8 * (8 - uint(len(line)-i))
		}
		unquoted := word ^ quote
		odd |= word | (word-ones)&^word | (unquoted-ones)&^unquoted
		found := word ^ delimiter
		found = ^((found&^tops + ^uint64(tops)) | found | ^uint64(tops)) & inside
		for ; found != 0; found &= found - 1 {
			end := i + bits.TrailingZeros64(found)/8
			if number < len(p.fields) {
				if f := p.fields[number]; int(f) < fieldCount {
					r.text[f] = line[begin:end]
				}
			}
			begin = end + 1
			number++
		}
	}
	if odd&tops != 0 || number < len(p.fields)-1 {
		return false
	}
	if number == len(p.fields)-1 {
		if f := p.fields[number]; int(f) < fieldCount {
			r.text[f] = line[begin:]
		}
	}
	p.high = false
	return true
}

// isSkipped reports a line that is no row.
func (p *parser) isSkipped(line []byte) bool {
	for _, begin := range p.skip {
		if bytes.HasPrefix(line, begin) {
			return true
		}
	}
	return false
}

// letters checks that line is text of the layout's encoding, eight bytes at a time.
func (p *parser) letters(line []byte) error {
	high, zero, rest := uint64(0), uint64(0), line
	for ; len(rest) >= 8; rest = rest[8:] {
		word := binary.LittleEndian.Uint64(rest)
		high |= word
		zero |= (word - ones) &^ word
	}
	for _, b := range rest {
		high |= uint64(b)
		zero |= (uint64(b) - 1) &^ uint64(b)
	}
	if zero&tops != 0 && bytes.IndexByte(line, 0) >= 0 {
		return errNUL
	}
	if p.high = high&tops != 0; !p.high {
		return nil
	}
	if p.gbk && !validGBK(line) {
		return errGBK
	}
	if !p.gbk && !utf8.Valid(line) {
		return errUTF8
	}
	return nil
}

// validGBK reports whether line is made of ASCII and of GB 18030's sequences of two and
// four bytes.
func validGBK(line []byte) bool {
	for i := 0; i < len(line); i++ {
		if line[i] < 0x80 {
			continue
		}
		if line[i] == 0x80 || line[i] == 0xff || i+1 == len(line) {
			return false
		}
		i++
		if line[i] >= '0' && line[i] <= '9' {
			if i+2 >= len(line) || line[i+1] < 0x81 || line[i+2] < '0' || line[i+2] > '9' {
				return false
			}
			i += 2
		} else if line[i] < 0x40 || line[i] == 0x7f || line[i] == 0xff {
			return false
		}
	}
	return true
}

// utf8 translates a field, so that both sides compare in one encoding.
func (p *parser) utf8(text []byte) []byte {
	for _, b := range text {
		if b >= 0x80 {
			plain, err := simplifiedchinese.GB18030.NewDecoder().Bytes(text)
			if err != nil {
				return text
			}
			return plain
		}
	}
	return text
}

func (p *parser) numbers(r *row) (err error) {
	if len(r.text[ID]) == 0 {
		return errNoID
	}
	if r.amount, err = parseAmount(r.text[Amount], p.decimals); err != nil {
		return err
	}
	if len(r.text[Fee]) > 0 {
		if r.fee, err = parseAmount(r.text[Fee], p.decimals); err != nil {
			return fmt.Errorf("fee: %w", err)
		}
	}
	if len(r.text[Time]) > 0 {
		r.second, err = p.clock.read(r.text[Time])
		r.second += p.clock.east
	}
	return err
}

func (p *parser) cutFixed(line []byte, r *row) error {
	for f := range r.text {
		if !p.mapped[f] {
			continue
		}
		c := &p.columns[f]
		if c.Offset+c.Length > len(line) {
			return errShort
		}
		r.text[f] = line[c.Offset : c.Offset+c.Length]
	}
	return nil
}

func (p *parser) cutDelimited(line []byte, r *row) error {
	delimiter := p.layout.Delimiter[0]
	for _, field := range p.fields {
		if line == nil {
			return errColumns
		}
		var text []byte
		if p.layout.Quote != "" && len(line) > 0 && line[0] == p.layout.Quote[0] {
			var err error
			if text, line, err = p.quoted(line); err != nil {
				return err
			}
		} else if at := indexNear(line, delimiter); at >= 0 {
			text, line = line[:at], line[at+1:]
		} else {
			text, line = line, nil
		}
		if int(field) < fieldCount {
			r.text[field] = text
		}
	}
	return nil
}

const ones, tops = 0x0101010101010101, 0x8080808080808080

// indexNear is bytes.IndexByte for a byte that is expected within a few: eight are looked
// at together, without a call.
func indexNear(text []byte, b byte) int {
	i, pattern := 0, ones*uint64(b)
	for ; len(text)-i >= 8; i += 8 {
		word := binary.LittleEndian.Uint64(text[i:]) ^ pattern
		if found := (word - ones) &^ word & tops; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if text[i] == b {
			return i
		}
	}
	return -1
}

// quoted cuts a quoted field from the front of line; a doubled quote stands for one.
func (p *parser) quoted(line []byte) (text, rest []byte, err error) {
	quote, from := p.layout.Quote[0], len(p.scratch)
	for i := 1; i < len(line); i++ {
		if line[i] != quote {
			p.scratch = append(p.scratch, line[i])
			continue
		}
		if i+1 < len(line) && line[i+1] == quote {
			p.scratch = append(p.scratch, quote)
			i++
			continue
		}
		text = p.scratch[from:len(p.scratch):len(p.scratch)]
		if i+1 == len(line) {
			return text, nil, nil
		}
		if line[i+1] != p.layout.Delimiter[0] {
			return nil, nil, errQuote
		}
		return text, line[i+2:], nil
	}
	return nil, nil, errQuote
}

// normal applies a column's normalisations in their stated order.
func (p *parser) normal(f Field, text []byte) []byte {
	c := &p.columns[f]
	if c.Trim {
		text = trimSpace(text)
	}
	if c.Upper || c.Digits {
		from := len(p.scratch)
		for _, b := range text {
			if c.Upper && b >= 'a' && b <= 'z' {
				b -= 'a' - 'A'
			}
			if !c.Digits || b >= '0' && b <= '9' {
				p.scratch = append(p.scratch, b)
			}
		}
		text = p.scratch[from:len(p.scratch):len(p.scratch)]
	}
	if c.Zeros {
		text = bytes.TrimLeft(text, "0")
	}
	for i := range p.words[f] {
		if p.words[f][i].own == string(text) {
			return p.words[f][i].shared
		}
	}
	return text
}
