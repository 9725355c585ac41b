package journal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// fillTables opens the journal in place twice and appends a little each time. The second
// start puts the blocks of the first run into a table, as the last entry of the manifest;
// those of the second stay in the write-ahead log, under a snapshot.
func fillTables(t *testing.T, place string) (o Options, tail uint64) {
	t.Helper()
	o = DefaultOptions()
	o.Directory, o.DiskFreeMin, o.BallastBytes, o.MemTableBytes = place, 1, 0, 1<<20
	for run := range 2 {
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		tail, _ = s.Tail()
		for range 5 {
			ticket, err := s.Append(tail, []Record{{Kind: 1, Version: 1, Body: []byte("body")}}, nil)
			if err == nil {
				err = ticket.Wait()
			}
			if err != nil {
				t.Fatal(err)
			}
			tail++
		}
		if run == 1 {
			err = s.Save(tail, []byte("state"))
		}
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return o, tail
}

// TestTablesSayWhichBlocksTheyHold: what a start proves comes from the tables' properties,
// not from a walk over the log.
func TestTablesSayWhichBlocksTheyHold(t *testing.T) {
	o, tail := fillTables(t, t.TempDir())
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := s.tableBlocks()
	if err != nil {
		t.Fatal(err)
	}
	next := uint64(1)
	for _, table := range tables {
		if table.Lower > next {
			t.Errorf("tables %v: no table says that it holds block %d", tables, next)
		}
		next = max(next, table.Upper)
	}
	if len(tables) == 0 || next != tail+1 {
		t.Errorf("tables %v, want all of the %d blocks in them", tables, tail)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestDamagedManifestIsRefused: with the end of Pebble's list of tables damaged, the blocks
// of a table are gone and a snapshot stands after them. No start goes on from there, and
// none deletes the table that holds them.
func TestDamagedManifestIsRefused(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut":  func(data []byte) []byte { return data[:len(data)-1] },
		"flip": func(data []byte) []byte { data[len(data)-2] ^= 1; return data },
	} {
		t.Run(name, func(t *testing.T) {
			place := t.TempDir()
			o, tail := fillTables(t, place)
			manifests, _ := filepath.Glob(filepath.Join(place, "MANIFEST-*"))
			slices.Sort(manifests)
			newest := manifests[len(manifests)-1]
			data, err := os.ReadFile(newest)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(newest, damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			before, _ := filepath.Glob(filepath.Join(place, "*.sst"))
			for range 2 {
				s, err := Open(o)
				if err == nil {
					got, _ := s.Tail()
					_ = s.Close()
					t.Fatalf("opened with its tail at %d of %d", got, tail)
				}
				if !errors.Is(err, ErrGap) {
					t.Errorf("got %v, want %v", err, ErrGap)
				}
			}
			for _, table := range before {
				if _, err := os.Stat(table); err != nil {
					t.Errorf("a refused start deleted a table: %v", err)
				}
			}
		})
	}
}
