package reconcile

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// skewed writes two sides in which a few ids have most of the rows, with contents that
// repeat, differ, or are on one side only.
func skewed(random *rand.Rand, rows int) (left, right []string) {
	for i := range rows {
		id := fmt.Sprintf("ID%06d", i)
		switch random.IntN(5) {
		case 0:
			id = "HOT"
		case 1:
			id = fmt.Sprintf("WARM%d", random.IntN(3))
		}
		amount := 100 + random.IntN(40)
		if id == "WARM0" {
			amount = 5 // Thousands of rows of one content.
		}
		line := func(amount int) string {
			return fmt.Sprintf("%s,%d.00,0,156,S,20261124,M%d\n", id, amount, i%3)
		}
		if random.IntN(20) > 0 {
			left = append(left, line(amount))
		}
		switch random.IntN(20) {
		case 0:
		case 1:
			right = append(right, line(amount+1))
		case 2:
			right = append(right, line(amount), line(amount))
		default:
			right = append(right, line(amount))
		}
	}
	random.Shuffle(len(right), func(i, k int) { right[i], right[k] = right[k], right[i] })
	return left, right
}

// oracle counts classes in the plainest way: equal lines cancel each other, the others of
// one id are paired in their order, and what is left is repeated or alone.
func oracle(left, right []string) map[string]int64 {
	counts, taken := map[string]int64{}, map[string]int{}
	for _, line := range right {
		taken[line]++
	}
	idOf := func(line string) string { return line[:strings.IndexByte(line, ',')] }
	rest, sides := [2]map[string][]string{{}, {}}, [2]map[string]bool{{}, {}}
	free := map[string]int{}
	for _, line := range left {
		sides[0][idOf(line)] = true
		if taken[line] > 0 {
			taken[line]--
			free[line]++
		} else {
			rest[0][idOf(line)] = append(rest[0][idOf(line)], line)
		}
	}
	for _, line := range right {
		sides[1][idOf(line)] = true
		if free[line]--; free[line] < 0 {
			rest[1][idOf(line)] = append(rest[1][idOf(line)], line)
		}
	}
	amountOf := func(line string) string { return strings.Split(line, ",")[1] }
	for side, alone := range []string{"short", "long"} {
		for id, lines := range rest[side] {
			others := rest[1-side][id]
			for i, line := range lines {
				switch {
				case i < len(others) && side == 1: // Counted with the left side.
				case i < len(others) && amountOf(line) != amountOf(others[i]):
					counts["amount"]++
				case i < len(others):
					counts["party"]++
				case i == 0 && !sides[1-side][id]:
					counts[alone]++
				default:
					counts["duplicate-"+[]string{"left", "right"}[side]]++
				}
			}
		}
	}
	return counts
}

