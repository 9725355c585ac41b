package settlement

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// The kinds of statement. Each member gets one file of each for each window.
const (
	StatementDetail  = "detail"
	StatementFee     = "fee"
	StatementSummary = "summary"
)

var statementKinds = []string{StatementDetail, StatementFee, StatementSummary}

// StatementFile is one file that was written.
type StatementFile struct {
	Name   string      `json:"name"`
	Member string      `json:"member"`
	Kind   string      `json:"kind"`
	Rows   uint64      `json:"rows"`
	Out    payment.Fen `json:"out_fen"` // What the member owes by the rows.
	In     payment.Fen `json:"in_fen"`
	Digest Hash        `json:"digest"` // Of the text before the trailer, as the trailer says it.
}

// A statement is CSV, packed by gzip:
//
//	H,tongma-statement,1,<kind>,<member>,<window>,<date>,<currency>,<digest of the close>
//	<names of columns>
//	D... or F... or S...         rows, see columns and summaryColumns
//	C... or A...                 rows of chargebacks and adjustments, the reason at the end
//	P,<a>,<b>,<rows>,<a to b>,<b to a>,<root>,<fee rows>,<a to b>,<b to a>,<root>
//	M,<place among the members>,<members>,<path, hashes parted by spaces>
//	T,<rows>,<out>,<in>,<SHA-256 of everything before this line>
//
// The P lines are all pairs that the member is in, so that the rows can be checked for
// being complete; the M line leads from them to the root of the sealed close.
const statementHead = "tongma-statement"

var summaryColumns = []string{
	"row", "counterparty", "payments", "out_fen", "in_fen", "fees", "fees_out_fen", "fees_in_fen", "net_fen",
}

// statement is a file that is being written. Its text is packed by a goroutine of its own.
type statement struct {
	StatementFile
	buffer []byte
	full   chan []byte
	free   chan []byte
	done   chan error
	digest hash.Hash
	whole  bool // All of it was written; set before full is closed.
}

// bufferBytes is how much text is handed over at once.
const bufferBytes = 64 << 10

func newStatement(path, kind, member string) (*statement, error) {
	s := &statement{full: make(chan []byte, 1), free: make(chan []byte, 3), done: make(chan error, 1), digest: sha256.New()}
	s.Member, s.Kind, s.Name = member, kind, filepath.Base(path)
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("settlement: cannot write a statement: %w", err)
	}
	packed, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s.free <- nil
	s.free <- nil
	go func() { s.done <- errors.Join(s.pack(packed), packed.Close(), file.Close()) }()
	return s, nil
}

// pack is the life of the packing goroutine. The trailer is its own to write: it knows the
// digest of what stands before.
func (s *statement) pack(packed io.Writer) error {
	var err error
	for text := range s.full {
		s.digest.Write(text)
		if err == nil {
			_, err = packed.Write(text)
		}
		s.free <- text[:0]
	}
	if err != nil || !s.whole {
		return err
	}
	s.digest.Sum(s.Digest[:0])
	_, err = fmt.Fprintf(packed, "T,%d,%d,%d,%s\n", s.Rows, s.Out, s.In, s.Digest)
	return err
}

// write appends text and hands the buffer over when it is full.
func (s *statement) write(text []byte) {
	s.buffer = append(append(s.buffer, text...), '\n')
	if len(s.buffer) >= bufferBytes {
		s.handOver()
	}
}

func (s *statement) handOver() {
	s.full <- s.buffer
	s.buffer = <-s.free
}

func (s *statement) count(out, in payment.Fen) {
	s.Rows++
	s.Out += out
	s.In += in
}

// close writes the trailer and waits until the file is whole.
func (s *statement) close() error {
	s.handOver()
	s.whole = true
	close(s.full)
	return <-s.done
}

// abandon ends a file that will not be whole.
func (s *statement) abandon() {
	close(s.full)
	<-s.done
}

// Source is where a window's payments are read from.
type Source struct {
	Log  journal.Log
	Find func(id payment.ID) (payment.Payment, error) // See engine.Endings.
}

// WriteStatements writes the statements of all members, the sealed close and the
// instructions into directory, which it makes anew. What it reads must be what was sealed:
// any difference is an error, and the directory is then not there.
func (s *Seal) WriteStatements(source Source, directory string) ([]StatementFile, error) {
	fresh := directory + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.MkdirAll(fresh, 0o750)); err != nil {
		return nil, fmt.Errorf("settlement: cannot write statements: %w", err)
	}
	files, err := s.writeInto(source, fresh)
	if err == nil {
		err = errors.Join(os.RemoveAll(directory), os.Rename(fresh, directory))
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(fresh))
	}
	return files, nil
}

