package routing

import (
	"fmt"
	"sync/atomic"
)

// Switchboard holds the table in use. Any number of goroutines look it up while
// another replaces it; a look-up uses one table from beginning to end. The zero value
// holds none and refuses every look-up with table_absent.
type Switchboard struct {
	current atomic.Pointer[Table]
}

// Current gives the table in use, or nil before the first activation.
func (s *Switchboard) Current() *Table { return s.current.Load() }

// Activate puts t in use for every look-up that begins from now on. A table whose
// check found an error is refused, and the running one stays.
func (s *Switchboard) Activate(t *Table) error {
	if t == nil || t.faulty {
		return fmt.Errorf("routing: cannot activate table: its check found errors")
	}
	s.current.Store(t)
	return nil
}

// Route asks the table in use; see Table.Route.
func (s *Switchboard) Route(q *Query, into *Decision) error {
	table := s.current.Load()
	if table == nil {
		return errTableAbsent
	}
	return table.Route(q, into)
}
