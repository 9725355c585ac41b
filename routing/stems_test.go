package routing

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tongma/codec"
)

// longList is a table of one list with prefixes of 2 to 15 characters: nested ones, a
// stem with more than leafMax of them, some with letters, each with a length of its own.
type longList struct {
	table    *Table
	prefixes map[string]int // Length of the codes, by prefix.
}

func newLongList(t *testing.T, random *rand.Rand) *longList {
	t.Helper()
	l := &longList{prefixes: map[string]int{}}
	for len(l.prefixes) < 2*headMin {
		l.add(random, "62", 2+random.IntN(14))
	}
	for range leafMax - 10 { // More than fit into a bucket.
		l.add(random, "6277777", 8+random.IntN(4))
	}
	for range 40 * leafMax {
		l.add(random, "6288888", 8+random.IntN(4))
		l.add(random, "62ab", 5+random.IntN(6))
		l.add(random, "3", 1+random.IntN(3))
	}
	var csv strings.Builder
	csv.WriteString("prefix,length,institution\n")
	for prefix, length := range l.prefixes {
		fmt.Fprintf(&csv, "%s,%d,bank%d\n", prefix, length, len(prefix)%3)
	}
	register, err := NewRegister([]Institution{
		{ID: "bank0", Licence: Licence{Number: "B0", Kind: "bank"}},
		{ID: "bank1", Licence: Licence{Number: "B1", Kind: "bank"}},
		{ID: "bank2", Licence: Licence{Number: "B2", Kind: "bank"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l.table, _, err = LoadFS(fstest.MapFS{"bins.csv": {Data: []byte(csv.String())}, "table.yaml": {Data: []byte(
		"version: v1\nlists: [{id: bins, file: bins.csv, match: {standard: paycode}}]\n" +
			"agreements: [{id: all, caller: \"*\", institution: \"*\"}]\n")}}, "table.yaml", register)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// add enters start with random digits up to length characters, most for codes of 19.
func (l *longList) add(random *rand.Rand, start string, length int) {
	for len(start) < length {
		start += string('0' + byte(random.IntN(10)))
	}
	l.prefixes[start] = 19 - random.IntN(8)/7
}

// longest finds the prefix of text by trying each length.
func (l *longList) longest(text string) string {
	for length := min(len(text), prefixBytesMax); length > 0; length-- {
		if want, found := l.prefixes[text[:length]]; found && want == len(text) {
			return text[:length]
		}
	}
	return ""
}

// TestLongLists holds look-ups in a list that is long enough for stems against trying
// each length, and explain against both.
func TestLongLists(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	l := newLongList(t, random)
	if l.table.paycodes.stems.leaves == nil || l.table.paycodes.depths == nil {
		t.Fatal("the list does not use both stems and slots")
	}
	all := make([]string, 0, len(l.prefixes))
	for prefix := range l.prefixes {
		all = append(all, prefix)
	}
	q := Query{Code: &codec.Code{Standard: codec.PayCode, Mode: codec.CustomerPresented}, Caller: "bank0",
		AmountFen: 1, At: time.Unix(1e9, 0), Payment: "P1"}
	var d Decision
	missed, routed := 0, 0
	for i := range 300_000 {
		q.Text = all[random.IntN(len(all))]
		if i%4 == 0 {
			q.Text = q.Text[:1+random.IntN(len(q.Text))] // Leave the list where it is dense.
		}
		for size := 16 + random.IntN(4); len(q.Text) < size; {
			q.Text += string('0' + byte(random.IntN(10)))
		}
		want := l.longest(q.Text)
		err := l.table.Route(&q, &d)
		if want == "" {
			missed++
			if err == nil {
				t.Fatalf("%s goes to %s, want no route", q.Text, d.Institution)
			}
			continue
		}
		routed++
		if bank := fmt.Sprintf("bank%d", len(want)%3); err != nil || d.Institution != bank {
			t.Fatalf("%s with prefix %s goes to %s, %v, want %s", q.Text, want, d.Institution, err, bank)
		}
		if i%100 == 0 {
			l.sameEntries(t, q.Text)
		}
	}
	if missed < 1000 || routed < 1000 {
		t.Errorf("%d codes without and %d with a route: too few to prove anything", missed, routed)
	}
}

// sameEntries holds what explain visits against the prefixes of text.
func (l *longList) sameEntries(t *testing.T, text string) {
	t.Helper()
	visited := map[string]int{}
	l.table.paycodes.each(text, func(c *candidate) { visited[c.key.String()]++ })
	for length := 1; length <= min(len(text), prefixBytesMax); length++ {
		_, listed := l.prefixes[text[:length]]
		if want := map[bool]int{true: 1}[listed]; visited[text[:length]] != want {
			t.Fatalf("%s: prefix %s is visited %d times, want %d", text, text[:length], visited[text[:length]], want)
		}
	}
}

// TestRoom finds by brute force whether some digits are left to a prefix, and compares.
func TestRoom(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		list := map[string]bool{}
		for range random.IntN(60) {
			list[fmt.Sprintf("62%0*d", 1, random.IntN(10))] = random.IntN(3) > 0
			list[fmt.Sprintf("62%02d", random.IntN(100))] = true
		}
		index := prefixIndex{}
		for prefix, in := range list {
			if in {
				index.add(candidate{key: keyOf(prefix)})
			}
		}
		want := false
		for code := range 100 {
			text := fmt.Sprintf("62%02d", code)
			want = want || !list[text[:3]] && !list[text]
		}
		in := &inspection{table: &Table{paycodes: index}}
		steps := roomSteps
		if got := in.hasRoom(keyOf("62"), index.inOrder(), &steps); got != want {
			t.Fatalf("%v: room %t, want %t", list, got, want)
		}
	}
}

// TestRepeatedPrefixes asks a list that gives each prefix to one bank, and to another for
// codes of one length: the first leaf of a prefix must not hide the second.
func TestRepeatedPrefixes(t *testing.T) {
	var csv strings.Builder
	csv.WriteString("prefix,length,institution\n")
	for i := range headMin {
		fmt.Fprintf(&csv, "62%05d1,,bank0\n62%05d1,19,bank1\n", i, i)
	}
	register, err := NewRegister([]Institution{
		{ID: "bank0", Licence: Licence{Number: "B0", Kind: "bank"}},
		{ID: "bank1", Licence: Licence{Number: "B1", Kind: "bank"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	table, _, err := LoadFS(fstest.MapFS{"bins.csv": {Data: []byte(csv.String())}, "table.yaml": {Data: []byte(
		"version: v1\nlists: [{id: bins, file: bins.csv}]\nagreements: [{id: all, caller: \"*\", institution: \"*\"}]\n")}},
		"table.yaml", register)
	if err != nil || table.paycodes.stems.leaves == nil {
		t.Fatalf("got %v, want a table with stems", err)
	}
	q := Query{Code: &codec.Code{Standard: codec.PayCode}, Caller: "bank0", At: time.Unix(1e9, 0), Payment: "P1"}
	var d Decision
	for i := range headMin {
		for length := 18; length <= 19; length++ {
			q.Text = fmt.Sprintf("62%05d1", i) + strings.Repeat("7", length-8)
			if err := table.Route(&q, &d); err != nil || d.Institution != fmt.Sprintf("bank%d", length-18) {
				t.Fatalf("%s goes to %s, %v", q.Text, d.Institution, err)
			}
		}
	}
}