// TestSplitAndSpillChangeNothing runs with limits that make everything happen: sets are
// split by key and by content, entries and findings go to disk, over and over.
func TestSplitAndSpillChangeNothing(t *testing.T) {
	left, right := skewed(rand.New(rand.NewPCG(7, 8)), 12000)
	a := side(t, "left", header+strings.Join(left, ""))
	b := side(t, "right", header+strings.Join(right, ""))
	want := oracle(left, right)
	digest, pairs := "", int64(-1)
	for _, limits := range []*tight{nil, {setRows: 64, chunks: 1 << 20, findings: 1 << 20},
		{setRows: 500, chunks: 200, findings: 700}, {setRows: 64, chunks: 100, findings: 100}} {
		for _, threads := range []int{1, 3} {
			got, matches := map[string]int64{}, int64(0)
			sum, err := Run(t.Context(), a, b, planOf(t, byID), Options{Threads: threads, tight: limits,
				Pairs: func(p Pair) error {
					if p.Left.Text != p.Right.Text {
						t.Errorf("matched %q with %q", p.Left.Text, p.Right.Text)
					}
					matches++
					return nil
				}}, func(*Discrepancy) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			for class, total := range sum.Classes {
				got[class] = total.Rows
			}
			if !maps.Equal(got, want) {
				t.Errorf("%+v, %d threads: got %v, want %v", limits, threads, got, want)
			}
			if digest == "" {
				digest, pairs = sum.Digest, matches
			}
			if sum.Digest != digest || matches != pairs || matches != sum.Matched.Rows {
				t.Errorf("%+v, %d threads: other digest, or %d matches (summary %d), want %d",
					limits, threads, matches, sum.Matched.Rows, pairs)
			}
		}
	}
}

// interrupted is a context that is called off after some checks.
type interrupted struct {
	context.Context
	left atomic.Int64
}

func (c *interrupted) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestStartedAgain calls runs off at many moments and starts each again over what is left,
// once with a torn file in it.
func TestStartedAgain(t *testing.T) {
	left, right := skewed(rand.New(rand.NewPCG(9, 10)), 30000)
	bad := "broken,line\n"
	a := side(t, "left", header+strings.Join(left, "")+bad)
	b := side(t, "right", header+bad+strings.Join(right, ""))
	options := Options{Threads: 2, tight: &tight{setRows: 5000, chunks: 1 << 20, findings: 1000, stretchBytes: 200_000}}
	quiet := func(*Discrepancy) error { return nil }
	whole, err := Run(t.Context(), a, b, planOf(t, byID), options, quiet)
	if err != nil {
		t.Fatal(err)
	}
	for _, checks := range []int64{1, 3, 5, 7, 9, 50, 300, 1500} {
		options.Work = t.TempDir()
		ctx := &interrupted{Context: t.Context()}
		ctx.left.Store(checks)
		if _, err := Run(ctx, a, b, planOf(t, byID), options, quiet); err == nil {
			t.Fatalf("%d checks did not call the run off", checks)
		}
		runs, _ := filepath.Glob(filepath.Join(options.Work, "*.run"))
		if checks >= 9 && len(runs) == 0 {
			t.Errorf("nothing was kept after %d checks", checks)
		}
		if checks == 50 { // A power cut tears the newest file.
			if err := os.Truncate(slices.Max(runs), 100); err != nil {
				t.Fatal(err)
			}
		}
		sum, err := Run(t.Context(), a, b, planOf(t, byID), options, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if sum.Digest != whole.Digest || len(sum.Rejects) != 2 || sum.Rejects[1].Line != 2 {
			t.Errorf("after %d checks: digest %s, want %s; rejects %+v", checks, sum.Digest, whole.Digest, sum.Rejects)
		}
		if rest, _ := filepath.Glob(filepath.Join(options.Work, "*")); len(rest) > 0 {
			t.Errorf("a finished run left %v", rest)
		}
	}
	// Rows without the first rule's key are not lost either.
	byParty := planOf(t, "rules: [{name: party, key: [party, fee, amount]}, {name: id, key: [id]}]\nrejects_max: 10\n")
	empty := strings.ReplaceAll(strings.Join(left, ""), ",M1\n", ",\n")
	c := side(t, "left", header+empty)
	digests := map[string]bool{}
	for range 2 {
		sum, err := Run(t.Context(), c, b, byParty, options, quiet)
		if err != nil {
			t.Fatal(err)
		}
		digests[sum.Digest] = true
		options.Work = t.TempDir()
		ctx := &interrupted{Context: t.Context()}
		ctx.left.Store(9)
		if _, err := Run(ctx, c, b, byParty, options, quiet); err == nil {
			t.Fatal("not called off")
		}
	}
	if len(digests) != 1 {
		t.Error("a run that was started again gave another digest")
	}
	options.Work = t.TempDir()
	ctx := &interrupted{Context: t.Context()}
	ctx.left.Store(5)
	_, _ = Run(ctx, a, b, planOf(t, byID), options, quiet)
	if _, err := Run(t.Context(), b, a, planOf(t, byID), options, quiet); err == nil {
		t.Error("another run was taken up in the work directory")
	}
}
