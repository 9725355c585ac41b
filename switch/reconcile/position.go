package reconcile

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PositionPlan says how the other side's files tell who gets and who gives.
type PositionPlan struct {
	// Out lists the words of the kind field for rows whose amount, written without a sign, goes
	// out of the institution's position. Empty leaves amounts as they are signed.
	Out []string `yaml:"out"`
	// FeesPaid says that a fee above zero is one that the institution pays; otherwise it is one
	// that it gets.
	FeesPaid bool `yaml:"fees_paid"`
}

// PositionRow is what one payment did to an institution's position, in fen: above zero it
// gets, below it gives.
type PositionRow struct {
	Window    string // Empty where the files do not say.
	ID        string // Of the payment.
	Reference string // The caller's own id of it.
	Amount    int64
	Fee       int64
	Kind      string
	Time      string // YYYYMMDDhhmmss, wall clock of Asia/Shanghai; empty where it is not known.
	Party     string
	Original  string
	File      string // Where the row stands.
	Offset    int64
}

// PositionSum is what the rows of a side come to.
type PositionSum struct {
	Rows   int64 `json:"rows"`
	Amount int64 `json:"amount_fen"`
	Fee    int64 `json:"fee_fen"`
}

// Net is what the institution gets in all.
func (s PositionSum) Net() int64 { return s.Amount + s.Fee }

func (s *PositionSum) add(o PositionSum, sign int64) {
	s.Rows += sign * o.Rows
	s.Amount += sign * o.Amount
	s.Fee += sign * o.Fee
}

// Position is one institution's position by our statements and by its own. Each window's rows
// stand in a file of their own until it is known whether they are needed.
type Position struct {
	Institution string

	plan    *Plan
	folder  string
	windows [2]map[string]*positionWindow
	byOne   bool // Their files do not say windows: all of ours are one.
}

// positionWindow is one side's rows of a window.
type positionWindow struct {
	sum  PositionSum
	path string
	file *os.File
	out  *csv.Writer
}

// WindowsMax is how many windows are held against each other at once; each is an open file.
const WindowsMax = 400

var positionColumns = []string{"window", "payment", "request_id", "amount_fen", "fee_fen", "kind", "time", "counterparty", "original", "file", "offset"}

// NewPosition begins an institution's comparison. The plan's right side is how its files are
// written; folder, which is the caller's to remove, takes the rows.
func NewPosition(institution, folder string, plan *Plan) *Position {
	p := &Position{Institution: institution, plan: plan, folder: folder}
	_, says := plan.Right.Layout.Columns[Batch.String()]
	p.byOne = !says
	for side := range p.windows {
		p.windows[side] = map[string]*positionWindow{}
	}
	return p
}

// Ours takes a row of our statements.
func (p *Position) Ours(r *PositionRow) error { return p.add(0, r) }

func (p *Position) add(side int, r *PositionRow) error {
	name := r.Window
	if p.byOne {
		name = ""
	}
	w := p.windows[side][name]
	if w == nil {
		var err error
		if w, err = p.window(side, name); err != nil {
			return err
		}
	}
	w.sum.add(PositionSum{1, r.Amount, r.Fee}, 1)
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	return w.out.Write([]string{name, r.ID, r.Reference, number(r.Amount), number(r.Fee), r.Kind, r.Time, r.Party, r.Original, r.File, number(r.Offset)})
}

func (p *Position) window(side int, name string) (*positionWindow, error) {
	if len(p.windows[side]) == WindowsMax {
		return nil, fmt.Errorf("reconcile: %s has more than %d windows; compare fewer at once", p.Institution, WindowsMax)
	}
	path := filepath.Join(p.folder, fmt.Sprintf("%d-%d.csv", side, len(p.windows[side])))
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := &positionWindow{path: path, file: file, out: csv.NewWriter(file)}
	p.windows[side][name] = w
	return w, w.out.Write(positionColumns)
}

// Theirs reads the institution's own files. A line that is no row, or a wrong trailer, is an
// error: totals of which a part is missing say nothing.
func (p *Position) Theirs(ctx context.Context, paths []string) error {
	plan := *p.plan
	plan.Rules, plan.Refunds, plan.TotalsBy, plan.RejectsMax = []Rule{{Name: "id", Key: []Field{ID}}}, nil, nil, 0
	side := Side{Name: p.plan.Right.Name, Layout: p.plan.Right.Layout, Paths: paths}
	if err := checkFiles(ctx, side, &plan); err != nil {
		return err
	}
	return eachRow(ctx, side, func(at *part, offset int64, _ []byte, r *row) error {
		return p.add(1, p.theirRow(at, offset, r))
	})
}

