package settlement

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"tongma/switch/payment"
)

// Verified is what a statement was proved to hold.
type Verified struct {
	Kind   string      `json:"kind"`
	Member string      `json:"member"`
	Window uint32      `json:"window"`
	Date   string      `json:"date"`
	Rows   uint64      `json:"rows"`
	Out    payment.Fen `json:"out_fen"` // What the member owes by the rows.
	In     payment.Fen `json:"in_fen"`
	Pairs  int         `json:"pairs"`
}

// The words of the faults of a statement, beside malformed and trailer.
const (
	faultClose = "other_close"
	faultRow   = "row"
	faultPair  = "pair"
	faultPath  = "path"
)

// Verify proves, with nothing but a statement and the sealed close, that the statement is
// complete and unaltered: every row is in the root of its pair, every pair of the member is
// in the member's leaf, and that is in the root of the close. The statement is packed by
// gzip or is plain CSV. The error is ErrSeal for a close that was altered, a *FileError for
// a statement that does not prove what it says.
func Verify(statement io.Reader, c *Close) (Verified, error) {
	if err := c.Check(); err != nil {
		return Verified{}, err
	}
	in := bufio.NewReaderSize(statement, 256<<10)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return Verified{}, fault(1, faultMalformed, "is no gzip: %v", err)
		}
		in = bufio.NewReaderSize(unpacked, 256<<10)
	}
	v := verifier{close: c, sums: map[string]*sums{}, digest: sha256.New()}
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		v.line++
		if err != nil {
			return Verified{}, fault(v.line, faultMalformed, "the line does not end: %v", err)
		}
		if err := v.take(line[:len(line)-1]); err != nil {
			return Verified{}, err
		}
	}
	return v.Verified, v.end()
}

func fault(line int, code, format string, args ...any) error {
	return &FileError{[]Fault{{line, code, fmt.Sprintf(format, args...)}}}
}

type verifier struct {
	Verified
	close   *Close
	line    int
	last    row
	sums    map[string]*sums // By counterparty: what the rows come to.
	pairs   []Pair
	digest  hash.Hash
	scratch []byte
	summary [][]byte // Rows of a summary, held against the pairs in the end.
	proved  bool
	trailed bool
}

func (v *verifier) fault(code, format string, args ...any) error {
	return fault(v.line, code, format, args...)
}

func (v *verifier) take(line []byte) error {
	fields, err := split(line)
	switch {
	case bytes.HasSuffix(line, []byte{'\r'}):
		return v.fault(faultMalformed, "ends in CR LF: the file was converted")
	case err != nil || len(fields) == 0:
		return v.fault(faultMalformed, "is no CSV")
	case v.trailed:
		return v.fault(faultTrailer, "a line stands after the trailer")
	case fields[0] == "T":
		v.trailed = true
		return v.trailer(fields)
	}
	v.digest.Write(line)
	v.digest.Write([]byte{'\n'})
	switch {
	case v.line == 1:
		return v.header(fields)
	case v.line == 2:
		if want := v.columns(); !slices.Equal(fields, want) {
			return v.fault(faultMalformed, "want the columns %s", strings.Join(want, ","))
		}
		return nil
	case v.proved:
		return v.fault(faultMalformed, "a line stands between M and T")
	case fields[0] == "M":
		v.proved = true
		return v.member(fields)
	case fields[0] == "P":
		p, ok := parsePair(fields[1:])
		if !ok || p.A != v.Member && p.B != v.Member {
			return v.fault(faultMalformed, "is no pair of %s", v.Member)
		}
		v.pairs = append(v.pairs, p)
		return nil
	case len(v.pairs) > 0:
		return v.fault(faultMalformed, "a row stands after the pairs")
	}
	return v.row(fields, line)
}

// split parts one line of CSV; most have no quotes.
func split(line []byte) ([]string, error) {
	if bytes.IndexByte(line, '"') < 0 {
		return strings.Split(string(line), ","), nil
	}
	return csv.NewReader(bytes.NewReader(line)).Read()
}

func (v *verifier) header(fields []string) error {
	if len(fields) != 9 || fields[0] != "H" || fields[1] != statementHead || fields[2] != "1" || !slices.Contains(statementKinds, fields[3]) {
		return v.fault(faultMalformed, "is no header of a statement")
	}
	v.Kind, v.Member, v.Window, v.Date = fields[3], fields[4], v.close.Window, v.close.Date
	if fields[5] != strconv.FormatUint(uint64(v.close.Window), 10) {
		return v.fault(faultClose, "is of window %.20s, the close of window %d", fields[5], v.close.Window)
	}
	if fields[6] != v.close.Date || fields[7] != v.close.Currency || fields[8] != v.close.Digest.String() {
		return v.fault(faultClose, "names another close than the one given")
	}
	return nil
}

