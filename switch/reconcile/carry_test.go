package reconcile

import (
	"fmt"
	"strings"
	"testing"
)

// TestOpenRowsAreCarried over four days: a row that arrives a day late closes the one that
// waited for it, the others age, escalate, and are given up.
func TestOpenRowsAreCarried(t *testing.T) {
	store := t.TempDir()
	plan := planOf(t, byID+"carry: {days_max: 3, escalate: [{days: 1, action: ask}, {days: 2, action: claim}]}\n")
	day := func(date, left, right string) (string, *Summary) {
		t.Helper()
		at, err := ParseDay(date)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		sum, err := Run(t.Context(), side(t, "left", header+left), side(t, "right", header+right), plan,
			Options{Carry: &Carry{Directory: store, Day: at}}, func(d *Discrepancy) error {
				line := d.Left
				if line == nil {
					line = d.Right
				}
				action, _, _ := strings.Cut(d.Action, " ")
				lines = append(lines, fmt.Sprintf("%s %s %d %s", d.Class, line.Text[:1], d.AgeDays, action))
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, ", "), sum
	}
	row := func(id, date string) string { return id + ",1.00,0,156,S," + date + "230000,M\n" }
	check := func(got, want string, sum *Summary, closed, carried, expired int64) {
		t.Helper()
		if got != want || sum.Closed.Rows != closed || sum.Carried.Rows != carried || sum.Expired.Rows != expired {
			t.Errorf("got %q, %d closed, %d carried, %d expired; want %q, %d, %d, %d", got, sum.Closed.Rows,
				sum.Carried.Rows, sum.Expired.Rows, want, closed, carried, expired)
		}
	}
	for range 2 { // A day may be run again.
		got, sum := day("2026-11-24", row("A", "20261124")+row("B", "20261124")+row("C", "20261124"), row("C", "20261124")+row("D", "20261124"))
		check(got, "short A 0 wait, short B 0 wait, long D 0 query", sum, 0, 3, 0)
	}
	for range 2 { // A comes a day late, under that day's date; D turns up with another amount.
		got, sum := day("2026-11-25", row("E", "20261125")+strings.Replace(row("D", "20261125"), "1.00", "2.00", 1), row("A", "20261125")+row("E", "20261125"))
		check(got, "amount D 1 propose, short B 1 ask", sum, 1, 1, 0)
	}
	got, sum := day("2026-11-26", "", "")
	check(got, "short B 2 claim", sum, 0, 1, 0)
	got, sum = day("2026-11-27", "", "")
	check(got, "short B 3 claim", sum, 0, 0, 1)
	got, sum = day("2026-11-28", "", "")
	check(got, "", sum, 0, 0, 0)
}

// TestFilesAsTheyCome: the runs of a day close what those before left open, so that its end
// has only the rest.
func TestFilesAsTheyCome(t *testing.T) {
	store, plan := t.TempDir(), planOf(t, byID+"totals_by: party\n")
	at, _ := ParseDay("2026-11-24")
	row := func(id string) string { return id + ",1.00,0,156,S,20261124100000,M\n" }
	for cycle, c := range []struct {
		left, right     string
		carried, closed int64
	}{
		{row("A") + row("B"), row("A"), 1, 0},
		{row("C") + row("D"), row("B") + row("D"), 1, 1},
		{row("E"), row("E") + row("F"), 2, 0},
		{row("F"), row("C"), 0, 2},
	} {
		sum, err := Run(t.Context(), side(t, "left", header+c.left), side(t, "right", header+c.right), plan,
			Options{Carry: &Carry{Directory: store, Day: at, Cycle: cycle + 1}}, func(*Discrepancy) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if sum.Carried.Rows != c.carried || sum.Closed.Rows != c.closed {
			t.Errorf("cycle %d: %+v", cycle+1, sum)
		}
		if cycle == 0 && (len(sum.Groups) != 1 || sum.Groups[0].Left.Rows != 2 || sum.Groups[0].Right.Amount != 100) {
			t.Errorf("totals are %+v", sum.Groups)
		}
	}
}