func (p *Position) theirRow(at *part, offset int64, r *row) *PositionRow {
	own := &PositionRow{Window: string(r.text[Batch]), ID: string(r.text[ID]), Reference: string(r.text[Reference]), Amount: r.amount, Fee: r.fee,
		Kind: string(r.text[Kind]), Party: string(r.text[Party]), Original: string(r.text[Original]), File: at.path, Offset: offset}
	if r.second != noTime {
		own.Time = time.Unix(r.second, 0).UTC().Format("20060102150405")
	}
	how := p.plan.Positions
	if how == nil {
		return own
	}
	if how.FeesPaid {
		own.Fee = -own.Fee
	}
	if slices.Contains(how.Out, own.Kind) {
		own.Amount = -own.Amount
	}
	return own
}

// checkFiles reads the files as one side of a run does, for what it would reject.
func checkFiles(ctx context.Context, side Side, plan *Plan) error {
	j := &job{ctx: ctx, plan: plan}
	empty := Side{Name: "none", Layout: side.Layout}
	if err := j.prepare(&empty, &side); err != nil {
		return err
	}
	defer j.close()
	if err := j.scanSide(1); err != nil {
		return err
	}
	for _, r := range j.counts[1].rejects {
		return fmt.Errorf("reconcile: %s at byte %d: %s", r.Path, r.Offset, r.Reason)
	}
	return nil
}

// The levels of a comparison, from the whole to its parts.
const (
	LevelSettlement  = "settlement"
	LevelWindow      = "window"
	LevelTransaction = "transaction"
	LevelFee         = "fee"
)

// PositionLevel is how the two sides stand at one level. Below one that agrees there is none.
type PositionLevel struct {
	Institution string       `json:"institution"`
	Level       string       `json:"level"`
	Window      string       `json:"window,omitempty"`
	Agrees      bool         `json:"agrees"`
	Ours        PositionSum  `json:"ours"`
	Theirs      PositionSum  `json:"theirs"`
	Difference  int64        `json:"difference_fen"` // Theirs less ours: of the net; in transactions of amounts, in fees of fees.
	Explained   int64        `json:"explained_fen"`  // What the items come to.
	Unexplained int64        `json:"unexplained_fen"`
	Count       int64        `json:"count"` // Of the items.
	Items       []Difference `json:"items,omitempty"`
}

// Difference is one transaction, or one fee, that explains a part of a difference.
type Difference struct {
	Class  string `json:"class"`
	ID     string `json:"id"`
	Ours   int64  `json:"ours_fen"`
	Theirs int64  `json:"theirs_fen"`
	File   string `json:"file"` // Of their row, or of ours where they have none.
	Offset int64  `json:"offset"`
}

// itemsShown is how many items a level lists; all of them count, and all are emitted.
const itemsShown = 100

// Compare holds the sides against each other: the net of all windows first; where that
// differs, each window; where one differs, its transactions and its fees. emit, which may be
// nil, is called with every difference of the windows that were opened.
//
// Totals that agree in rows, amounts and fees are taken to agree: differences inside them that
// even out are not looked for.
func (p *Position) Compare(ctx context.Context, options Options, emit func(*Discrepancy) error) ([]PositionLevel, error) {
	if err := p.flush(); err != nil {
		return nil, err
	}
	total := p.level(LevelSettlement, "", p.sum(0), p.sum(1))
	levels := []PositionLevel{total}
	if total.Agrees {
		return levels, nil
	}
	names := map[string]bool{}
	for side := range p.windows {
		for name := range p.windows[side] {
			names[name] = true
		}
	}
	explained := int64(0)
	for _, name := range slices.SortedFunc(maps.Keys(names), compareWindows) {
		window := p.level(LevelWindow, name, p.sumOf(0, name), p.sumOf(1, name))
		at := len(levels)
		if levels = append(levels, window); window.Agrees {
			continue
		}
		parts, err := p.open(ctx, name, options, emit)
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			levels[at].explain(part.Explained, part.Count)
		}
		levels = append(levels, parts...)
		explained += levels[at].Explained
		levels[0].Count += levels[at].Count
	}
	levels[0].explain(explained, 0)
	return levels, nil
}

// compareWindows orders windows by number where they are numbers.
func compareWindows(a, b string) int {
	if n := len(a) - len(b); n != 0 {
		return n
	}
	return strings.Compare(a, b)
}

func (p *Position) flush() error {
	var failures []error
	for side := range p.windows {
		for _, w := range p.windows[side] {
			w.out.Flush()
			failures = append(failures, w.out.Error(), w.file.Close())
		}
	}
	return errors.Join(failures...)
}

func (p *Position) sum(side int) (sum PositionSum) {
	for _, w := range p.windows[side] {
		sum.add(w.sum, 1)
	}
	return sum
}

