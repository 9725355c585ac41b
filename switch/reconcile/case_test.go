package reconcile

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// The identity of a discrepancy is its class and its rows: not where their files stand, nor
// on which day it is found again.
func TestIdentityIsOfClassAndRows(t *testing.T) {
	base := Discrepancy{Class: "short", Rule: "id", Amount: 100, Left: &Line{Path: "/day1/ours.csv", Text: "A,100", Amount: 100, ID: "A"}}
	identity := func(change func(d *Discrepancy, left *Line)) string {
		d, left := base, *base.Left
		d.Left = &left
		change(&d, &left)
		c, err := CaseOf(&d)
		if err != nil {
			t.Fatal(err)
		}
		return c.Identity()
	}
	want := identity(func(*Discrepancy, *Line) {})
	if len(want) != 32 {
		t.Errorf("identity %q has %d characters, want 32", want, len(want))
	}
	same := func(reason string, change func(d *Discrepancy, left *Line)) {
		t.Helper()
		if identity(change) != want {
			t.Errorf("%s: the identity is another", reason)
		}
	}
	other := func(reason string, change func(d *Discrepancy, left *Line)) {
		t.Helper()
		if identity(change) == want {
			t.Errorf("%s: the identity is the same", reason)
		}
	}
	same("another folder", func(_ *Discrepancy, left *Line) { left.Path = "/day2/ours.csv" })
	same("another place", func(_ *Discrepancy, left *Line) { left.Offset = 9 })
	same("a day later", func(d *Discrepancy, _ *Line) { d.AgeDays = 1 })
	same("under another rule", func(d *Discrepancy, _ *Line) { d.Rule = "loose" })
	other("another row", func(_ *Discrepancy, left *Line) { left.Text = "A,101" })
	other("another class", func(d *Discrepancy, _ *Line) { d.Class = "status" })
	other("the other side's row", func(d *Discrepancy, left *Line) { d.Class, d.Left, d.Right = "long", nil, left })
}

// TestHostileCases: each line that is no case has its code, and the others are taken.
func TestHostileCases(t *testing.T) {
	good := `{"class":"short","left":{"text":"A,1","amount":1,"id":"A"}}`
	f := func(line, want string) {
		t.Helper()
		var got []string
		err := ReadCases(strings.NewReader(line+"\n"+good), func(_ int, c *Case, fault error) error {
			var e *CaseError
			switch {
			case errors.As(fault, &e):
				got = append(got, e.Code)
			case fault != nil || c == nil:
				got = append(got, "broken")
			default:
				got = append(got, c.Class)
			}
			return nil
		})
		if err != nil || strings.Join(got, " ") != strings.TrimSpace(want+" short") {
			t.Errorf("%.60q: got %v, %v, want %q", line, got, err, want)
		}
	}
	f(good, "short")
	f("", "")
	f("   \r", "")
	f("{", CaseMalformed)
	f("[]", CaseMalformed)
	f("null", ClassUnknown)
	f("\x00", CaseMalformed)
	f(`{"class":"\ud800"}`, ClassUnknown)
	f(`{"class":"matched","left":{}}`, ClassUnknown)
	f(`{"class":"short","right":{"id":"A"}}`, CaseInvalid)
	f(`{"class":"long","left":{"id":"A"}}`, CaseInvalid)
	f(`{"class":"amount"}`, CaseInvalid)
	f(`{"class":"short","amount":1e3,"left":{"id":"A"}}`, CaseMalformed)
	f(`{"class":"short","amount":9223372036854775807,"left":{"id":"A"}}`, CaseInvalid)
	f(`{"class":"short","amount":-9223372036854775808,"left":{"id":"A"}}`, CaseInvalid)
	f(`{"class":"short","age_days":-1,"left":{"id":"A"}}`, CaseInvalid)
	f(`{"class":"short","left":{"id":"`+strings.Repeat("A", caseTextMax+1)+`"}}`, CaseInvalid)
	f(`{"class":"short","left":{"id":"A","offset":-1}}`, CaseInvalid)
	f(strings.Repeat("[", 100_000), CaseMalformed)
	f(strings.Repeat("x", caseLineMax+1), CaseTooLong)
	bad := Case{Class: "short", Left: &Evidence{SHA256: "zz"}}
	if err := bad.Validate(); err == nil {
		t.Error("a digest that is none is taken")
	}
	bad.Left.SHA256, bad.Left.Amount = strings.Repeat("0", 64), math.MinInt64
	if err := bad.Validate(); err == nil {
		t.Error("an amount beyond all sums is taken")
	}
}

// A case carries no raw row: those may name payers.
func TestACaseCarriesNoRow(t *testing.T) {
	c, err := CaseOf(&Discrepancy{Class: "amount", Left: &Line{Path: "a", Text: "id,SECRET", ID: "id"}, Right: &Line{Path: "b", Text: "id,SECRET"}})
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := json.Marshal(c); strings.Contains(string(text), "SECRET") {
		t.Errorf("the case holds the row: %s", text)
	}
}

// The table of remedies is whole: every class proposes something, and what a person may ask
// for is what the switch takes.
func TestRemediesAreWhole(t *testing.T) {
	for c := Long; int(c) < classCount; c++ {
		r := c.Remedy()
		if r.word == "" || r.action == "" || r.Called == "" || r.Caller == "" {
			t.Errorf("class %s has the remedy %+v", c, r)
		}
		for _, action := range r.May {
			if !Taken(action) {
				t.Errorf("class %s may %s, which the switch does not take", c, action)
			}
		}
		if Taken(r.Called) && !slices.Contains(r.May, r.Called) {
			t.Errorf("class %s may not ask for its own first action", c)
		}
		if got, known := ParseClass(c.String()); !known || got != c {
			t.Errorf("class %s is read as %s", c, got)
		}
	}
}

func FuzzReadCases(f *testing.F) {
	f.Add([]byte(`{"class":"short","left":{"text":"A,1","amount":1,"id":"A"}}` + "\n"))
	f.Add([]byte("null\n{}\n\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		last := 0
		err := ReadCases(strings.NewReader(string(text)), func(line int, c *Case, fault error) error {
			if (c == nil) == (fault == nil) || line <= last {
				t.Errorf("line %d after %d: %v, %v", line, last, c, fault)
			}
			if last = line; c != nil && c.Validate() != nil {
				t.Errorf("line %d gives a case that is not valid", line)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
