package settlement

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/payment"
)

// Engine writes acts down and knows what they left; see engine.Engine.
type Engine interface {
	Act(a *engine.Act) error
	State(key string) ([]byte, error)
	States(prefix string, visit func(key string, state []byte) error) error
	Find(id payment.ID) (payment.Payment, error)
}

// Settings keeps the fold between two runs; see journal.Store.
type Settings interface {
	Setting(key string) journal.Setting
	CompareAndSet(key string, revision uint64, value []byte, life time.Duration) (journal.Setting, error)
}

// Options is everything that a Desk needs.
type Options struct {
	Engine    Engine
	Log       journal.Log
	Settings  Settings
	Members   func() []string // Ids of the register: each has a statement, an empty one too.
	Timetable Timetable
	Calendar  Calendar
	Signer    *Signer // Of the closes that are given out; nil leaves them unsigned.
	Logger    *zap.Logger
}

// Desk runs the windows of one shard: it folds the journal behind the payments, seals what
// was closed, closes what is due, and does what people decide. What was decided is in the
// journal before anything follows from it.
type Desk struct {
	options Options
	fold    *Fold // The follower's.

	mu       sync.Mutex
	life     Life
	opened   time.Time     // When the open window began.
	changed  chan struct{} // Closed when a window was sealed, and made anew.
	fault    error         // Why windows are not folded any more.
	saved    uint64        // Sequence of the fold that was kept.
	revision uint64

	poke    chan struct{}
	stop    chan struct{}
	done    chan struct{}
	writing chan struct{} // A place for the one writing of statements at a time.
}

// The keys of what acts leave, and of the kept fold.
const (
	windowKey = "window/"
	sealKey   = "seal/"
	foldKey   = "settlement/fold"
)

func numbered(prefix string, number uint32) string { return fmt.Sprintf("%s%08d", prefix, number) }

const (
	followEvery = 200 * time.Millisecond // How far the fold may lag behind the journal.
	sealMax     = 20 * time.Second       // How long who closes a window waits for its seal.
)

// OpenDesk reads how the windows stand. Start must be called after the engine's.
func OpenDesk(options Options) (*Desk, error) {
	d := &Desk{options: options, changed: make(chan struct{}), poke: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}), writing: make(chan struct{}, 1)}
	d.fold = NewFold(d.sealed)
	d.fold.endings.Find = options.Engine.Find
	if kept := options.Settings.Setting(foldKey); len(kept.Value) > 0 {
		if err := d.fold.Restore(kept.Value); err != nil {
			return nil, err
		}
		d.saved, d.revision = d.fold.Sequence, kept.Revision
	}
	d.opened = d.fold.Opened
	return d, d.load()
}