func (p *Position) sumOf(side int, name string) PositionSum {
	if w := p.windows[side][name]; w != nil {
		return w.sum
	}
	return PositionSum{}
}

func (p *Position) level(level, window string, ours, theirs PositionSum) PositionLevel {
	l := PositionLevel{Institution: p.Institution, Level: level, Window: window, Ours: ours, Theirs: theirs, Agrees: ours == theirs}
	switch level {
	case LevelTransaction:
		l.Agrees = ours.Amount == theirs.Amount && ours.Rows == theirs.Rows
		l.Difference = theirs.Amount - ours.Amount
	case LevelFee:
		l.Agrees = ours.Fee == theirs.Fee
		l.Difference = theirs.Fee - ours.Fee
	default:
		l.Difference = theirs.Net() - ours.Net()
	}
	l.Unexplained = l.Difference
	return l
}

func (l *PositionLevel) explain(fen, count int64) {
	l.Explained += fen
	l.Unexplained = l.Difference - l.Explained
	l.Count += count
}

func (l *PositionLevel) item(d Difference) {
	l.explain(d.Theirs-d.Ours, 1)
	if len(l.Items) < itemsShown {
		l.Items = append(l.Items, d)
	}
}

// open matches the rows of one window and gives the levels below it that differ.
func (p *Position) open(ctx context.Context, name string, options Options, emit func(*Discrepancy) error) ([]PositionLevel, error) {
	ours, theirs := p.sumOf(0, name), p.sumOf(1, name)
	transactions, fees := p.level(LevelTransaction, name, ours, theirs), p.level(LevelFee, name, ours, theirs)
	plan, layout, err := p.matching()
	if err != nil {
		return nil, err
	}
	sides := [2]Side{{Name: p.plan.Left.Name, Layout: layout}, {Name: p.plan.Right.Name, Layout: layout}}
	for side := range sides {
		if w := p.windows[side][name]; w != nil {
			sides[side].Paths = []string{w.path}
		}
	}
	options.Carry, options.Pairs = nil, nil
	_, err = Run(ctx, sides[0], sides[1], plan, options, func(d *Discrepancy) error {
		if err := p.explain(d, &transactions, &fees); err != nil || emit == nil {
			return err
		}
		return emit(d)
	})
	if err != nil {
		return nil, err
	}
	var levels []PositionLevel
	for _, l := range []PositionLevel{transactions, fees} {
		if !l.Agrees || l.Count > 0 {
			levels = append(levels, l)
		}
	}
	return levels, nil
}

// matching is the plan for rows that stand in the layout of positions: the rules of one row
// with one. Nothing is tolerated: every fen of a difference has to be found.
func (p *Position) matching() (*Plan, Layout, error) {
	layout, err := ShippedLayout("position", 0)
	if err != nil {
		return nil, layout, err
	}
	plan := *p.plan
	plan.Rules = slices.DeleteFunc(slices.Clone(plan.Rules), func(r Rule) bool { return r.Many != "" }) // A sum explains no transaction.
	plan.Compare, plan.Tolerance, plan.Refunds, plan.TotalsBy, plan.RejectsMax = []Field{Amount, Fee}, Tolerance{}, nil, nil, 0
	plan.Left.Layout, plan.Right.Layout, plan.CutOff = layout, layout, ""
	return &plan, layout, plan.Validate()
}

// explain counts a difference at its levels, and gives its rows back the places where they
// stand.
func (p *Position) explain(d *Discrepancy, transactions, fees *PositionLevel) error {
	var amounts, charged [2]int64
	item := Difference{Class: d.Class}
	d.Candidates = nil // They stand in files that go away.
	for side, line := range []*Line{d.Left, d.Right} {
		if line == nil {
			continue
		}
		cells, err := csv.NewReader(strings.NewReader(line.Text)).Read()
		if err != nil || len(cells) != len(positionColumns) {
			return errors.Join(fmt.Errorf("reconcile: a row of a position cannot be read again"), err)
		}
		charged[side], err = strconv.ParseInt(cells[4], 10, 64)
		offset, failed := strconv.ParseInt(cells[10], 10, 64)
		if err := errors.Join(err, failed); err != nil {
			return err
		}
		amounts[side] = line.Amount
		line.Path, line.Offset = cells[9], offset
		item.ID, item.File, item.Offset = line.ID, line.Path, line.Offset
	}
	if amounts[0] != amounts[1] || d.Left == nil || d.Right == nil {
		item.Ours, item.Theirs = amounts[0], amounts[1]
		transactions.item(item)
	}
	if charged[0] != charged[1] {
		item.Ours, item.Theirs = charged[0], charged[1]
		fees.item(item)
	}
	return nil
}
