package admin

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// State is where a table stands in its life.
type State string

// The states. A draft whose check finds errors never leaves Draft.
const (
	Draft      State = "draft"
	Checked    State = "checked"
	Approved   State = "approved" // By another person than the one who drafted it.
	Staged     State = "staged"   // Takes a percentage of the requests.
	Active     State = "active"
	Retired    State = "retired" // Was active; another took its place.
	RolledBack State = "rolled_back"
)

// Entry is one table and what people did with it.
type Entry struct {
	Digest     string    `json:"digest"`
	Version    string    `json:"version"`
	State      State     `json:"state"`
	Errors     int       `json:"errors"`
	Warnings   int       `json:"warnings"`
	DraftedBy  string    `json:"drafted_by"`
	DraftedAt  time.Time `json:"drafted_at"`
	ApprovedBy string    `json:"approved_by,omitempty"`
	ApprovedAt time.Time `json:"approved_at,omitzero"`
	ChangedBy  string    `json:"changed_by,omitempty"` // Who staged, activated or rolled back last.
	ChangedAt  time.Time `json:"changed_at,omitzero"`
}

// Life is all tables and which of them is in use. Its methods decide and change nothing
// but l; an error is a *Refusal, and l is then as it was.
type Life struct {
	Active   string  `json:"active"`             // Digest.
	Previous string  `json:"previous,omitempty"` // Digest of the one to roll back to.
	Staged   string  `json:"staged,omitempty"`   // Digest.
	Percent  int     `json:"percent,omitempty"`  // Of the requests that go by Staged.
	Tables   []Entry `json:"tables"`             // The oldest draft first.
}

// tablesMax bounds the tables that are kept. The oldest that nobody needs is forgotten.
const tablesMax = 40

// digestMin is the shortest beginning of a digest that names a table.
const digestMin = 8

// Find gives the table whose digest begins with digest.
func (l *Life) Find(digest string) (*Entry, error) {
	var found *Entry
	for i := range l.Tables {
		if len(digest) < digestMin || !strings.HasPrefix(l.Tables[i].Digest, digest) {
			continue
		}
		if found != nil {
			return nil, &Refusal{TableUnknown, "the digest's beginning names two tables"}
		}
		found = &l.Tables[i]
	}
	if found == nil {
		return nil, &Refusal{TableUnknown, fmt.Sprintf("want a digest, or %d or more of its first characters", digestMin)}
	}
	return found, nil
}

// Import begins the life of a switch with the table of its configuration.
func (l *Life) Import(e Entry) {
	e.State = Active
	l.Tables, l.Active = append(l.Tables, e), e.Digest
}

// Draft adds a table and gives the digest of one that is forgotten for it, if one is.
func (l *Life) Draft(e Entry) (forgotten string, err error) {
	if slices.ContainsFunc(l.Tables, func(known Entry) bool { return known.Digest == e.Digest }) {
		return "", &Refusal{TableKnown, "the same text was drafted before"}
	}
	if e.State = Checked; e.Errors > 0 {
		e.State = Draft
	}
	if len(l.Tables) >= tablesMax {
		oldest := slices.IndexFunc(l.Tables, func(known Entry) bool {
			return known.Digest != l.Active && known.Digest != l.Previous && known.Digest != l.Staged
		})
		if oldest < 0 {
			return "", &Refusal{Code: TablesFull}
		}
		forgotten = l.Tables[oldest].Digest
		l.Tables = slices.Delete(l.Tables, oldest, oldest+1)
	}
	l.Tables = append(l.Tables, e)
	return forgotten, nil
}

// wants refuses a table that is in none of the states.
func (e *Entry) wants(states ...State) error {
	if slices.Contains(states, e.State) {
		return nil
	}
	if e.State == Draft {
		return &Refusal{TableFaulty, fmt.Sprintf("its check found %d errors", e.Errors)}
	}
	return &Refusal{TableState, fmt.Sprintf("table is %s, want %s", e.State, states[0])}
}

func (e *Entry) put(state State, who string, now time.Time) {
	e.State, e.ChangedBy, e.ChangedAt = state, who, now
}

// Approve is the second person's word. What was rolled back needs it anew.
func (l *Life) Approve(digest, who string, now time.Time) error {
	e, err := l.Find(digest)
	if err != nil {
		return err
	}
	if err := e.wants(Checked, RolledBack); err != nil {
		return err
	}
	if e.DraftedBy == who {
		return &Refusal{SamePerson, "who drafted a table cannot approve it"}
	}
	e.State, e.ApprovedBy, e.ApprovedAt = Approved, who, now
	return nil
}

// Stage lets percent of 100 requests go by an approved table, or changes how many do.
func (l *Life) Stage(digest string, percent int, who string, now time.Time) error {
	e, err := l.Find(digest)
	if err != nil {
		return err
	}
	if percent < 1 || percent > 99 {
		return &Refusal{PercentInvalid, "want 1 to 99; activate is all"}
	}
	if err := e.wants(Approved, Staged); err != nil {
		return err
	}
	if l.Staged != "" && l.Staged != e.Digest {
		return &Refusal{TableState, "another table is staged; roll it back first"}
	}
	e.put(Staged, who, now)
	l.Staged, l.Percent = e.Digest, percent
	return nil
}

// Activate lets every request go by an approved or staged table.
func (l *Life) Activate(digest, who string, now time.Time) error {
	e, err := l.Find(digest)
	if err != nil {
		return err
	}
	if err := e.wants(Approved, Staged); err != nil {
		return err
	}
	if l.Staged != "" && l.Staged != e.Digest {
		return &Refusal{TableState, "another table is staged; roll it back first"}
	}
	if before, err := l.Find(l.Active); err == nil {
		before.put(Retired, who, now)
	}
	e.put(Active, who, now)
	l.Previous, l.Active = l.Active, e.Digest
	l.Staged, l.Percent = "", 0
	return nil
}

// Rollback ends a trial; where there is none, it puts the table before the active one
// back. One person may do it: what comes back was approved and in use before.
func (l *Life) Rollback(who string, now time.Time) (digest string, err error) {
	if l.Staged != "" {
		e, err := l.Find(l.Staged)
		if err != nil {
			return "", err
		}
		e.put(RolledBack, who, now)
		digest, l.Staged, l.Percent = l.Staged, "", 0
		return digest, nil
	}
	before, err := l.Find(l.Previous)
	if err != nil {
		return "", &Refusal{Code: NothingBefore}
	}
	e, err := l.Find(l.Active)
	if err != nil {
		return "", err
	}
	e.put(RolledBack, who, now)
	before.put(Active, who, now)
	digest, l.Active, l.Previous = l.Active, l.Previous, ""
	return digest, nil
}

// clone is a copy that can be changed and thrown away.
func (l *Life) clone() Life {
	other := *l
	other.Tables = slices.Clone(l.Tables)
	return other
}
