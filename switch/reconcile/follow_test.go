package reconcile

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const followLayout = `{header: true, skip: ["#"], trailer: {prefix: "T,", rows: {index: 2}}, columns: {id: {name: id},
  reference: {name: ref}, amount: {name: amount}, fee: {name: fee}, status: {name: status}, kind: {name: kind},
  time: {name: time}, party: {name: party}, original: {name: original}, batch: {name: batch}}}`

const followRules = "left: {layout: " + followLayout + "}\nright: {layout: " + followLayout + "}\n" + `
compare: [amount, fee, status]
tolerance: {amount: 1, fee: 2}
cut_off: "23:00:00"
totals_by: party
rejects_max: 10000
refunds: {kinds: [refund]}
rules:
  - {name: id, key: [id]}
  - {name: reference, key: [reference, amount, day]}
  - {name: near, key: [amount, party], window: 5m}
  - {name: batch, key: [batch], many: left}
`

const followHeader = "id,ref,amount,fee,status,kind,time,party,original,batch\n"

// dayFiles are the files of a random day: rows that agree, repeat, differ, come late, in
// another file than their partner, and lines that are no rows.
func dayFiles(random *rand.Rand, files int) (sides [2][]string) {
	lines := [2][]string{}
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	row := func(side, id, amount int) {
		kind, original := "pay", ""
		if random.IntN(12) == 0 {
			kind, original = "refund", fmt.Sprint("K", random.IntN(60))
		}
		lines[side] = append(lines[side], fmt.Sprintf("K%d,R%d,%d,%d,%s,%s,20261124%02d%02d00,P%d,%s,%s", id, id/2, amount, random.IntN(3),
			pick("ok", "ok", "ok", "failed"), kind, random.IntN(24), random.IntN(60), id%3, original, pick("", "", fmt.Sprint("B", id%4))))
	}
	for id := range 10 + random.IntN(50) {
		amount := 100 + random.IntN(40)
		for side := range lines {
			for range []int{1, 1, 1, 1, 0, 2}[random.IntN(6)] {
				row(side, id, amount+random.IntN(2)*random.IntN(3))
			}
		}
		if random.IntN(2) == 0 { // In full agreement.
			line := fmt.Sprintf("S%d,R,%d,0,ok,pay,20261124100000,P1,,", id, amount)
			lines[0], lines[1] = append(lines[0], line), append(lines[1], line)
		}
		if random.IntN(30) == 0 {
			side := random.IntN(2)
			lines[side] = append(lines[side], pick("broken", "X,,y,,,,,,,", "# a comment", "", "\xff\xfe,1"))
		}
	}
	for side := range lines {
		random.Shuffle(len(lines[side]), func(i, j int) { lines[side][i], lines[side][j] = lines[side][j], lines[side][i] })
		parts := make([][]string, files)
		for _, line := range lines[side] {
			at := random.IntN(files)
			parts[at] = append(parts[at], line)
		}
		for _, part := range parts {
			end := pick("\n", "\r\n")
			rows := 0
			for _, line := range part {
				if strings.Count(line, ",") == 9 && !strings.HasPrefix(line, "X") {
					rows++
				}
			}
			if random.IntN(20) == 0 {
				rows++
			}
			sides[side] = append(sides[side], followHeader+strings.Join(append(part, fmt.Sprintf("T,%d", rows)), end)+end)
		}
	}
	return sides
}

