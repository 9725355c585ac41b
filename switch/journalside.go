package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tongma/switch/admin"
	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/reconcile"
)

// journalSides writes journals out as files that can be reconciled, in the shipped layout
// "journal". No switch may have them open.
type journalSides struct {
	scratch      *reconcile.Scratch // Nil until a journal is written out.
	since, until time.Time          // Zero for no bound.
}

// journalPrefix begins the name of a side that is a journal.
const journalPrefix = "journal:"

func newJournalSides(since, until time.Time) *journalSides {
	return &journalSides{since: since, until: until}
}

func (s *journalSides) remove() {
	if s.scratch != nil {
		_ = s.scratch.Remove()
	}
}

// export replaces the names of journals by those of files with their payments.
func (s *journalSides) export(names []string) ([]string, error) {
	paths := append([]string(nil), names...)
	for i, name := range names {
		rest, ok := strings.CutPrefix(name, journalPrefix)
		if !ok {
			continue
		}
		directory, institution, _ := strings.Cut(rest, "@")
		if s.scratch == nil {
			var err error
			if s.scratch, err = reconcile.NewScratch("journal"); err != nil {
				return nil, err
			}
		}
		file, err := os.CreateTemp(s.scratch.Path, "*.csv")
		if err != nil {
			return nil, err
		}
		paths[i] = file.Name()
		if err := errors.Join(s.writeLegs(file, directory, institution), file.Close()); err != nil {
			return nil, fmt.Errorf("cannot read the payments of journal %s: %w", filepath.Clean(directory), err)
		}
	}
	return paths, nil
}

// writeLegs writes one row for each approved leg of a payment whose money moved in time;
// only those at institution, unless it is empty.
func (s *journalSides) writeLegs(file *os.File, directory, institution string) error {
	options := journal.DefaultOptions()
	options.Directory, options.ReadOnly = directory, true
	if _, err := os.Stat(directory); err != nil {
		return err
	}
	store, err := journal.Open(options)
	if err != nil {
		return err
	}
	out := csv.NewWriter(file)
	err = out.Write(admin.LegColumns)
	if err == nil {
		endings := &engine.Endings{}
		visitor := engine.Visitor{Ended: func(e *engine.Ending) error {
			decided := e.Payment.Decided
			if decided.Before(s.since) || !s.until.IsZero() && !decided.Before(s.until) {
				return nil
			}
			return admin.WriteLegs(out, e, institution)
		}}
		err = store.Read(1, func(b *journal.Block) error { return endings.Block(b, visitor) })
	}
	out.Flush()
	return errors.Join(err, out.Error(), store.Close())
}
