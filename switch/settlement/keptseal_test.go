package settlement

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"tongma/switch/engine"
	"tongma/switch/payment"
)

// shelf is an engine that keeps what acts leave, and no more in one than the real one does.
type shelf map[string][]byte

// Act is Engine's.
func (s shelf) Act(a *engine.Act) error {
	if len(a.State) > 12<<20 {
		return &payment.Refusal{Failure: payment.BodyTooLarge}
	}
	s[a.Key] = a.State
	return nil
}

// State is Engine's.
func (s shelf) State(key string) ([]byte, error) { return s[key], nil }

// States is Engine's.
func (s shelf) States(string, func(string, []byte) error) error { return nil }

// Find is Engine's.
func (s shelf) Find(payment.ID) (payment.Payment, error) { return payment.Payment{}, nil }

// sealedAmong is a window in which each of so many members paid each other one.
func sealedAmong(t *testing.T, members int) *Seal {
	t.Helper()
	f := NewFold(nil)
	f.Opened = time.Unix(1e9, 0)
	for i := range members {
		for k := range i {
			r := row{payment: &payment.Payment{}}
			r.Payer, r.Payee, r.Amount = fmt.Sprintf("bank-%04d", i), fmt.Sprintf("bank-%04d", k), payment.Fen(1+i*k)
			if err := f.row(&r); err != nil {
				t.Fatal(err)
			}
		}
	}
	return f.close(f.last, &cut{Window: 1, ClosedBy: "wang", ClosedAt: time.Unix(2e9, 0)})
}

// TestManyMembers: a window of more pairs than an act can hold is sealed, read back whole, and
// proved; with a part that is missing or altered it is neither.
func TestManyMembers(t *testing.T) {
	s, kept := sealedAmong(t, 300), shelf{}
	d := &Desk{options: Options{Engine: kept}}
	if err := d.keepSeal(s); err != nil {
		t.Fatal(err)
	}
	if parts := len(kept) - 1; parts != (s.Pairs+partPairs-1)/partPairs || s.Pairs != 300*299/2 {
		t.Errorf("%d pairs in %d parts", s.Pairs, parts)
	}
	if back, err := readSeal(kept, 1); err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("the seal comes back as another, or not: %v", err)
	}
	for key, state := range kept {
		if !strings.Contains(key, "/part/") {
			continue
		}
		spoiled := maps.Clone(kept)
		delete(spoiled, key)
		if back, err := readSeal(spoiled, 1); err == nil {
			t.Errorf("without %s the seal has %d pairs", key, len(back.List))
		}
		spoiled[key] = []byte(strings.Replace(string(state), `"a_to_b_fen":`, `"a_to_b_fen":1`, 1))
		if _, err := readSeal(spoiled, 1); !errors.Is(err, ErrSeal) {
			t.Errorf("%s altered: %v", key, err)
		}
	}
}

// TestAuditOfParts: the audit takes a seal in parts, also one whose writing was cut off and
// begun again, and none that lacks a part or has another one.
func TestAuditOfParts(t *testing.T) {
	s := sealedAmong(t, 150)
	acts, err := s.acts(time.Unix(2e9, 0))
	if err != nil || len(acts) != 3 {
		t.Fatalf("%d acts, %v; want two parts and the close", len(acts), err)
	}
	before := *acts[2] // As a build without parts wrote it.
	if before.State, err = json.Marshal(s); err != nil {
		t.Fatal(err)
	}
	altered := *acts[1]
	altered.State = append([]byte{' '}, altered.State...)
	for _, c := range []struct {
		name  string
		acts  []*engine.Act
		found int
	}{
		{"whole", acts, 1},
		{"begun again", []*engine.Act{acts[0], acts[0], acts[1], acts[2]}, 1},
		{"cut off", acts[:2], 0},
		{"in one", []*engine.Act{&before}, 1},
		{"a part missing", []*engine.Act{acts[0], acts[2]}, -1},
		{"a part altered", []*engine.Act{acts[0], &altered, acts[2]}, -1},
	} {
		a := NewAudit()
		a.seals[1] = s
		var err error
		for _, act := range c.acts {
			if err == nil {
				err = a.acted(act)
			}
		}
		if c.found < 0 && !errors.Is(err, ErrSeal) || c.found >= 0 && (err != nil || a.found != c.found) {
			t.Errorf("%s: %d seals found, %v; want %d", c.name, a.found, err, c.found)
		}
	}
}
