package reconcile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"unicode/utf8"
)

// Case is a discrepancy as it is put to the switch: what names it, and where both rows stand,
// but not the rows themselves, which may name payers.
type Case struct {
	Class      string    `json:"class"`
	Rule       string    `json:"rule"`
	ID         string    `json:"id"` // Of our row, or of theirs where we have none.
	Amount     int64     `json:"amount_fen"`
	Difference int64     `json:"difference_fen"` // Theirs minus ours; see Discrepancy.
	AgeDays    int       `json:"age_days"`
	Left       *Evidence `json:"left,omitempty"`
	Right      *Evidence `json:"right,omitempty"`
}

// Evidence is where a raw line stands, and what it must then be.
type Evidence struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	SHA256 string `json:"sha256"` // Of the line in UTF-8, hex.
	Amount int64  `json:"amount_fen"`
}

// Identity names the discrepancy: its class and its rows, wherever their files stand and on
// whichever day it is found again. It is 32 characters of hex.
func (c *Case) Identity() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00", c.Class)
	for _, e := range []*Evidence{c.Left, c.Right} {
		if e != nil {
			h.Write([]byte(e.SHA256))
		}
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// The limits of a case.
const (
	caseLineMax  = 2 << 20 // A discrepancy as JSON: two raw lines, and candidates.
	caseTextMax  = 200     // Bytes of an id, a rule or a file's name.
	caseFenMax   = 1e17    // Far from the end of what sums can hold.
	digestLength = 2 * sha256.Size
)

// Validate reports what is wrong with a case that somebody handed in.
func (c *Case) Validate() error {
	class, known := ParseClass(c.Class)
	switch {
	case !known:
		return &CaseError{ClassUnknown, fmt.Sprintf("class %.40q", c.Class)}
	case c.Left == nil && c.Right == nil:
		return &CaseError{CaseInvalid, "neither side has a row"}
	case class == Long && c.Right == nil, class == Short && c.Left == nil:
		return &CaseError{CaseInvalid, "the row of a " + c.Class + " is missing"}
	case len(c.Rule) > caseTextMax || len(c.ID) > caseTextMax || !utf8.ValidString(c.ID+c.Rule):
		return &CaseError{CaseInvalid, fmt.Sprintf("id or rule is above %d bytes, or not UTF-8", caseTextMax)}
	case beyond(c.Amount) || beyond(c.Difference) || c.AgeDays < 0:
		return &CaseError{CaseInvalid, "amount, difference or age is out of range"}
	}
	return errors.Join(c.Left.validate(), c.Right.validate())
}

func beyond(fen int64) bool { return fen > caseFenMax || fen < -caseFenMax }

func (e *Evidence) validate() error {
	if e == nil {
		return nil
	}
	if _, err := hex.DecodeString(e.SHA256); err != nil || len(e.SHA256) != digestLength {
		return &CaseError{CaseInvalid, "sha256 is no SHA-256 in hex"}
	}
	if len(e.File) > caseTextMax || e.Offset < 0 || beyond(e.Amount) {
		return &CaseError{CaseInvalid, "file, offset or amount of a row is out of range"}
	}
	return nil
}

// The reasons for which a line is no case. The list is closed.
const (
	CaseMalformed = "malformed"     // No JSON of a discrepancy.
	CaseTooLong   = "line_too_long" // Above 2 MiB.
	CaseInvalid   = "case_invalid"
	ClassUnknown  = "class_unknown"
)

// CaseError is a line that is no case. Callers act on the code.
type CaseError struct {
	Code   string
	Detail string
}

// Error gives code and detail.
func (e *CaseError) Error() string { return "reconcile: " + e.Code + ": " + e.Detail }

// CaseOf is the case of a discrepancy.
func CaseOf(d *Discrepancy) (*Case, error) {
	c := &Case{Class: d.Class, Rule: d.Rule, Amount: d.Amount, Difference: d.Difference, AgeDays: d.AgeDays,
		Left: evidenceOf(d.Left), Right: evidenceOf(d.Right)}
	switch {
	case d.Left != nil:
		c.ID = d.Left.ID
	case d.Right != nil:
		c.ID = d.Right.ID
	}
	return c, c.Validate()
}

func evidenceOf(line *Line) *Evidence {
	if line == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(line.Text))
	name := filepath.Base(line.Path)
	return &Evidence{File: name[:min(len(name), caseTextMax)], Offset: line.Offset, SHA256: hex.EncodeToString(sum[:]), Amount: line.Amount}
}

// ReadCases calls take with every line of a file of discrepancies (discrepancies.jsonl) and
// its number from 1: with its case, or with the *CaseError that says what is wrong with it.
// It holds one line at a time. The error is the file's, or take's.
func ReadCases(from io.Reader, take func(line int, c *Case, fault error) error) error {
	in := bufio.NewReaderSize(from, 64<<10)
	for number := 1; ; number++ {
		text, tooLong, err := readLine(in)
		if errors.Is(err, io.EOF) && len(text) == 0 && !tooLong {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reconcile: cannot read discrepancies: %w", err)
		}
		c, fault := parseCase(text, tooLong)
		if c == nil && fault == nil {
			continue // An empty line.
		}
		if err := take(number, c, fault); err != nil {
			return err
		}
	}
}

// readLine reads one line; of one that is too long it keeps nothing.
func readLine(in *bufio.Reader) (text []byte, tooLong bool, err error) {
	for {
		piece, err := in.ReadSlice('\n')
		if tooLong = tooLong || len(text)+len(piece) > caseLineMax; tooLong {
			text = nil
		} else {
			text = append(text, piece...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSpace(text), tooLong, err
		}
	}
}

func parseCase(text []byte, tooLong bool) (*Case, error) {
	switch {
	case tooLong:
		return nil, &CaseError{CaseTooLong, fmt.Sprintf("above %d bytes", caseLineMax)}
	case len(text) == 0:
		return nil, nil
	case !utf8.Valid(text):
		return nil, &CaseError{CaseMalformed, "not UTF-8"}
	}
	var d Discrepancy
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, &CaseError{CaseMalformed, "no JSON of a discrepancy"}
	}
	c, err := CaseOf(&d)
	if err != nil {
		return nil, err
	}
	return c, nil
}
