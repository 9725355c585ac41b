package reconcile

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLinesAgain reads lines of several files again, in order and not: short ones, empty
// ones, some longer than what is read at once, and a last one without line feed.
func TestLinesAgain(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	side := Side{Name: "ours", Layout: Layout{Columns: map[string]Column{"id": {Index: 1}, "amount": {Index: 2}}}}
	var want []string
	for name := range 3 {
		var lines []string
		for range 3000 {
			size := random.IntN(40)
			if random.IntN(50) == 0 {
				size = random.IntN(nearBytes + lineBytesMax/2)
			}
			lines = append(lines, strings.Repeat(string('a'+rune(random.IntN(26))), size))
		}
		lines = append(lines, "end")
		path := filepath.Join(t.TempDir(), string('a'+rune(name)))
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		side.Paths, want = append(side.Paths, path), append(want, lines...)
	}
	s, err := openSource(side, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	at, positions := int64(0), make([]int64, len(want))
	for i, line := range want {
		positions[i] = at
		if at += int64(len(line)) + 1; line == "end" {
			at-- // Nothing ends a file's last line.
		}
	}
	again := &near{}
	hold := func(i int) {
		t.Helper()
		if got, err := s.lineNear(again, positions[i]); err != nil || !bytes.Equal(got, []byte(want[i])) {
			t.Fatalf("line %d at %d: %d bytes, %v, want %d bytes", i, positions[i], len(got), err, len(want[i]))
		}
	}
	for i := range want {
		hold(i)
	}
	for range 20000 {
		i := random.IntN(len(want))
		hold(i)
		hold(max(i-1, 0))
		hold(min(i+random.IntN(20), len(want)-1))
	}
}
