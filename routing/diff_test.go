package routing

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts give into them")

// TestDiffScripts compares the tables of each script: old, "----", new, "----", words.
// Every code that a script says moves is put to both tables again.
func TestDiffScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/diff/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts := strings.SplitN(string(text), "----\n", 3)
			if len(parts) < 2 {
				t.Fatal("want old and new table")
			}
			old, table := diffTable(t, parts[0]), diffTable(t, parts[1])
			differences := Diff(old, table)
			verifyDiff(t, old, table, differences)
			var b strings.Builder
			if err := differences.Write(&b); err != nil {
				t.Fatal(err)
			}
			if *rewrite {
				text := parts[0] + "----\n" + parts[1] + "----\n" + b.String()
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if len(parts) < 3 || b.String() != parts[2] {
				t.Errorf("got\n%s", b.String())
			}
			if same := Diff(table, table); len(same.Changes) != 0 {
				t.Errorf("a table differs from itself: %+v", same.Changes)
			}
		})
	}
}

func diffTable(t *testing.T, text string) *Table {
	t.Helper()
	table, _, err := Load([]byte(text), demoRegister(t))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// verifyDiff asks both tables about every example of moved codes.
func verifyDiff(t *testing.T, old, table *Table, differences *Differences) {
	t.Helper()
	for _, change := range differences.Changes {
		if change.Kind != CodesMove && change.Kind != CodesGain && change.Kind != CodesLose {
			continue
		}
		if change.Example == nil {
			t.Errorf("%s: without a code", change.Message)
			continue
		}
		q := decoded(t, *change.Example)
		p, r := old.probe(q), table.probe(q)
		before, after := old.match(&p), table.match(&r)
		if destinationOf(&before) == destinationOf(&after) {
			t.Errorf("%s: both tables send %s to %s", change.Message, change.Example, destinationOf(&after))
		}
	}
}
