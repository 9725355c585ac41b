package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/payment"
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

var legColumns = []string{"leg", "payment", "institution", "remote", "kind", "original", "status", "decided",
	"amount_fen", "currency", "caller", "request_id"}

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
	err = out.Write(legColumns)
	if err == nil {
		endings := &engine.Endings{}
		visitor := engine.Visitor{Ended: func(e *engine.Ending) error {
			decided := e.Payment.Decided
			if decided.Before(s.since) || !s.until.IsZero() && !decided.Before(s.until) {
				return nil
			}
			return writeEnding(out, e, institution)
		}}
		err = store.Read(1, func(b *journal.Block) error { return endings.Block(b, visitor) })
	}
	out.Flush()
	return errors.Join(err, out.Error(), store.Close())
}

func writeEnding(out *csv.Writer, e *engine.Ending, institution string) error {
	p := &e.Payment
	for i := range p.Legs {
		leg := &p.Legs[i]
		if leg.Outcome != payment.Approved || leg.Cancelled || institution != "" && leg.Institution != institution {
			continue
		}
		err := out.Write([]string{p.Reference(i), string(p.ID), leg.Institution, leg.Remote, p.Kind.String(),
			leg.Original, p.Status.String(), p.Decided.UTC().Format("2006-01-02T15:04:05.000Z"),
			strconv.FormatInt(int64(leg.Amount), 10), p.Currency, p.Institution, p.RequestID})
		if err != nil {
			return err
		}
	}
	return nil
}