// load reads the windows from what acts left.
func (d *Desk) load() error {
	err := d.options.Engine.States(windowKey, func(key string, state []byte) error {
		var w Window
		if err := json.Unmarshal(state, &w); err != nil {
			return fmt.Errorf("settlement: cannot read %s: %w", key, err)
		}
		if int(w.Number) != len(d.life.Windows)+1 {
			return fmt.Errorf("settlement: %s stands where window %d should", key, len(d.life.Windows)+1)
		}
		d.life.Windows = append(d.life.Windows, w)
		return nil
	})
	if err != nil {
		return err
	}
	d.life.open()
	for i := range d.life.Windows {
		w := &d.life.Windows[i]
		d.opened = later(d.opened, w.ClosedAt)
		if w.State != Closing {
			continue
		}
		s, err := readSeal(d.options.Engine, w.Number)
		if err != nil {
			return err
		}
		if s != nil {
			w.seal(&s.Close)
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Start begins to follow the journal.
func (d *Desk) Start() { go d.follow() }

// Stop ends following. What is not folded or sealed yet is at the next start.
func (d *Desk) Stop() {
	close(d.stop)
	<-d.done
}

func (d *Desk) follow() {
	defer close(d.done)
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		err := d.advance()
		if err == nil {
			err = d.due(time.Now())
		}
		if errors.Is(err, errStopped) {
			return
		}
		if err != nil {
			d.options.Logger.Error("settlement: windows are not folded any more", zap.Error(err))
			d.mu.Lock()
			d.fault = err
			d.mu.Unlock()
			return
		}
		select {
		case <-d.stop:
			return
		case <-d.poke:
		case <-tick.C:
		}
	}
}

var errStopped = errors.New("settlement: stopped")

// advance folds what the journal has grown by.
func (d *Desk) advance() error {
	if tail, _ := d.options.Log.Tail(); tail <= d.fold.Sequence {
		return nil
	}
	err := d.options.Log.Read(d.fold.Sequence+1, func(b *journal.Block) error {
		select {
		case <-d.stop:
			return errStopped
		default:
		}
		return d.fold.Block(b)
	})
	d.mu.Lock()
	d.opened = later(d.opened, d.fold.Opened)
	d.mu.Unlock()
	if err == nil && d.fold.Sequence-d.saved >= uint64(d.options.Timetable.KeepBlocks) {
		return d.keep()
	}
	return err
}

// keep saves the fold, so that a start need not read the journal from its beginning.
func (d *Desk) keep() error {
	state, err := d.fold.State()
	if err != nil {
		return err
	}
	kept, err := d.options.Settings.CompareAndSet(foldKey, d.revision, state, 0)
	if err != nil {
		return err
	}
	d.saved, d.revision = d.fold.Sequence, kept.Revision
	return nil
}

// sealed takes a window whose close the fold has reached. After a restart it may have been
// sealed before: then it must be the same.
func (d *Desk) sealed(s *Seal) error {
	before, err := readSeal(d.options.Engine, s.Window)
	if err != nil {
		return err
	}
	if before != nil && before.Digest != s.Digest {
		return fmt.Errorf("%w: window %d folds to %s, sealed was %s", ErrSeal, s.Window, s.Digest, before.Digest)
	}
	if before == nil {
		if err := d.keepSeal(s); err != nil {
			select {
			case <-d.stop: // The engine went first; the next start seals.
				return errStopped
			default:
				return err
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	w, err := d.life.Find(s.Window)
	if err != nil {
		return err
	}
	if w.State == Closing {
		w.seal(&s.Close)
	}
	close(d.changed)
	d.changed = make(chan struct{})
	return nil
}

// keepSeal writes s down.
func (d *Desk) keepSeal(s *Seal) error {
	acts, err := s.acts(time.Now().UTC())
	if err != nil {
		return err
	}
	for _, a := range acts {
		if err := d.options.Engine.Act(a); err != nil {
			return err
		}
	}
	return nil
}

// switchName stands for the switch where a person's name would.
const switchName = "switch"

// due closes the open window when the timetable says so.
func (d *Desk) due(now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.options.Timetable.CutOffs) == 0 || d.opened.IsZero() {
		return nil
	}
	at := d.options.Timetable.Next(&d.options.Calendar, d.opened)
	if at.IsZero() || now.Before(at) {
		return nil
	}
	life := d.life.clone()
	w := life.Due(now.UTC())
	a := &engine.Act{Time: now.UTC(), Who: timetableName, What: actClose, Detail: "due " + at.In(Shanghai).Format(time.RFC3339)}
	err := d.cut(a, &life, w, at)
	if err != nil {
		d.options.Logger.Error("settlement: a window that is due cannot be closed", zap.Error(err))
		return nil // The journal takes nothing now. It is due in the next turn as well.
	}
	return nil
}

// cut writes the close of w, which was due, down: where that record stands is the cut. d.mu
// is held.
func (d *Desk) cut(a *engine.Act, life *Life, w *Window, due time.Time) error {
	w.Date, w.ValueDate = d.options.Timetable.dates(&d.options.Calendar, due, w.ClosedAt)
	state := struct {
		Window
		Members []string `json:"members"`
	}{*w, d.options.Members()}
	if err := d.write(a, w, state); err != nil {
		return err
	}
	d.life, d.opened = *life, w.ClosedAt
	select {
	case d.poke <- struct{}{}:
	default:
	}
	return nil
}

// write puts an act about w into the journal with the state that it leaves.
func (d *Desk) write(a *engine.Act, w *Window, state any) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	a.Subject, a.Key, a.State = fmt.Sprint(w.Number), numbered(windowKey, w.Number), text
	if err := d.options.Engine.Act(a); err != nil {
		return &Refusal{JournalRefused, err.Error()}
	}
	return nil
}
