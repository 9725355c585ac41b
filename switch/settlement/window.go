package settlement

import (
	"fmt"
	"slices"
	"time"

	"tongma/switch/payment"
)

// State is where a window stands in its life.
type State string

// The states, in their order.
const (
	Open       State = "open"
	Proposed   State = "proposed" // A person wants it closed now; another one has to agree.
	Closing    State = "closing"  // The cut stands in the journal; the figures are being sealed.
	Sealed     State = "sealed"
	Instructed State = "instructed" // The settlement bank has been told who pays and who is paid.
	Confirmed  State = "confirmed"  // The bank's file says exactly what was instructed.
	Finalised  State = "finalised"  // Taken out of the positions.
)

// Window is one window and what people did with it.
type Window struct {
	Number       uint32      `json:"number"`
	State        State       `json:"state"`
	Date         string      `json:"date,omitempty"`
	ValueDate    string      `json:"value_date,omitempty"`
	Payments     uint64      `json:"payments"`
	Gross        payment.Fen `json:"gross_fen"`
	Digest       Hash        `json:"digest"` // Of the sealed close.
	ProposedBy   string      `json:"proposed_by,omitempty"`
	ProposedAt   time.Time   `json:"proposed_at,omitzero"`
	ClosedBy     string      `json:"closed_by,omitempty"` // The second person, or the timetable.
	ClosedAt     time.Time   `json:"closed_at,omitzero"`
	InstructedBy string      `json:"instructed_by,omitempty"`
	Instructions Hash        `json:"instructions"` // Digest of the file.
	ConfirmedBy  string      `json:"confirmed_by,omitempty"`
	Confirmation Hash        `json:"confirmation"`      // Digest of the bank's file.
	Accused      string      `json:"accused,omitempty"` // A member that one person says has defaulted.
	AccusedBy    string      `json:"accused_by,omitempty"`
	Excluded     []string    `json:"excluded,omitempty"` // Members that have defaulted; see Seal.Nets.
	FinalisedBy  string      `json:"finalised_by,omitempty"`
	FinalisedAt  time.Time   `json:"finalised_at,omitzero"`
}

// Life is all windows, the oldest first; the last one is open or proposed. Its methods
// decide and change nothing but l; an error is a *Refusal, and l is then as it was.
type Life struct {
	Windows []Window `json:"windows"`
}

// open is the window that payments fall into.
func (l *Life) open() *Window {
	if n := len(l.Windows); n > 0 && (l.Windows[n-1].State == Open || l.Windows[n-1].State == Proposed) {
		return &l.Windows[n-1]
	}
	l.Windows = append(l.Windows, Window{Number: uint32(len(l.Windows)) + 1, State: Open})
	return &l.Windows[len(l.Windows)-1]
}

// Find gives window number.
func (l *Life) Find(number uint32) (*Window, error) {
	if number == 0 || int(number) > len(l.Windows) {
		return nil, &Refusal{WindowUnknown, fmt.Sprintf("windows 1 to %d are known", len(l.Windows))}
	}
	return &l.Windows[number-1], nil
}

func (w *Window) wants(states ...State) error {
	if slices.Contains(states, w.State) {
		return nil
	}
	return &Refusal{WindowState, fmt.Sprintf("window %d is %s, want %s%s", w.Number, w.State, states[0], way[states[0]])}
}

// way says what brings a window into a state.
var way = map[State]string{
	Sealed:     ", which a close and its approval bring",
	Instructed: ", which instructions bring",
	Confirmed:  ", which the bank's confirmation brings",
}

// Propose is the first person's word that the open window be closed now. A later word
// takes the place of an earlier one.
func (l *Life) Propose(who string, now time.Time) *Window {
	w := l.open()
	w.State, w.ProposedBy, w.ProposedAt = Proposed, who, now
	return w
}

