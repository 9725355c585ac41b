package reconcile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const positionRules = `
left: {shipped: position}
right: {layout: {columns: {id: {index: 1}, amount: {index: 2}, fee: {index: 3}, batch: {index: 4}, kind: {index: 5}}}}
compare: [amount]
tolerance: {amount: 50}
positions: {out: [debit]}
rules: [{name: id, key: [id]}, {name: amount, key: [amount, fee]}]
`

// positionTest is one institution with rows in windows on both sides.
type positionTest struct {
	ours   []PositionRow
	theirs []string
}

func (p *positionTest) both(window, id string, amount, fee int64) {
	p.our(window, id, amount, fee)
	p.their(window, id, amount, fee)
}

func (p *positionTest) our(window, id string, amount, fee int64) {
	p.ours = append(p.ours, PositionRow{Window: window, ID: id, Amount: amount, Fee: fee, Time: "20261124100000", File: "ours"})
}

// their writes a row as the institution does: debits without a sign.
func (p *positionTest) their(window, id string, amount, fee int64) {
	kind := "credit"
	if amount < 0 {
		kind, amount = "debit", -amount
	}
	p.theirs = append(p.theirs, fmt.Sprintf("%s,%d,%d,%s,%s", id, amount, fee, window, kind))
}

func (p *positionTest) compare(t *testing.T) ([]PositionLevel, error) {
	t.Helper()
	folder := t.TempDir()
	plan, err := ParsePlan([]byte(positionRules))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "theirs.csv")
	if err := os.WriteFile(path, []byte(strings.Join(p.theirs, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := NewPosition("bank", folder, plan)
	for i := range p.ours {
		if err := at.Ours(&p.ours[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := at.Theirs(t.Context(), []string{path}); err != nil {
		return nil, errors.Join(err, at.flush())
	}
	return at.Compare(t.Context(), Options{}, nil)
}

// shape is the levels as text.
func shape(levels []PositionLevel) string {
	var lines []string
	for _, l := range levels {
		line := fmt.Sprintf("%s %s", l.Level, l.Window)
		if l.Agrees {
			line += " agrees"
		} else {
			line += fmt.Sprintf(" %d = %d + %d", l.Difference, l.Explained, l.Unexplained)
		}
		for _, d := range l.Items {
			line += fmt.Sprintf(" [%s %s %d]", d.Class, d.ID, d.Theirs-d.Ours)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// TestTotalsFirst: where totals agree nothing below is looked at, and where they do not, the
// transactions and fees that explain it are named, to the fen.
func TestTotalsFirst(t *testing.T) {
	f := func(fill func(p *positionTest), want string) {
		t.Helper()
		var p positionTest
		for _, window := range []string{"1", "2", "10"} {
			for i := range int64(20) {
				p.both(window, fmt.Sprint("P", window, "-", i), 100+i-200*(i%2), i%3-1)
			}
		}
		fill(&p)
		levels, err := p.compare(t)
		if err != nil {
			t.Fatal(err)
		}
		if got := shape(levels); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	f(func(*positionTest) {}, "settlement  agrees")
	f(func(p *positionTest) { p.our("2", "X", 70, -1) }, "settlement  -69 = -69 + 0\nwindow 1 agrees\nwindow 2 -69 = -69 + 0\n"+
		"transaction 2 -70 = -70 + 0 [short X -70]\nfee 2 1 = 1 + 0 [short X 1]\nwindow 10 agrees")
	f(func(p *positionTest) { p.their("10", "X", -70, 0) }, "settlement  -70 = -70 + 0\nwindow 1 agrees\nwindow 2 agrees\nwindow 10 -70 = -70 + 0\n"+
		"transaction 10 -70 = -70 + 0 [long X -70]")
	f(func(p *positionTest) { p.our("1", "X", 100, 5); p.their("1", "X", 130, 5) }, "settlement  30 = 30 + 0\nwindow 1 30 = 30 + 0\n"+
		"transaction 1 30 = 30 + 0 [amount X 30]\nwindow 2 agrees\nwindow 10 agrees")
	f(func(p *positionTest) { p.our("1", "X", 100, 5); p.their("1", "X", 100, 7) }, "settlement  2 = 2 + 0\nwindow 1 2 = 2 + 0\n"+
		"fee 1 2 = 2 + 0 [fee X 2]\nwindow 2 agrees\nwindow 10 agrees")
	// The same payment in another window: the settlement agrees, so that nothing is opened.
	f(func(p *positionTest) { p.our("1", "X", 100, 5); p.their("2", "X", 100, 5) }, "settlement  agrees")
	// With another difference beside it, both windows are.
	f(func(p *positionTest) { p.our("1", "X", 100, 0); p.their("2", "X", 101, 0) }, "settlement  1 = 1 + 0\n"+
		"window 1 -100 = -100 + 0\ntransaction 1 -100 = -100 + 0 [short X -100]\nwindow 2 101 = 101 + 0\ntransaction 2 101 = 101 + 0 [long X 101]\nwindow 10 agrees")
	// A window that they do not have at all.
	f(func(p *positionTest) { p.our("11", "X", 9, 0) }, "settlement  -9 = -9 + 0\nwindow 1 agrees\nwindow 2 agrees\nwindow 10 agrees\n"+
		"window 11 -9 = -9 + 0\ntransaction 11 -9 = -9 + 0 [short X -9]")
}

// TestEveryFenIsExplained for random differences: what the items of the levels come to is the
// difference of the totals at every level.
func TestEveryFenIsExplained(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 3))
		var p positionTest
		for i := range 150 {
			window, id := fmt.Sprint(1+random.IntN(4)), fmt.Sprint("P", i)
			amount, fee := int64(random.IntN(2000)-1000), int64(random.IntN(5)-2)
			switch random.IntN(20) {
			case 0:
				p.our(window, id, amount, fee)
			case 1:
				p.their(window, id, amount, fee)
			case 2:
				p.our(window, id, amount, fee)
				p.their(window, id, amount+int64(random.IntN(100)), fee+int64(random.IntN(3)))
			case 3:
				p.both(window, id, amount, fee)
				p.their(window, id, amount, fee)
			case 4:
				p.our(window, id, amount, fee)
				p.their(fmt.Sprint(1+random.IntN(4)), id, amount, fee)
			default:
				p.both(window, id, amount, fee)
			}
		}
		levels, err := p.compare(t)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range levels {
			var items int64
			for _, d := range l.Items {
				items += d.Theirs - d.Ours
			}
			if l.Unexplained != 0 || l.Items != nil && items != l.Difference {
				t.Errorf("seed %d: %+v", seed, l)
			}
		}
	}
}

// TestTotalsOfABrokenFileSayNothing: a line that is no row is an error, not a difference.
func TestTotalsOfABrokenFileSayNothing(t *testing.T) {
	var p positionTest
	p.both("1", "X", 5, 0)
	p.theirs = append(p.theirs, "Y,five,0,1,credit")
	if _, err := p.compare(t); err == nil || !strings.Contains(err.Error(), "theirs.csv at byte") {
		t.Errorf("got %v", err)
	}
}
