package reconcile

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTornTallies calls runs off at many moments, tears what they wrote down as a power cut
// does, and starts them again, twice where the second one is called off too. Sets are split,
// rows go to disk, a loose rule follows, and matches are wanted.
func TestTornTallies(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	left, right := skewed(random, 9000)
	a := side(t, "left", header+strings.Join(left, ""))
	b := side(t, "right", header+strings.Join(right, ""))
	plan := planOf(t, "rules: [{name: id, key: [id, fee]}, {name: near, key: [id], window: 2h}]\nrejects_max: 10\n")
	quiet := func(*Discrepancy) error { return nil }
	matches := 0
	options := Options{Threads: 3, Pairs: func(Pair) error { matches++; return nil },
		tight: &tight{setRows: 500, chunks: 300, findings: 700, stretchBytes: 50_000}}
	whole, err := Run(t.Context(), a, b, plan, options, quiet)
	if err != nil {
		t.Fatal(err)
	}
	want := matches
	taken := int64(0)
	options.Worked = func(w Worked) { taken += w.SetsTaken }
	for checks := int64(10); checks < 700; checks += 110 {
		options.Work = t.TempDir()
		for attempts := 1 + random.IntN(2); attempts > 0; attempts-- {
			ctx := &interrupted{Context: t.Context()}
			ctx.left.Store(checks)
			if _, err := Run(ctx, a, b, plan, options, quiet); err == nil {
				t.Fatalf("%d checks did not call the run off", checks)
			}
			names, _ := filepath.Glob(filepath.Join(options.Work, "*.tally"))
			for _, name := range names {
				info, err := os.Stat(name)
				if err == nil && random.IntN(2) == 0 {
					err = os.Truncate(name, random.Int64N(info.Size()+1))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := WorkDone(options.Work); err != nil {
			t.Error(err)
		}
		matches = 0
		sum, err := Run(t.Context(), a, b, plan, options, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if sum.Digest != whole.Digest || sum.Matched != whole.Matched || sum.Ambiguous != whole.Ambiguous || matches != want {
			t.Errorf("called off after %d checks and started again: %d matches, %+v, want %d and %+v",
				checks, matches, sum, want, whole)
		}
		if rest, _ := filepath.Glob(filepath.Join(options.Work, "*")); len(rest) > 0 {
			t.Errorf("a finished run left %v", rest)
		}
	}
	if taken == 0 {
		t.Error("no set was ever taken over")
	}
}

// TestLittleMemoryAndAKill: what is kept of a side ends with a whole block even where
// memory runs out before.
func TestLittleMemoryAndAKill(t *testing.T) {
	var text strings.Builder
	text.WriteString("i,a\n")
	for range 200_000 {
		text.WriteString("1,1\n2,2\n")
	}
	a, b := side(t, "left", text.String()), side(t, "right", text.String())
	plan := planOf(t, byID)
	plan.Compare = []Field{Amount}
	layout, err := ParseLayout([]byte("header: true\ncolumns: {id: {name: i}, amount: {name: a}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	plan.Left.Layout, plan.Right.Layout, a.Layout, b.Layout = layout, layout, layout, layout
	options := Options{Threads: 2, Work: t.TempDir(), tight: &tight{setRows: 1 << 20, chunks: 1, findings: 1000, stretchBytes: 1 << 40}}
	ctx := &interrupted{Context: t.Context()}
	ctx.left.Store(7)
	quiet := func(d *Discrepancy) error { t.Errorf("unexpected %+v", d); return nil }
	if _, err := Run(ctx, a, b, plan, options, quiet); err == nil {
		t.Fatal("not called off")
	}
	done, err := WorkDone(options.Work)
	if err != nil || done.RowsTaken == 0 {
		t.Errorf("kept %+v, %v", done, err)
	}
	sum, err := Run(t.Context(), a, b, plan, options, quiet)
	if err != nil || sum.Matched.Rows != 400_000 || !sum.Clean() {
		t.Errorf("got %+v, %v", sum, err)
	}
}

// TestScratch: a directory that is held stays, one of a dead process goes, one that is new
// is left alone.
func TestScratch(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	held, err := NewScratch("test")
	if err != nil {
		t.Fatal(err)
	}
	dead, err := NewScratch("test")
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.lock.Close(); err != nil { // As a kill does.
		t.Fatal(err)
	}
	exists := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	next := func() {
		t.Helper()
		s, err := NewScratch("test")
		if err == nil {
			err = s.Remove()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	next()
	if !exists(dead.Path) {
		t.Error("a directory that may be about to be locked was removed")
	}
	before := time.Now().Add(-2 * scratchAge)
	for _, path := range []string{held.Path, dead.Path} {
		if err := os.Chtimes(path, before, before); err != nil {
			t.Fatal(err)
		}
	}
	next()
	if exists(dead.Path) || !exists(held.Path) {
		t.Errorf("the dead one is there: %t, the held one: %t", exists(dead.Path), exists(held.Path))
	}
	if err := held.Remove(); err != nil || exists(held.Path) {
		t.Errorf("not removed: %v", err)
	}
}

// TestWorkDirectoryOfALiveRun is refused.
func TestWorkDirectoryOfALiveRun(t *testing.T) {
	a, b := side(t, "left", header), side(t, "right", header)
	options := Options{Work: t.TempDir()}
	lock, err := lockDirectory(options.Work)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), a, b, planOf(t, byID), options, nil); err == nil {
		t.Error("two runs share a work directory")
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), a, b, planOf(t, byID), options, nil); err != nil {
		t.Error(err)
	}
}
