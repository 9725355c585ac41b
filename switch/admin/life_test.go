package admin

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func digestOf(n int) string { return strings.Repeat(fmt.Sprintf("%08x", n), 8) }

// life is one table in use and one that li drafted.
func life(t *testing.T) *Life {
	t.Helper()
	l := new(Life)
	l.Import(Entry{Digest: digestOf(1)})
	if _, err := l.Draft(Entry{Digest: digestOf(2), DraftedBy: "li"}); err != nil {
		t.Fatal(err)
	}
	return l
}

func codeOf(err error) Code {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

// Every step that skips one before it is refused, and leaves the life as it was.
func TestLifeTakesNoShortCut(t *testing.T) {
	now := time.Now()
	f := func(want Code, step func(*Life) error) {
		t.Helper()
		l := life(t)
		before := fmt.Sprint(*l)
		if got := codeOf(step(l)); got != want {
			t.Errorf("refused with %q, want %q", got, want)
		}
		if after := fmt.Sprint(*l); after != before {
			t.Errorf("a refusal changed the life from %s to %s", before, after)
		}
	}
	two := digestOf(2)
	f(TableState, func(l *Life) error { return l.Activate(two, "wang", now) })
	f(TableState, func(l *Life) error { return l.Stage(two, 10, "wang", now) })
	f(SamePerson, func(l *Life) error { return l.Approve(two, "li", now) })
	f(PercentInvalid, func(l *Life) error { return l.Stage(two, 100, "wang", now) })
	f(TableUnknown, func(l *Life) error { return l.Approve("00000002"+"ff", "wang", now) })
	f(TableUnknown, func(l *Life) error { return l.Approve("0000", "wang", now) })
	f(TableState, func(l *Life) error { return l.Approve(digestOf(1), "wang", now) })
	f(NothingBefore, func(l *Life) error { _, err := l.Rollback("wang", now); return err })
	f(TableKnown, func(l *Life) error { _, err := l.Draft(Entry{Digest: two, DraftedBy: "wang"}); return err })
}

// A table with errors never leaves the draft.
func TestFaultyDraftIsNotApproved(t *testing.T) {
	l := life(t)
	if _, err := l.Draft(Entry{Digest: digestOf(3), DraftedBy: "li", Errors: 2}); err != nil {
		t.Fatal(err)
	}
	if got := codeOf(l.Approve(digestOf(3), "wang", time.Now())); got != TableFaulty {
		t.Errorf("refused with %q", got)
	}
}

// What was rolled back comes back only with a new approval.
func TestRollbackNeedsApprovalAnew(t *testing.T) {
	l, now, two := life(t), time.Now(), digestOf(2)
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(l.Approve(two, "wang", now))
	do(l.Stage(two, 10, "li", now))
	do(l.Stage(two, 50, "li", now))
	do(l.Activate(two, "li", now))
	if l.Active != two || l.Previous != digestOf(1) || l.Staged != "" {
		t.Errorf("active: %+v", l)
	}
	if _, err := l.Rollback("li", now); err != nil || l.Active != digestOf(1) || l.Previous != "" {
		t.Errorf("rolled back: %+v, %v", l, err)
	}
	if got := codeOf(l.Activate(two, "li", now)); got != TableState {
		t.Errorf("activated again: %q", got)
	}
	do(l.Approve(two, "wang", now))
	do(l.Activate(two, "li", now))
}

// The oldest that nobody needs is forgotten; what is in use never.
func TestOldTablesAreForgotten(t *testing.T) {
	l := life(t)
	for n := 3; n < 3*tablesMax; n++ {
		forgotten, err := l.Draft(Entry{Digest: digestOf(n), DraftedBy: "li"})
		if err != nil || forgotten == l.Active {
			t.Fatal(forgotten, err)
		}
	}
	if _, err := l.Find(l.Active); err != nil || len(l.Tables) != tablesMax {
		t.Errorf("%d tables are kept, %v", len(l.Tables), err)
	}
}