func (v *verifier) columns() []string {
	if v.Kind == StatementSummary {
		return summaryColumns
	}
	return columns
}

func (v *verifier) row(fields []string, line []byte) error {
	if v.Kind == StatementSummary {
		v.summary = append(v.summary, bytes.Clone(line))
		return nil
	}
	r, ok := rowOf(fields)
	if !ok || r.Fee != (v.Kind == StatementFee) {
		return v.fault(faultRow, "is no row of a %s statement", v.Kind)
	}
	other, out := r.Payee, true
	if r.Payee == v.Member {
		other, out = r.Payer, false
	} else if r.Payer != v.Member {
		return v.fault(faultRow, "is of %s and %s, not of %s", r.Payer, r.Payee, v.Member)
	}
	if v.Rows > 0 && v.last.compare(&r) > 0 {
		return v.fault(faultRow, "stands after a row that comes later")
	}
	v.last = r
	s := v.sums[other]
	if s == nil {
		s = &sums{}
		v.sums[other] = s
	}
	v.Rows++
	if out {
		s.Detail.AtoB += r.Amount
		v.Out += r.Amount
	} else {
		s.Detail.BtoA += r.Amount
		v.In += r.Amount
	}
	var leaf Hash
	leaf, v.scratch = leafOf(v.scratch, line)
	s.Detail.Tree.Add(leaf)
	return nil
}

// member proves the pairs, and holds the rows against them.
func (v *verifier) member(fields []string) error {
	if len(fields) != 4 {
		return v.fault(faultMalformed, "%d fields, want 4", len(fields))
	}
	place, err1 := strconv.Atoi(fields[1])
	members, err2 := strconv.Atoi(fields[2])
	path, err3 := parsePath(fields[3])
	if errors.Join(err1, err2, err3) != nil || place < 0 || members != v.close.Members {
		return v.fault(faultPath, "is no path among %d members", v.close.Members)
	}
	root, ok := climb(memberLeaf(v.Member, v.pairs), place, members, path)
	if !ok || root != v.close.Root {
		return v.fault(faultPath, "pairs and path do not lead to the root of the close: a pair is missing or altered")
	}
	v.Pairs = len(v.pairs)
	if v.Kind == StatementSummary {
		return v.compareSummary()
	}
	for i := range v.pairs {
		if err := v.comparePair(&v.pairs[i]); err != nil {
			return err
		}
	}
	for other := range v.sums {
		return v.fault(faultPair, "rows with %s are of no pair that was sealed", other)
	}
	return nil
}

// comparePair holds the rows of one pair against its sealed tally.
func (v *verifier) comparePair(p *Pair) error {
	other, detail, fee := p.seen(v.Member)
	want, tally := detail, &p.Detail
	if v.Kind == StatementFee {
		want, tally = fee, &p.Fee
	}
	have := v.sums[other]
	if have == nil {
		have = &sums{}
	}
	delete(v.sums, other)
	got := &have.Detail
	if got.Tree.Size != tally.Rows {
		return v.fault(faultPair, "the rows above hold %d with %s, sealed were %d", got.Tree.Size, other, tally.Rows)
	}
	if got.AtoB != want.out || got.BtoA != want.in {
		return v.fault(faultPair, "the rows above with %s come to %d fen out and %d in, sealed were %d and %d", other, got.AtoB, got.BtoA, want.out, want.in)
	}
	if got.Tree.Root() != tally.Root {
		return v.fault(faultPair, "one of the rows above with %s was altered or moved", other)
	}
	return nil
}

// compareSummary holds a summary's rows against those that follow from the pairs.
func (v *verifier) compareSummary() error {
	if len(v.summary) != len(v.pairs) {
		return v.fault(faultRow, "%d rows, sealed were %d counterparties", len(v.summary), len(v.pairs))
	}
	for i := range v.pairs {
		want, sum := v.pairs[i].summary(v.Member)
		if !bytes.Equal(v.summary[i], want) {
			return v.fault(faultRow, "row %d is not what was sealed: %s", i+1, want)
		}
		v.Rows++
		v.Out += sum.out
		v.In += sum.in
	}
	return nil
}

func (v *verifier) trailer(fields []string) error {
	want := []string{"T", strconv.FormatUint(v.Rows, 10), v.Out.String(), v.In.String(), hex.EncodeToString(v.digest.Sum(nil))}
	if !v.proved {
		return v.fault(faultTrailer, "the proof before it is missing")
	}
	if !slices.Equal(fields, want) {
		return v.fault(faultTrailer, "says %s, the lines before it are %s", strings.Join(fields, ","), strings.Join(want, ","))
	}
	return nil
}

// end reports a statement that ends too early.
func (v *verifier) end() error {
	if !v.trailed {
		v.line++
		return v.fault(faultTrailer, "the file ends without its trailer: it is short")
	}
	return nil
}
