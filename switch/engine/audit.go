package engine

import (
	"fmt"
	"slices"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// Audit proves what a journal folds to, from nothing: every record reads well, what each
// block posts sums to zero in each medium, the book that a snapshot kept is the one that
// the blocks before it post, and the view leads to every payment. It changes nothing.
type Audit struct {
	book *ledger.Book
	view *viewProof
}

// NewAudit begins before the first block.
func NewAudit() *Audit {
	return &Audit{book: ledger.New(ledger.DefaultLimits(), nil), view: newViewProof()}
}

// Book is what the blocks so far posted.
func (a *Audit) Book() *ledger.Book { return a.book }

// Block takes the next block and reports the first record that this build cannot read or
// that does not balance.
func (a *Audit) Block(b *journal.Block) error {
	for i := range b.Records {
		at := journal.Position{Sequence: b.Sequence, Offset: uint32(i)}
		if err := a.record(&b.Records[i], at); err != nil {
			return fmt.Errorf("block %d, record %d: %w", b.Sequence, i, err)
		}
	}
	a.view.endBlock(b.Sequence, a.book)
	return nil
}

func (a *Audit) record(record *journal.Record, at journal.Position) error {
	posted, err := checkRecord(record)
	if err != nil {
		return err
	}
	if err := a.book.Post(posted); err != nil {
		return err
	}
	return a.view.record(record, at)
}

// View holds the view, as it stands after the last block, against the blocks.
func (a *Audit) View(view journal.View) error { return a.view.check(view) }

// Snapshot holds the accounts that a snapshot kept, after block sequence, against those
// that the blocks posted.
func (a *Audit) Snapshot(sequence uint64, state []byte) error {
	c := newCore(DefaultLimits(), nil, ledger.New(ledger.DefaultLimits(), nil))
	if err := c.restore(state); err != nil {
		return fmt.Errorf("snapshot of block %d: %w", sequence, err)
	}
	if kept, want := c.book.Lines(), a.book.Lines(); !slices.Equal(kept, want) {
		return fmt.Errorf("engine: the snapshot of block %d keeps other balances than the blocks post: %v, want %v", sequence, kept, want)
	}
	return nil
}

// CheckBlock reads every record of a block and reports the first that this build cannot
// read or that does not balance. It changes nothing.
func CheckBlock(b *journal.Block) error { return NewAudit().Block(b) }

// checkRecord reads one record and returns what it posts.
func checkRecord(record *journal.Record) ([]payment.Posting, error) {
	kind := recordKind(record.Kind)
	if !readable(record) {
		return nil, fmt.Errorf("%w: kind %d version %d is not of this build", errRecord, record.Kind, record.Version)
	}
	r := reader{body: record.Body, version: record.Version}
	if r.string(); kind == recordRefused {
		return nil, r.err
	}
	if kind == recordAct {
		a, err := readAct(record)
		return a.Postings, err
	}
	l := newLife()
	err := fold(l, kind, &r)
	return l.posted, err
}
