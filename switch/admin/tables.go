package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"tongma/routing"
	"tongma/switch/engine"
	"tongma/switch/journal"
)

// Acts writes down what people do; see engine.Engine.
type Acts interface {
	Act(a *engine.Act) error
	Acts(visit func(engine.Act) error) error
	State(key string) ([]byte, error)
	Refused(note engine.Refused)
}

// Texts keeps the tables' texts by digest; see journal.Store.
type Texts interface {
	Setting(key string) journal.Setting
	CompareAndSet(key string, revision uint64, value []byte, life time.Duration) (journal.Setting, error)
}

// Tables carries the life of the routing tables out: what was decided is in the journal
// before the switchboard follows, so that a restart goes on with the same tables.
type Tables struct {
	acts  Acts
	texts Texts
	board *routing.Switchboard

	mu       sync.Mutex
	life     Life
	register *routing.Register
	imported *engine.Act // The beginning of a life, not yet written down.
}

// stateKey is where the journal keeps the life, textKey where it keeps a text.
const stateKey = "tables"

func textKey(digest string) string { return "table/" + digest }

// OpenTables puts the tables in use that the journal says were. Where it says nothing,
// bundle, the configuration's own table, is the first; Begin writes that down. A table
// that has errors with register is refused.
func OpenTables(acts Acts, texts Texts, board *routing.Switchboard, register *routing.Register, bundle func() ([]byte, error)) (*Tables, error) {
	t := &Tables{acts: acts, texts: texts, board: board}
	state, err := acts.State(stateKey)
	if err != nil {
		return nil, fmt.Errorf("admin: cannot read the tables' life: %w", err)
	}
	if state == nil {
		text, err := bundle()
		if err != nil {
			return nil, err
		}
		return t, t.begin(text, register)
	}
	if err := json.Unmarshal(state, &t.life); err != nil {
		return nil, fmt.Errorf("admin: cannot read the tables' life: %w", err)
	}
	return t, t.Use(register)
}

// HasTables reports whether the journal says which table is in use.
func HasTables(acts Acts) (bool, error) {
	state, err := acts.State(stateKey)
	return state != nil, err
}

func (t *Tables) begin(text []byte, register *routing.Register) error {
	table, findings, err := routing.LoadBundle(text, register)
	if err != nil {
		return err
	}
	if table.Faulty() {
		return fmt.Errorf("admin: the table of the configuration has errors: %v", findings)
	}
	if err := t.keep(table.Digest(), text); err != nil {
		return err
	}
	now := time.Now().UTC()
	_, warnings := count(findings)
	t.life.Import(Entry{Digest: table.Digest(), Version: table.Version(), Warnings: warnings,
		DraftedBy: configured, DraftedAt: now})
	t.imported = &engine.Act{Time: now, Who: configured, What: "table.import", Subject: table.Digest(), Detail: "version " + table.Version()}
	t.register = register
	return t.board.Activate(table)
}

// configured stands for the person who wrote the configuration.
const configured = "configuration"

// Begin writes the beginning of a life down. The engine must have been started.
func (t *Tables) Begin() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.imported == nil {
		return nil
	}
	if err := t.write(t.imported, &t.life); err != nil {
		return err
	}
	t.imported = nil
	return nil
}

// Use compiles the tables in use against register. With an error in one of them, all
// stays as it is.
func (t *Tables) Use(register *routing.Register) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.follow(&t.life, register); err != nil {
		return err
	}
	t.register = register
	return nil
}

// follow makes the switchboard do what life says.
func (t *Tables) follow(life *Life, register *routing.Register) error {
	active, err := t.compile(life.Active, register)
	if err != nil {
		return err
	}
	if life.Staged == "" {
		return t.board.Activate(active)
	}
	staged, err := t.compile(life.Staged, register)
	if err != nil {
		return err
	}
	return t.board.Stage(active, staged, life.Percent)
}

