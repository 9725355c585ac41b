package reconcile

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestSeparators against the plainest search, in texts of every length.
func TestSeparators(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	letters := []byte(",\n\r;:-+.09 AZ\x01\x7f")
	s := &separators{delimiter: ',', quote: '"'}
	f := func(text []byte, plain bool) {
		t.Helper()
		if s.find(text) != plain {
			t.Errorf("%q: plain is %t, want %t", text, !plain, plain)
		}
		var want []uint32
		for i, b := range text {
			if b == ',' || b == '\n' {
				want = append(want, uint32(i))
			}
		}
		if plain && !slices.Equal(s.ends[:s.count], want) {
			t.Errorf("%q: got %v, want %v", text, s.ends[:s.count], want)
		}
	}
	for length := range 300 {
		text := make([]byte, length)
		for i := range text {
			text[i] = letters[random.IntN(len(letters))]
		}
		f(text, true)
		for _, odd := range []byte{0, '"', 0x80, 0xff} {
			if length > 0 {
				at := random.IntN(length)
				kept := text[at]
				text[at] = odd
				f(text, false)
				text[at] = kept
			}
		}
	}
	f(bytes.Repeat([]byte(","), sweepBytes), true)
	f(bytes.Repeat([]byte("\n"), sweepBytes-1), true)
}

// FuzzSweep: a block that is cut by separators gives what its lines give one by one.
func FuzzSweep(f *testing.F) {
	good := "A,1.00,0.06,156,S,20261124103015,M1\n"
	for _, text := range []string{good, "\n\r\n" + good + good, "A,1\n" + good, "\"A\"" + good[1:] + good,
		strings.Repeat(good, 1000), good + "B" + strings.Repeat("x", sweepBytes) + good[1:] + good,
		strings.ReplaceAll(good, "\n", ",more,columns\r\n"), good + "\xd6" + good, good[:len(good)-1], "T,1,1.00\n"} {
		f.Add([]byte(text), uint16(len(text)/2))
	}
	layout, err := ParseLayout([]byte(testLayout))
	if err != nil {
		f.Fatal(err)
	}
	rule, err := newParser(layout, []byte(strings.TrimSpace(header)))
	if err != nil {
		f.Fatal(err)
	}
	plan := planOf(f, byID)
	plan.RejectsMax = 1 << 40
	f.Fuzz(func(t *testing.T, text []byte, end uint16) {
		var shards [2]*shard
		for way := range shards {
			j := &job{plan: plan, partitions: 1 << partitionBits, shift: 64 - partitionBits, seed: 5}
			w := j.newWorker(1<<20, 1024)
			shards[way] = w.shards[0]
			shards[way].Totals = make([]Total, 1)
			source := &source{name: "a", layout: layout, parts: []part{{path: "a", size: int64(len(text))}}}
			own := *rule
			own.marked = way == 1 // Each line is then looked at on its own.
			w.separators.delimiter, w.separators.quote = ',', '"'
			s := &scan{job: j, source: source}
			lines, err := s.lines(w, &own, blockText{text: text, end: min(int64(end), int64(len(text)))})
			if err != nil {
				t.Fatal(err)
			}
			shards[way].Blocks = []blockCount{{0, lines}}
		}
		a, b := shards[0], shards[1]
		a.content, b.content = nil, nil
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%q to %d: the sweep found %+v, lines %+v", text, end, a.stretch, b.stretch)
		}
	})
}
