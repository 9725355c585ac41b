package settlement

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"

	"tongma/switch/payment"
)

// PositionRow is what one payment did to a member's position in a window, in fen: above zero
// the member is owed, below it owes.
type PositionRow struct {
	Window       uint32
	Payment      payment.ID
	Kind         payment.Kind
	Original     payment.ID
	RequestID    string
	Counterparty string // Of the payment's own money; of the fee, where only that touched the member.
	Decided      time.Time
	Amount       payment.Fen // The payment's own money.
	Fee          payment.Fen
}

// ReadPosition reads a member's statements of one window, proves them against the sealed close
// beside them, and visits what each payment did to the member's position, in the journal's
// order. A member that had no part in the window has no rows. The error wraps ErrSeal or is a
// *FileError where the statements are not what was sealed.
func ReadPosition(directory, member string, visit func(*PositionRow) error) (*Close, error) {
	text, err := os.ReadFile(filepath.Join(directory, CloseFile))
	if err != nil {
		return nil, fmt.Errorf("settlement: cannot read the close: %w", err)
	}
	c := new(Close)
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("settlement: cannot read the close: %w", err)
	}
	var files [2]*statementRows
	for i, kind := range []string{StatementDetail, StatementFee} {
		name := filepath.Join(directory, fileName(member)+"-"+kind+".csv.gz")
		if err := proveFile(name, kind, member, c); err != nil {
			return c, errors.Join(fmt.Errorf("settlement: %s is not what was sealed", name), err)
		}
		if files[i], err = openRows(name); err != nil {
			return c, err
		}
		defer files[i].file.Close()
	}
	return c, mergeRows(files, member, c.Window, visit)
}

// proveFile proves one statement, and that it is the one that its name says.
func proveFile(name, kind, member string, c *Close) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	v, err := Verify(file, c)
	if err == nil && (v.Kind != kind || v.Member != member) {
		err = fmt.Errorf("%w: it is the %s statement of %s", ErrSeal, v.Kind, v.Member)
	}
	return err
}

// statementRows reads the rows of a statement that was proved.
type statementRows struct {
	file *os.File
	in   *bufio.Reader
	row  row
	ok   bool // row is there.
}

func openRows(name string) (*statementRows, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	plain, err := gzip.NewReader(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s := &statementRows{file: file, in: bufio.NewReaderSize(plain, 256<<10)}
	return s, s.next()
}

// next goes on to the next row; ok is false where there is none.
func (s *statementRows) next() error {
	for s.ok = false; !s.ok; {
		line, err := s.in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		fields, err := split(line[:len(line)-1])
		if err != nil {
			return err
		}
		s.row, s.ok = rowOf(fields)
	}
	return nil
}

// mergeRows brings the rows of one payment together, out of both statements.
func mergeRows(files [2]*statementRows, member string, window uint32, visit func(*PositionRow) error) error {
	for {
		first := files[0]
		if other := files[1]; !first.ok || other.ok && other.row.at != first.row.at && before(other.row.at, first.row.at) {
			first = other
		}
		if !first.ok {
			return nil
		}
		at, p := first.row.at, first.row.payment
		out := PositionRow{Window: window, Payment: p.ID, Kind: p.Kind, Original: p.Original, RequestID: p.RequestID, Decided: p.Decided}
		for _, file := range files {
			for file.ok && file.row.at == at {
				out.add(&file.row, member)
				if err := file.next(); err != nil {
					return err
				}
			}
		}
		if err := visit(&out); err != nil {
			return err
		}
	}
}

// add takes one transfer as the member sees it.
func (p *PositionRow) add(r *row, member string) {
	amount, other := r.Amount, r.Payer
	if r.Payer == member {
		amount, other = -r.Amount, r.Payee
	}
	if p.Counterparty == "" {
		p.Counterparty = other
	}
	if r.Fee {
		p.Fee += amount
	} else {
		p.Amount += amount
	}
}