// CloseFile is the name of the sealed close beside the statements.
const CloseFile = "close.json"

func (s *Seal) writeInto(source Source, directory string) ([]StatementFile, error) {
	w := statementWriter{seal: s, files: map[string][]*statement{}}
	if err := w.open(directory); err != nil {
		return nil, errors.Join(err, w.abandon())
	}
	if err := w.read(source); err != nil {
		return nil, errors.Join(err, w.abandon())
	}
	files, err := w.close()
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(&s.Close, "", "  ")
	if err != nil {
		return nil, err
	}
	instructions, _ := s.InstructionFile()
	return files, errors.Join(
		os.WriteFile(filepath.Join(directory, CloseFile), append(text, '\n'), 0o640),
		os.WriteFile(filepath.Join(directory, "instructions.csv"), instructions, 0o640))
}

// statementWriter writes all statements of one window in one reading of the journal.
type statementWriter struct {
	seal      *Seal
	files     map[string][]*statement // By member, in the order of statementKinds.
	transfers []ledger.Transfer
	text      []byte
	times     stamp
}

func (w *statementWriter) open(directory string) error {
	for _, name := range w.seal.Names {
		for _, kind := range statementKinds {
			s, err := newStatement(filepath.Join(directory, fileName(name)+"-"+kind+".csv.gz"), kind, name)
			if err != nil {
				return err
			}
			w.files[name] = append(w.files[name], s)
			c := &w.seal.Close
			s.write(fmt.Appendf(nil, "H,%s,1,%s,%s,%d,%s,%s,%s", statementHead, kind, appendField(nil, name), c.Window, c.Date, c.Currency, c.Digest))
			names := columns
			if kind == StatementSummary {
				names = summaryColumns
			}
			s.write([]byte(strings.Join(names, ",")))
		}
	}
	return nil
}

// fileName is name without what a file's name may not hold.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, strings.TrimLeft(name, "."))
}

var errRead = errors.New("settlement: read to the end")

// read goes through the blocks of the window and gives each row to both its sides.
func (w *statementWriter) read(source Source) error {
	after, err1 := parsePlace(w.seal.After)
	at, err2 := parsePlace(w.seal.At)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	endings := engine.Endings{Find: source.Find, Brief: true}
	visitor := engine.Visitor{Ended: func(ended *engine.Ending) error {
		if !before(after, ended.At) || !before(ended.At, at) {
			return nil
		}
		var err error
		w.transfers, err = rows(w.transfers, ended, w.row)
		return err
	}}
	blocks, ended := make(chan *journal.Block, blocksAhead), make(chan struct{})
	var readErr error
	go func() {
		defer close(blocks)
		readErr = source.Log.Read(max(after.Sequence, 1), func(b *journal.Block) error {
			if b.Sequence > at.Sequence {
				return errRead
			}
			select {
			case blocks <- b:
				return nil
			case <-ended:
				return errRead
			}
		})
	}()
	var err error
	for b := range blocks {
		if err == nil {
			if err = endings.Block(b, visitor); err != nil {
				close(ended)
			}
		}
	}
	if errors.Is(readErr, errRead) {
		readErr = nil
	}
	return errors.Join(err, readErr)
}

// blocksAhead is how many blocks are read from the journal before they are needed.
const blocksAhead = 8

func before(a, b journal.Position) bool {
	return a.Sequence < b.Sequence || a.Sequence == b.Sequence && a.Offset < b.Offset
}

func (w *statementWriter) row(r *row) error {
	payer, payee := w.files[r.Payer], w.files[r.Payee]
	if payer == nil || payee == nil {
		return fmt.Errorf("%w: a payment between %s and %s is not of its members", ErrSeal, r.Payer, r.Payee)
	}
	kind := 0
	if r.Fee {
		kind = 1
	}
	w.text = r.appendTo(w.text[:0], &w.times)
	payer[kind].write(w.text)
	payer[kind].count(r.Amount, 0)
	payee[kind].write(w.text)
	payee[kind].count(0, r.Amount)
	return nil
}

