package settlement

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// The acts that settlement writes and reads.
const (
	actPropose  = "window.propose"
	actClose    = "window.close"
	actSeal     = "window.seal"
	actSealPart = "window.seal_part"
	actInstruct = "window.instruct"
	actConfirm  = "window.confirm"
	actAccuse   = "window.default_propose"
	actDefault  = "window.default"
	actFinalise = "window.finalise"
)

// Fold is what the journal folds to: the sums of the open window. It is pure; it is given
// blocks in order and says when one of them holds a close.
type Fold struct {
	Sequence uint64    `json:"sequence"` // Of the last block that was taken.
	Window   uint32    `json:"window"`   // Number of the open one.
	Opened   time.Time `json:"opened"`
	After    string    `json:"after"` // Position of the close before.
	First    string    `json:"first"`
	Last     string    `json:"last"`
	Payments uint64    `json:"payments"`
	Sums     []*sums   `json:"sums"`

	endings   engine.Endings
	pairs     map[[2]string]*sums
	transfers []ledger.Transfer
	text      []byte
	scratch   []byte
	times     stamp
	last      journal.Position
	chain     Hash
	sealed    func(*Seal) error
	acted     func(*engine.Act) error
}

// sums is one pair's running figures.
type sums struct {
	A      string  `json:"a"`
	B      string  `json:"b"`
	Detail running `json:"detail"`
	Fee    running `json:"fee"`
}

type running struct {
	AtoB payment.Fen `json:"a_to_b"`
	BtoA payment.Fen `json:"b_to_a"`
	Tree Tree        `json:"tree"`
}

func (r *running) tally() Tally { return Tally{r.Tree.Size, r.AtoB, r.BtoA, r.Tree.Root()} }

// nowhere is the position of nothing.
const nowhere = "0.0"

// NewFold begins before the first block, in window 1. sealed is given each closed window
// when its close is reached.
func NewFold(sealed func(*Seal) error) *Fold {
	f := &Fold{sealed: sealed}
	f.endings.Brief = true
	f.begin(1, nowhere, time.Time{})
	return f
}

func (f *Fold) begin(window uint32, after string, opened time.Time) {
	f.Window, f.After, f.Opened = window, after, opened
	f.First, f.Last, f.Payments = nowhere, nowhere, 0
	f.last = journal.Position{}
	f.Sums, f.pairs = nil, map[[2]string]*sums{}
}

// Block takes the next block.
func (f *Fold) Block(b *journal.Block) error {
	if b.Sequence != f.Sequence+1 {
		return fmt.Errorf("settlement: block %d after block %d", b.Sequence, f.Sequence)
	}
	if f.Opened.IsZero() {
		f.Opened = b.Time
	}
	f.chain = b.Previous
	if err := f.endings.Block(b, engine.Visitor{Ended: f.ended, Acted: f.act}); err != nil {
		return err
	}
	f.Sequence = b.Sequence
	return nil
}

func (f *Fold) ended(ended *engine.Ending) error {
	var err error
	if f.transfers, err = rows(f.transfers, ended, f.row); err != nil || len(f.transfers) == 0 {
		return err
	}
	if f.Payments == 0 {
		f.First = place(ended.At)
	}
	f.last = ended.At
	f.Payments++
	return nil
}

func (f *Fold) row(r *row) error {
	key, forward := [2]string{r.Payer, r.Payee}, true
	if r.Payee < r.Payer {
		key, forward = [2]string{r.Payee, r.Payer}, false
	}
	s := f.pairs[key]
	if s == nil {
		s = &sums{A: key[0], B: key[1]}
		f.pairs[key], f.Sums = s, append(f.Sums, s)
	}
	to := &s.Detail
	if r.Fee {
		to = &s.Fee
	}
	if forward {
		to.AtoB += r.Amount
	} else {
		to.BtoA += r.Amount
	}
	f.text = r.appendTo(f.text[:0], &f.times)
	var leaf Hash
	leaf, f.scratch = leafOf(f.scratch, f.text)
	to.Tree.Add(leaf)
	return nil
}

// cut is what the record of a close says beside being the cut.
type cut struct {
	Window    uint32    `json:"number"`
	Date      string    `json:"date"`
	ValueDate string    `json:"value_date"`
	ClosedBy  string    `json:"closed_by"`
	ClosedAt  time.Time `json:"closed_at"`
	Members   []string  `json:"members"`
}

func (f *Fold) act(at journal.Position, a *engine.Act) error {
	if a.Refused != "" || !strings.HasPrefix(a.What, "window.") {
		return nil
	}
	if a.What != actClose {
		if f.acted != nil {
			return f.acted(a)
		}
		return nil
	}
	var c cut
	if err := json.Unmarshal(a.State, &c); err != nil {
		return fmt.Errorf("settlement: cannot read the close of a window: %w", err)
	}
	if c.Window != f.Window {
		return fmt.Errorf("settlement: close of window %d, but window %d is open", c.Window, f.Window)
	}
	s := f.close(at, &c)
	f.begin(f.Window+1, place(at), c.ClosedAt)
	if f.sealed == nil {
		return nil
	}
	return f.sealed(s)
}

func (f *Fold) close(at journal.Position, c *cut) *Seal {
	s := &Seal{Names: c.Members, Close: Close{
		Window: f.Window, Date: c.Date, ValueDate: c.ValueDate, Currency: ledger.Currency,
		Opened: f.Opened.UTC(), Closed: c.ClosedAt.UTC(), ClosedBy: c.ClosedBy,
		After: f.After, At: place(at), First: f.First, Last: f.lastPlace(), Payments: f.Payments, Chain: f.chain,
	}}
	for _, sum := range f.Sums {
		s.List = append(s.List, Pair{sum.A, sum.B, sum.Detail.tally(), sum.Fee.tally()})
	}
	s.seal()
	return s
}

func (f *Fold) lastPlace() string {
	if f.last == (journal.Position{}) {
		return f.Last
	}
	return place(f.last)
}

// State is what Restore goes on from.
func (f *Fold) State() ([]byte, error) {
	f.Last = f.lastPlace()
	return json.Marshal(f)
}

// Restore makes f what State wrote; the intents of payments that were then at work are
// looked up.
func (f *Fold) Restore(state []byte) error {
	if err := json.Unmarshal(state, f); err != nil {
		return fmt.Errorf("settlement: cannot read the saved fold: %w", err)
	}
	f.pairs = map[[2]string]*sums{}
	for _, s := range f.Sums {
		f.pairs[[2]string{s.A, s.B}] = s
	}
	return nil
}

func place(at journal.Position) string {
	return strconv.FormatUint(at.Sequence, 10) + "." + strconv.FormatUint(uint64(at.Offset), 10)
}

var errPlace = errors.New("settlement: a position is not block.record")

func parsePlace(text string) (journal.Position, error) {
	before, after, ok := strings.Cut(text, ".")
	sequence, err1 := strconv.ParseUint(before, 10, 64)
	offset, err2 := strconv.ParseUint(after, 10, 32)
	if !ok || err1 != nil || err2 != nil {
		return journal.Position{}, errPlace
	}
	return journal.Position{Sequence: sequence, Offset: uint32(offset)}, nil
}