// TestInPiecesAsInOne: whatever comes when, in how many cycles, with the process gone between
// any two of them, a followed day ends as one run over all its files does.
func TestInPiecesAsInOne(t *testing.T) {
	plan, err := ParsePlan([]byte(followRules))
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(24) {
		random := rand.New(rand.NewPCG(seed, 1))
		files := dayFiles(random, 1+random.IntN(5))
		folder := t.TempDir()
		var waiting [2][]string
		for side := range files {
			for i, text := range files[side] {
				path := filepath.Join(folder, fmt.Sprintf("%d-%d.csv", side, i))
				if random.IntN(4) == 0 {
					var packed bytes.Buffer
					w := gzip.NewWriter(&packed)
					_, _ = w.Write([]byte(text))
					_ = w.Close()
					text, path = packed.String(), path+".gz"
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				waiting[side] = append(waiting[side], path)
			}
		}
		store := filepath.Join(folder, "store")
		open := func() *Follower {
			f, err := OpenFollower(store, []byte(followRules), plan, Options{})
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		f := open()
		for len(waiting[0])+len(waiting[1]) > 0 {
			var now [2][]string
			for side := range waiting {
				n := random.IntN(len(waiting[side]) + 1)
				now[side], waiting[side] = waiting[side][:n], waiting[side][n:]
			}
			if n, err := f.Take(t.Context(), now[0], now[1]); err != nil || n != len(now[0])+len(now[1]) {
				t.Fatalf("seed %d: took %d of %v: %v; refused %+v %+v", seed, n, now, err, f.Refused(0), f.Refused(1))
			}
			if random.IntN(2) == 0 {
				_ = f.Close()
				f = open()
			}
		}
		if random.IntN(4) == 0 {
			f.keysMax = random.IntN(8) // As if too much were open.
		}
		var carry, again *Carry
		if random.IntN(2) == 0 {
			day := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
			carry, again = &Carry{Directory: filepath.Join(folder, "carry1"), Day: day}, &Carry{Directory: filepath.Join(folder, "carry2"), Day: day}
		}
		got, gotSum := finish(t, func(emit func(*Discrepancy) error) (*Summary, error) { return f.Finish(t.Context(), carry, emit) })
		want, wantSum := finish(t, func(emit func(*Discrepancy) error) (*Summary, error) {
			return Run(t.Context(), Side{Name: plan.Left.Name, Layout: plan.Left.Layout, Paths: f.Paths(0)},
				Side{Name: plan.Right.Name, Layout: plan.Right.Layout, Paths: f.Paths(1)}, plan, Options{Carry: again}, emit)
		})
		if got != want || gotSum != wantSum {
			t.Fatalf("seed %d: in pieces\n%s%s\nin one\n%s%s", seed, gotSum, got, wantSum, want)
		}
		if twice, _ := finish(t, func(emit func(*Discrepancy) error) (*Summary, error) { return f.Finish(t.Context(), carry, emit) }); twice != got {
			t.Errorf("seed %d: closed again, it finds\n%s, at first\n%s", seed, twice, got)
		}
		if _, err := f.Take(t.Context(), nil, nil); !errors.Is(err, ErrDayClosed) {
			t.Errorf("after the close: %v", err)
		}
		_ = f.Close()
	}
}

func finish(t *testing.T, run func(emit func(*Discrepancy) error) (*Summary, error)) (differences, summary string) {
	t.Helper()
	var lines strings.Builder
	sum, err := run(func(d *Discrepancy) error {
		return json.NewEncoder(&lines).Encode(d)
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range sum.Rejects {
		sum.Rejects[i].Block = 0 // Of the run's own reading.
	}
	text, err := json.MarshalIndent(sum, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return lines.String(), string(text)
}

// followed opens a store in a new folder, by id alone.
func followed(t *testing.T) (f *Follower, folder string) {
	t.Helper()
	folder = t.TempDir()
	rules := "left: {layout: {columns: {id: {index: 1}, amount: {index: 2}}}}\nright: {layout: {columns: {id: {index: 1}, amount: {index: 2}}}}\n" +
		"compare: [amount]\nrejects_max: 2\nrules: [{name: id, key: [id]}]\n"
	plan, err := ParsePlan([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	if f, err = OpenFollower(filepath.Join(folder, "store"), []byte(rules), plan, Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := OpenFollower(filepath.Join(folder, "store"), []byte(rules), plan, Options{}); !errors.Is(err, ErrFollowed) {
		t.Errorf("a second process: %v", err)
	}
	return f, folder
}

// TestFilesThatCannotBeTaken are refused alone, once, and hold up nothing; what is in the
// store stays when its file is taken away.
func TestFilesThatCannotBeTaken(t *testing.T) {
	f, folder := followed(t)
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	left := []string{write("good.csv", "A,1\nB,2\n"), write("empty.csv", ""), write("utf16.csv", "\xff\xfeA\x00"), write("cut.csv.gz", "\x1f\x8b"),
		write("garbage.csv", "x\ny\nz\n"), filepath.Join(folder, "none.csv")}
	for range 2 {
		if _, err := f.Take(t.Context(), left, nil); err != nil {
			t.Fatal(err)
		}
	}
	s := f.Standing()
	if s.Files != [2]int{1, 0} || s.Refused[0] != 4 || s.Open[0] != (Total{2, 3}) {
		t.Errorf("standing is %+v, refused are %+v", s, f.Refused(0))
	}
	write("good.csv", "A,1\nB,2\nC,3\n")
	if n, err := f.Take(t.Context(), left, nil); n != 0 || err != nil || f.Standing().Refused[0] != 5 {
		t.Errorf("a file that changed: %d, %v, %+v", n, err, f.Refused(0))
	}
}

// TestAStoppedCycleLeavesNothing: called off, it is as if it had not begun.
func TestAStoppedCycleLeavesNothing(t *testing.T) {
	f, folder := followed(t)
	path := filepath.Join(folder, "a.csv")
	if err := os.WriteFile(path, []byte("A,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := f.Take(ctx, []string{path}, nil); !errors.Is(err, context.Canceled) || f.Standing().Cycle != 0 {
		t.Errorf("got %v, %+v", err, f.Standing())
	}
	if n, err := f.Take(t.Context(), []string{path}, nil); n != 1 || err != nil || f.Standing().Cycle != 1 {
		t.Errorf("took %d, %v, %+v", n, err, f.Standing())
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "store", "new-*")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// TestHalfWrittenFilesWait for their name, their trailer, their end or their rest.
func TestHalfWrittenFilesWait(t *testing.T) {
	now := time.Now()
	f := func(trailer bool, name, text string, age time.Duration, want bool) {
		t.Helper()
		folder := t.TempDir()
		path := filepath.Join(folder, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
		layout := &Layout{Encoding: "utf-8"}
		if trailer {
			layout.Trailer = &Trailer{Prefix: "T,"}
		}
		inbox := Inbox{Directory: folder, Layout: layout}
		for range 2 {
			paths, waiting, err := inbox.Complete(now)
			if err != nil || len(paths) == 1 != want || waiting+len(paths) > 1 {
				t.Errorf("%s %q: %v, %d wait, %v", name, text, paths, waiting, err)
			}
		}
	}
	packed := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(text))
		_ = w.Close()
		return b.String()
	}
	f(true, "a.csv", "A,1\nT,1\n", 0, true)
	f(true, "a.csv", "A,1\nT,1", 0, true)
	f(true, "a.csv", "A,1\n", time.Hour, false)
	f(true, "a.csv", "T,1\nA,1\n", time.Hour, false)
	f(true, "a.csv", "", time.Hour, false)
	f(true, "a.csv.part", "A,1\nT,1\n", time.Hour, false)
	f(true, ".a.csv", "A,1\nT,1\n", time.Hour, false)
	f(true, "a.csv.gz", packed("A,1\nT,1\n"), 0, true)
	f(true, "a.csv.gz", packed("A,1\n"), time.Hour, false)
	f(true, "a.csv.gz", packed("A,1\nT,1\n")[:20], time.Hour, false)
	f(false, "a.csv", "A,1\n", 0, false)
	f(false, "a.csv", "A,1\n", time.Minute, true)
	f(false, "a.csv.tmp", "A,1\n", time.Minute, false)
	f(false, "a.csv.gz", packed("A,1\n"), 0, true)
	f(false, "a.csv.gz", packed("A,1\n")[:15], time.Minute, false)
}
