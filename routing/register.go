package routing

import (
	"cmp"
	"slices"
	"time"
)

// Status is the standing of an institution in the register.
type Status string

// The standings. Only an active institution calls or is called.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Withdrawn Status = "withdrawn"
)

// Licence is the permission under which an institution takes part. An empty number
// means that it has none.
type Licence struct {
	Number string
	Kind   string // bank, payment, ecny-operator, clearing or overseas.
}

// Institution is one entry of the register.
type Institution struct {
	ID      string
	Name    string
	Licence Licence
	Status  Status
	From    time.Time // UTC; zero means always.
	Until   time.Time // UTC, first instant no longer in force; zero means without end.
	Line    int       // In the register's file, counted from 1.

	span span
}

// Register is the list of institutions that the switch knows. It does not change once
// loaded; a new one comes with a new table.
type Register struct {
	institutions []Institution // Sorted by id.
	index        map[string]int32
}

// NewRegister makes a register of institutions. It returns a *Malformed that lists
// every entry without an id, with an id given twice, or with an unknown status.
func NewRegister(institutions []Institution) (*Register, error) {
	r := &Register{
		institutions: slices.Clone(institutions),
		index:        make(map[string]int32, len(institutions)),
	}
	byID := func(a, b Institution) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortStableFunc(r.institutions, byID)
	doc := document{noun: "register"}
	for i := range r.institutions {
		entry := &r.institutions[i]
		entry.span = spanOf(entry.From, entry.Until)
		if entry.Status == "" {
			entry.Status = Active
		}
		r.checkEntry(&doc, entry)
		r.index[entry.ID] = int32(i)
	}
	if err := doc.err(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Register) checkEntry(doc *document, entry *Institution) {
	at := func(format string, args ...any) { doc.faultAt(entry.Line, 1, format, args...) }
	if entry.ID == "" {
		at("institution without an id")
	}
	if _, twice := r.index[entry.ID]; twice {
		at("institution %s is entered twice", entry.ID)
	}
	if !slices.Contains([]Status{Active, Suspended, Withdrawn}, entry.Status) {
		at("institution %s has status %q, want active, suspended or withdrawn",
			entry.ID, entry.Status)
	}
	if entry.span.empty() {
		at("institution %s ends before it begins", entry.ID)
	}
}

// Institutions gives the entries, sorted by id.
func (r *Register) Institutions() []Institution { return slices.Clone(r.institutions) }

// Find gives the entry of the institution named id.
func (r *Register) Find(id string) (Institution, bool) {
	i, found := r.index[id]
	if !found {
		return Institution{}, false
	}
	return r.institutions[i], true
}

// Check says whether the institution named id may take part at the instant at: nil, or
// a *Refusal whose code says why not (unknown, unlicensed, suspended, withdrawn, not
// yet in force, expired, looked for in this order). It does not allocate.
func (r *Register) Check(id string, at time.Time) error {
	i, found := r.index[id]
	if !found {
		return errUnknown
	}
	if refusal := r.institutions[i].check(at.Unix()); refusal != nil {
		return refusal
	}
	return nil
}

func (i *Institution) check(at int64) *Refusal {
	if refusal := i.barred(); refusal != nil {
		return refusal
	}
	return outside(i.span, at)
}

// barred says why the institution may not take part at any time.
func (i *Institution) barred() *Refusal {
	switch {
	case i.Licence.Number == "":
		return errUnlicensed
	case i.Status == Withdrawn:
		return errWithdrawn
	case i.Status == Suspended:
		return errSuspended
	}
	return nil
}

// outside says on which side of an entry's term at lies.
func outside(term span, at int64) *Refusal {
	switch {
	case at < term.from:
		return errNotYet
	case at >= term.until:
		return errExpired
	}
	return nil
}
