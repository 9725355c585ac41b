package settlement

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"tongma/switch/engine"
)

// What people have a Desk do with the windows, each an act in the journal.

// Life is how all windows stand.
func (d *Desk) Life() Life {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.life.clone()
}

// Propose asks that the open window be closed.
func (d *Desk) Propose(a *engine.Act) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	life := d.life.clone()
	w := life.Propose(a.Who, a.Time)
	a.What = actPropose
	if err := d.write(a, w, w); err != nil {
		return err
	}
	d.life = life
	return nil
}

// Approve closes the window and waits for its seal, which comes as soon as the fold has
// reached the cut.
func (d *Desk) Approve(a *engine.Act) (Window, error) {
	d.mu.Lock()
	life := d.life.clone()
	w, err := life.Approve(a.Who, a.Time)
	if err == nil {
		a.What, a.Detail = actClose, "asked for by "+w.ProposedBy
		err = d.cut(a, &life, w, w.ClosedAt)
	}
	d.mu.Unlock()
	if err != nil {
		return Window{}, err
	}
	return d.await(w.Number)
}

// await returns window number when it is sealed, or as it then stands.
func (d *Desk) await(number uint32) (Window, error) {
	late := time.After(sealMax)
	for {
		d.mu.Lock()
		w, changed, fault := d.life.Windows[number-1], d.changed, d.fault
		d.mu.Unlock()
		if w.State != Closing || fault != nil {
			return w, fault
		}
		select {
		case <-changed:
		case <-late:
			return w, nil
		case <-d.stop:
			return w, nil
		}
	}
}

// Seal gives the sealed close of window number, signed if there is a key.
func (d *Desk) Seal(number uint32) (*Seal, error) {
	d.mu.Lock()
	w, err := d.life.Find(number)
	if err == nil {
		err = w.wants(Sealed, Instructed, Confirmed, Finalised)
	}
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s, err := readSeal(d.options.Engine, number)
	if err == nil && s == nil {
		err = &Refusal{WindowState, "the seal is not written yet"}
	}
	if err == nil {
		err = d.options.Signer.sign(&s.Close)
	}
	return s, err
}

// decide lets change decide about window number and writes down what it decided.
func (d *Desk) decide(a *engine.Act, change func(*Life) (*Window, error)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	life := d.life.clone()
	w, err := change(&life)
	if err != nil {
		return err
	}
	if err := d.write(a, w, w); err != nil {
		return err
	}
	d.life = life
	return nil
}

// Instruct gives the file for the settlement bank.
func (d *Desk) Instruct(a *engine.Act, number uint32) ([]byte, error) {
	s, err := d.Seal(number)
	if err != nil {
		return nil, err
	}
	excluded := d.excluded(number)
	file, digest := s.InstructionFile(excluded...)
	a.What, a.Detail = actInstruct, fmt.Sprintf("%d instructions, digest %.16s", len(s.Instructions(excluded...)), digest)
	return file, d.decide(a, without(number, excluded, func(l *Life) (*Window, error) { return l.Instruct(number, digest, a.Who) }))
}

// Default excludes a member that does not pay from the netting of a window, by two persons:
// accuse is the first one's word.
func (d *Desk) Default(a *engine.Act, number uint32, member string, accuse bool) error {
	s, err := d.Seal(number)
	if err != nil {
		return err
	}
	if !slices.Contains(s.Names, member) {
		return &Refusal{MemberUnknown, "it is no member of the window"}
	}
	a.What, a.Detail = actDefault, member
	if accuse {
		a.What = actAccuse
	}
	return d.decide(a, func(l *Life) (*Window, error) {
		if accuse {
			return l.Accuse(number, member, a.Who)
		}
		return l.Default(number, member, a.Who)
	})
}

// excluded are the members that have defaulted in window number.
func (d *Desk) excluded(number uint32) []string {
	life := d.Life()
	if w, err := life.Find(number); err == nil {
		return w.Excluded
	}
	return nil
}

// without lets change decide if the window is still netted without the same members.
func without(number uint32, excluded []string, change func(*Life) (*Window, error)) func(*Life) (*Window, error) {
	return func(l *Life) (*Window, error) {
		if w, err := l.Find(number); err == nil && !slices.Equal(w.Excluded, excluded) {
			return nil, &Refusal{WindowState, "a member was excluded meanwhile"}
		}
		return change(l)
	}
}

// Confirm holds the bank's file against the instructions. The smallest difference stops
// the window: it is refused, every difference is named, and nothing changes.
func (d *Desk) Confirm(a *engine.Act, number uint32, file []byte) error {
	s, err := d.Seal(number)
	if err != nil {
		return err
	}
	life := d.Life()
	if w, err := life.Find(number); err != nil {
		return err
	} else if err := w.wants(Instructed); err != nil {
		return err
	}
	excluded := d.excluded(number)
	if err := s.Compare(file, excluded...); err != nil {
		return &Refusal{ConfirmationDiff, err.Error()}
	}
	digest := hashOf(file)
	a.What, a.Detail = actConfirm, fmt.Sprintf("digest %.16s", digest)
	return d.decide(a, without(number, excluded, func(l *Life) (*Window, error) { return l.Confirm(number, digest, a.Who) }))
}

// Finalise takes a confirmed window out of the positions.
func (d *Desk) Finalise(a *engine.Act, number uint32) error {
	s, err := d.Seal(number)
	if err != nil {
		return err
	}
	excluded := d.excluded(number)
	a.What, a.Postings = actFinalise, s.Postings(excluded...)
	return d.decide(a, without(number, excluded, func(l *Life) (*Window, error) { return l.Finalise(number, a.Who, a.Time) }))
}

// Statements writes the statements of window number beside the payments, one window at a
// time, and says where.
func (d *Desk) Statements(number uint32) (directory string, files []StatementFile, err error) {
	s, err := d.Seal(number)
	if err != nil {
		return "", nil, err
	}
	select {
	case d.writing <- struct{}{}:
		defer func() { <-d.writing }()
	default:
		return "", nil, &Refusal{Busy, "other statements are being written"}
	}
	directory = filepath.Join(d.options.Timetable.Statements, fmt.Sprintf("window-%06d", number))
	files, err = s.WriteStatements(Source{d.options.Log, d.options.Engine.Find}, directory)
	return directory, files, err
}
