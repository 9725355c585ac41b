package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tongma/switch/settlement"
	"tongma/switch/stage"
)

// TestTimetable lets the real binary close windows by itself: one that is due while it
// runs, and one that fell due while it stood still.
func TestTimetable(t *testing.T) {
	net := network(t, "", &stage.Member{ID: "harbourbank", Extra: quick})
	if err := net.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	lines, address := people(t, net.Directory, "li")
	now := time.Now().In(settlement.Shanghai)
	first, second := now.Add(2*time.Second).Truncate(time.Second), now.Add(5*time.Second).Truncate(time.Second)
	// Midnight in Shanghai may lie between: today and tomorrow are worked, whatever they are.
	calendar := "holidays: []\nworkdays: ["
	for _, day := range []time.Time{now, now.AddDate(0, 0, 1)} {
		if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
			calendar += day.Format(time.DateOnly) + ", "
		}
	}
	calendar = strings.TrimSuffix(calendar, ", ") + "]\n"
	if err := os.WriteFile(filepath.Join(net.Directory, "calendar.yaml"), []byte(calendar), 0o600); err != nil {
		t.Fatal(err)
	}
	lines += fmt.Sprintf("\nsettlement: {calendar: calendar.yaml, settle_after: 0, cut_offs: [\"%s\", \"%s\"]}\n",
		second.Format(time.TimeOnly), first.Format(time.TimeOnly))
	// The journal of this stage began before: the window is open since then.
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	li, client := person(t, net, address, "li"), net.Client("corneracquirer")
	pay := func(id string) {
		t.Helper()
		if p, err := client.Pay(map[string]any{"request_id": id, "code": unionpayCode, "amount_fen": 100}); err != nil || p.Status != "approved" {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	window := func(number int) settlement.Window {
		t.Helper()
		for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
			var life settlement.Life
			if err := li.Do("GET", "/admin/v1/windows", nil, &life); err != nil {
				t.Fatal(err)
			}
			if len(life.Windows) > number && life.Windows[number-1].State == settlement.Sealed {
				return life.Windows[number-1]
			}
			if time.Since(began) > 20*time.Second {
				t.Fatalf("window %d is not closed: %+v", number, life.Windows)
			}
		}
	}
	check := func(w settlement.Window, due time.Time) {
		t.Helper()
		settles := max(w.Date, w.ClosedAt.In(settlement.Shanghai).Format(time.DateOnly)) // A close that is late settles late.
		if w.Payments != 1 || w.ClosedBy != "timetable" || w.Date != due.Format(time.DateOnly) || w.ValueDate != settles || w.ClosedAt.Before(due) {
			t.Errorf("window %+v, due %s", w, due)
		}
	}
	pay("t1")
	check(window(1), first)
	pay("t2")
	net.Switch.Kill()
	time.Sleep(time.Until(second))
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	check(window(2), second)
	if err := net.Switch.Stop(); err != nil {
		t.Error(err)
	}
	verifyJournal(t, net)
}