func (w *statementWriter) close() ([]StatementFile, error) {
	leaves := w.seal.leaves()
	var list []StatementFile
	var faults []error
	for place, name := range w.seal.Names {
		pairs := w.seal.pairsOf(name)
		var proof bytes.Buffer
		for i := range pairs {
			proof.WriteString("P," + pairs[i].line() + "\n")
		}
		fmt.Fprintf(&proof, "M,%d,%d,%s", place, len(leaves), pathText(pathTo(leaves, place)))
		for _, s := range w.files[name] {
			if s.Kind == StatementSummary {
				for i := range pairs {
					text, sum := pairs[i].summary(name)
					s.write(text)
					s.count(sum.out, sum.in)
				}
			}
			s.write(proof.Bytes())
			faults = append(faults, s.close(), s.compare(pairs))
			list = append(list, s.StatementFile)
		}
	}
	return list, errors.Join(faults...)
}

func (w *statementWriter) abandon() error {
	for _, files := range w.files {
		for _, s := range files {
			s.abandon()
		}
	}
	return nil
}

// summary is a pair's row in the summary of member, and what it sums to.
func (p *Pair) summary(member string) ([]byte, flow) {
	other, d, f := p.seen(member)
	return fmt.Appendf(nil, "S,%s,%d,%d,%d,%d,%d,%d,%d", appendField(nil, other), p.Detail.Rows, d.out, d.in,
		p.Fee.Rows, f.out, f.in, d.in+f.in-d.out-f.out), flow{d.out + f.out, d.in + f.in}
}

// flow is what one side owes and is owed, in fen.
type flow struct{ out, in payment.Fen }

// seen is the pair as member sees it.
func (p *Pair) seen(member string) (other string, detail, fee flow) {
	if p.A == member {
		return p.B, flow{p.Detail.AtoB, p.Detail.BtoA}, flow{p.Fee.AtoB, p.Fee.BtoA}
	}
	return p.A, flow{p.Detail.BtoA, p.Detail.AtoB}, flow{p.Fee.BtoA, p.Fee.AtoB}
}

// compare holds what was written against what was sealed.
func (s *statement) compare(pairs []Pair) error {
	var rows uint64
	var sum flow
	for i := range pairs {
		_, d, f := pairs[i].seen(s.Member)
		switch s.Kind {
		case StatementDetail:
			rows, sum = rows+pairs[i].Detail.Rows, flow{sum.out + d.out, sum.in + d.in}
		case StatementFee:
			rows, sum = rows+pairs[i].Fee.Rows, flow{sum.out + f.out, sum.in + f.in}
		case StatementSummary:
			rows, sum = rows+1, flow{sum.out + d.out + f.out, sum.in + d.in + f.in}
		}
	}
	if s.Rows != rows || s.Out != sum.out || s.In != sum.in {
		return fmt.Errorf("%w: %s has %d rows, %d fen out and %d in; sealed were %d, %d and %d", ErrSeal,
			s.Name, s.Rows, s.Out, s.In, rows, sum.out, sum.in)
	}
	return nil
}

func pathText(path []Hash) string {
	list := make([]string, len(path))
	for i := range path {
		list[i] = path[i].String()
	}
	return strings.Join(list, " ")
}

func parsePath(text string) ([]Hash, error) {
	var path []Hash
	for _, word := range strings.Fields(text) {
		var h Hash
		if err := h.UnmarshalText([]byte(word)); err != nil {
			return nil, err
		}
		path = append(path, h)
	}
	return path, nil
}

// parsePair reads what follows the P of a pair's line.
func parsePair(fields []string) (Pair, bool) {
	if len(fields) != 10 {
		return Pair{}, false
	}
	p := Pair{A: fields[0], B: fields[1]}
	return p, p.A < p.B && parseTally(&p.Detail, fields[2:6]) && parseTally(&p.Fee, fields[6:10])
}

func parseTally(t *Tally, fields []string) bool {
	rows, err1 := strconv.ParseUint(fields[0], 10, 64)
	forth, err2 := strconv.ParseInt(fields[1], 10, 64)
	back, err3 := strconv.ParseInt(fields[2], 10, 64)
	err4 := t.Root.UnmarshalText([]byte(fields[3]))
	t.Rows, t.AtoB, t.BtoA = rows, payment.Fen(forth), payment.Fen(back)
	return errors.Join(err1, err2, err3, err4) == nil
}
