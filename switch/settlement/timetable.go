package settlement

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Timetable says when windows close by themselves, and when they settle.
type Timetable struct {
	CutOffs     []string `yaml:"cut_offs"`     // Times of each business day, Asia/Shanghai, as 11:30 or 23:59:59; none closes by hand only.
	SettleAfter int      `yaml:"settle_after"` // Business days from the cut-off to the value date: 1 is T+1.
	Calendar    string   `yaml:"calendar"`     // File of holidays and workdays, YAML; empty for weekends alone.
	Statements  string   `yaml:"statements"`   // Directory that statements are written to.
	Key         string   `yaml:"key"`          // File of the private key that signs sealed closes, PEM; empty for none. See the command key.
	KeepBlocks  int      `yaml:"keep_blocks"`  // The fold is kept once in so many blocks, so that a start reads the journal from there.
}

// DefaultTimetable closes by hand and settles a business day later.
func DefaultTimetable() Timetable {
	return Timetable{SettleAfter: 1, Statements: "statements", KeepBlocks: 20_000}
}

// settleAfterMax bounds the days to the value date.
const settleAfterMax = 10

// Validate reports every fault of t at once.
func (t *Timetable) Validate() error {
	var faults []error
	for _, text := range t.CutOffs {
		if _, err := timeOfDay(text); err != nil {
			faults = append(faults, err)
		}
	}
	if t.SettleAfter < 0 || t.SettleAfter > settleAfterMax {
		faults = append(faults, fmt.Errorf("settlement: settle_after is %d, want 0 to %d", t.SettleAfter, settleAfterMax))
	}
	if t.KeepBlocks <= 0 {
		faults = append(faults, errors.New("settlement: keep_blocks is not above zero"))
	}
	if t.Statements == "" {
		faults = append(faults, errors.New("settlement: statements names no directory"))
	}
	return errors.Join(faults...)
}

func timeOfDay(text string) (time.Duration, error) {
	for _, layout := range [...]string{"15:04", time.TimeOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second, nil
		}
	}
	return 0, fmt.Errorf("settlement: cut-off %q is no time of day, want 23:30", text)
}

// dates are the business date of a window and its value date. They follow from when it was
// due: a close that is late by a moment, over midnight, or by days while the switch stood
// still, is of the day that it was to close. But nothing settles before it was closed.
func (t *Timetable) dates(calendar *Calendar, due, closed time.Time) (date, value string) {
	return calendar.After(due, 0), max(calendar.After(due, t.SettleAfter), calendar.After(closed, 0))
}

// Next is the first cut-off after at; the zero time where there is none. A window that was
// to be closed while the switch stood still is closed when it starts again: what decides
// is the journal's order, not the time.
func (t *Timetable) Next(calendar *Calendar, at time.Time) time.Time {
	var times []time.Duration
	for _, text := range t.CutOffs {
		if of, err := timeOfDay(text); err == nil {
			times = append(times, of)
		}
	}
	slices.Sort(times)
	local := at.In(Shanghai)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, Shanghai)
	for day := range daysMax {
		on := midnight.AddDate(0, 0, day)
		if !calendar.Business(on) {
			continue
		}
		for _, of := range times {
			if due := on.Add(of); due.After(at) {
				return due.UTC()
			}
		}
	}
	return time.Time{}
}
