package routing

import (
	"fmt"
	"sync/atomic"
)

// Switchboard holds the table in use, and beside it one that takes a share of the
// requests on trial. Any number of goroutines look up while another replaces them; a
// look-up uses one table from beginning to end. The zero value holds none and refuses
// every look-up with table_absent.
type Switchboard struct {
	current atomic.Pointer[plan]
}

// plan is what is in use. It does not change.
type plan struct {
	active  *Table
	staged  *Table // Nil where none is on trial.
	percent uint64 // Of the requests that go by staged.
}

// Current gives the table in use, or nil before the first activation.
func (s *Switchboard) Current() *Table {
	if p := s.current.Load(); p != nil {
		return p.active
	}
	return nil
}

// Staged gives the table on trial and the percentage of requests that go by it; nil
// where there is none.
func (s *Switchboard) Staged() (*Table, int) {
	if p := s.current.Load(); p != nil {
		return p.staged, int(p.percent)
	}
	return nil, 0
}

// Activate puts t in use for every look-up that begins from now on, and ends a trial.
// A table whose check found an error is refused, and what runs stays.
func (s *Switchboard) Activate(t *Table) error {
	if t == nil || t.faulty {
		return fmt.Errorf("routing: cannot activate table: its check found errors")
	}
	s.current.Store(&plan{active: t})
	return nil
}

// Stage puts active in use and lets percent of 100 requests go by staged. Which ones
// depends on caller and payment id alone, so that a request asked again goes by the same
// table, and one that was on trial stays so when the percentage grows.
func (s *Switchboard) Stage(active, staged *Table, percent int) error {
	if active == nil || active.faulty || staged == nil || staged.faulty {
		return fmt.Errorf("routing: cannot stage table: its check found errors")
	}
	if percent < 1 || percent > 99 {
		return fmt.Errorf("routing: cannot stage table: %d percent, want 1 to 99", percent)
	}
	s.current.Store(&plan{active: active, staged: staged, percent: uint64(percent)})
	return nil
}

// Choose gives the table that q goes by; nil before the first activation. A query
// without a payment id goes by the active one.
func (s *Switchboard) Choose(q *Query) *Table {
	p := s.current.Load()
	switch {
	case p == nil:
		return nil
	case p.staged != nil && q.Payment != "" && trialOf(q) < p.percent:
		return p.staged
	}
	return p.active
}

// trialOf spreads payments over 0 to 99. The salt keeps this apart from the spreading
// by weight, which hashes the same id.
func trialOf(q *Query) uint64 {
	const salt = 0x5354414745
	return mix(mix(hashText(q.Caller))^hashText(q.Payment)^salt) % 100
}

// Route asks the table that q goes by; see Table.Route.
func (s *Switchboard) Route(q *Query, into *Decision) error {
	table := s.Choose(q)
	if table == nil {
		return errTableAbsent
	}
	return table.Route(q, into)
}