// Approve is the second person's word: the window is cut where its record stands.
func (l *Life) Approve(who string, now time.Time) (*Window, error) {
	w := l.open()
	switch {
	case w.State != Proposed:
		return nil, &Refusal{NothingProposed, fmt.Sprintf("nobody asked that window %d be closed", w.Number)}
	case w.ProposedBy == who:
		return nil, &Refusal{SamePerson, "who asked for the close cannot approve it"}
	}
	return l.cut(w, who, now), nil
}

// Due is the timetable's word.
func (l *Life) Due(now time.Time) *Window {
	w := l.open()
	w.ProposedBy, w.ProposedAt = "", time.Time{}
	return l.cut(w, timetableName, now)
}

// timetableName stands for the timetable where a person's name would.
const timetableName = "timetable"

func (l *Life) cut(w *Window, who string, now time.Time) *Window {
	w.State, w.ClosedBy, w.ClosedAt = Closing, who, now
	number := w.Number
	l.open()
	return &l.Windows[number-1]
}

// seal notes what the fold found.
func (w *Window) seal(c *Close) {
	w.State, w.Payments, w.Gross, w.Digest = Sealed, c.Payments, c.Gross, c.Digest
}

// Instruct notes that the settlement bank was told. It may be told the same again.
func (l *Life) Instruct(number uint32, file Hash, who string) (*Window, error) {
	w, err := l.Find(number)
	if err != nil {
		return nil, err
	}
	if err := w.wants(Sealed, Instructed); err != nil {
		return nil, err
	}
	w.State, w.InstructedBy, w.Instructions = Instructed, who, file
	return w, nil
}

// Confirm notes that the bank did what it was told.
func (l *Life) Confirm(number uint32, file Hash, who string) (*Window, error) {
	w, err := l.Find(number)
	if err != nil {
		return nil, err
	}
	if err := w.wants(Instructed); err != nil {
		return nil, err
	}
	w.State, w.ConfirmedBy, w.Confirmation = Confirmed, who, file
	return w, nil
}

// Accuse is the first person's word that member does not pay.
func (l *Life) Accuse(number uint32, member, who string) (*Window, error) {
	w, err := l.Find(number)
	if err != nil {
		return nil, err
	}
	if err := w.wants(Instructed, Sealed); err != nil {
		return nil, err
	}
	if slices.Contains(w.Excluded, member) {
		return nil, &Refusal{WindowState, member + " is excluded already"}
	}
	w.Accused, w.AccusedBy = member, who
	return w, nil
}

// Default is the second person's word: the window is netted without member, and has to be
// instructed anew.
func (l *Life) Default(number uint32, member, who string) (*Window, error) {
	w, err := l.Find(number)
	if err != nil {
		return nil, err
	}
	switch err := w.wants(Instructed, Sealed); {
	case err != nil:
		return nil, err
	case w.Accused == "" || w.Accused != member:
		return nil, &Refusal{NothingProposed, "nobody said that " + member + " has defaulted"}
	case w.AccusedBy == who:
		return nil, &Refusal{SamePerson, "who said so cannot approve it"}
	}
	w.Excluded = append(slices.Clone(w.Excluded), member)
	w.State, w.Accused, w.AccusedBy = Sealed, "", ""
	w.InstructedBy, w.Instructions = "", Hash{}
	return w, nil
}

// Finalise is the second person's word that the window be taken out of the positions.
func (l *Life) Finalise(number uint32, who string, now time.Time) (*Window, error) {
	w, err := l.Find(number)
	if err != nil {
		return nil, err
	}
	if err := w.wants(Confirmed); err != nil {
		return nil, err
	}
	if w.ConfirmedBy == who {
		return nil, &Refusal{SamePerson, "who brought the confirmation cannot finalise"}
	}
	w.State, w.FinalisedBy, w.FinalisedAt = Finalised, who, now
	return w, nil
}

func (l *Life) clone() Life { return Life{slices.Clone(l.Windows)} }