// compile gives a table that may be used.
func (t *Tables) compile(digest string, register *routing.Register) (*routing.Table, error) {
	table, findings, err := t.load(digest, register)
	if err != nil {
		return nil, err
	}
	if table.Faulty() {
		errorsFound, _ := count(findings)
		return nil, &Refusal{TableFaulty, fmt.Sprintf("table %.12s has %d errors with the register of now, the first: %s",
			digest, errorsFound, firstError(findings))}
	}
	return table, nil
}

func (t *Tables) load(digest string, register *routing.Register) (*routing.Table, []routing.Finding, error) {
	text := t.texts.Setting(textKey(digest)).Value
	if len(text) == 0 {
		return nil, nil, &Refusal{TableUnknown, "the text is not kept any more"}
	}
	table, findings, err := routing.LoadBundle(text, register)
	if err != nil {
		return nil, nil, &Refusal{TableMalformed, err.Error()}
	}
	if table.Digest() != digest {
		return nil, nil, fmt.Errorf("admin: text of table %.12s has digest %.12s", digest, table.Digest())
	}
	return table, findings, nil
}

// keep stores a text; the same text a second time changes nothing.
func (t *Tables) keep(digest string, text []byte) error {
	known := t.texts.Setting(textKey(digest))
	if string(known.Value) == string(text) {
		return nil
	}
	_, err := t.texts.CompareAndSet(textKey(digest), known.Revision, text, 0)
	return err
}

// write puts an act and the life that it leaves into the journal.
func (t *Tables) write(a *engine.Act, life *Life) error {
	if life != nil {
		state, err := json.Marshal(life)
		if err != nil {
			return fmt.Errorf("admin: cannot write the tables' life: %w", err)
		}
		a.Key, a.State = stateKey, state
	}
	if err := t.acts.Act(a); err != nil {
		return &Refusal{JournalRefused, err.Error()}
	}
	return nil
}

// decide lets change decide on a copy of the life; what it decided is written down, and
// then the switchboard follows. A refusal is written down too.
func (t *Tables) decide(a *engine.Act, change func(*Life) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	life := t.life.clone()
	err := change(&life)
	moved := life.Active != t.life.Active || life.Staged != t.life.Staged || life.Percent != t.life.Percent
	var active, staged *routing.Table
	if err == nil && moved {
		active, err = t.compile(life.Active, t.register)
		if err == nil && life.Staged != "" {
			staged, err = t.compile(life.Staged, t.register)
		}
	}
	if err != nil {
		return t.refused(a, err)
	}
	if err := t.write(a, &life); err != nil {
		return err
	}
	t.life = life
	switch {
	case !moved:
		return nil
	case staged != nil:
		return t.board.Stage(active, staged, life.Percent)
	}
	return t.board.Activate(active)
}

// refused writes down that an act was not done, and gives the reason on.
func (t *Tables) refused(a *engine.Act, err error) error {
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		refusal = &Refusal{TableUnknown, err.Error()}
	}
	a.Refused, a.Detail = string(refusal.Code), clip(refusal.Detail)
	if err := t.write(a, nil); err != nil {
		return err
	}
	return refusal
}

// clip bounds what an act says for people.
func clip(text string) string { return text[:min(len(text), 500)] }

// Life is how all tables stand.
func (t *Tables) Life() Life {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.life.clone()
}

// Load compiles a table that is kept, to look at; an empty digest is the active one.
func (t *Tables) Load(digest string) (*routing.Table, []routing.Finding, error) {
	t.mu.Lock()
	life, register := t.life.clone(), t.register
	t.mu.Unlock()
	if digest == "" {
		digest = life.Active
	}
	e, err := life.Find(digest)
	if err != nil {
		return nil, nil, err
	}
	return t.load(e.Digest, register)
}

func count(findings []routing.Finding) (errors, warnings int) {
	for i := range findings {
		if findings[i].Severity == routing.Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

func firstError(findings []routing.Finding) string {
	for i := range findings {
		if findings[i].Severity == routing.Error {
			return findings[i].String()
		}
	}
	return ""
}

// Registered reports whether institution stands in the register of now.
func (t *Tables) Registered(institution string) bool {
	_, known := t.current().Find(institution)
	return known
}
