package settlement

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
)

// Shanghai is where business dates and cut-off times are told. China has had one zone and
// no summer time since 1991, so that the offset is the whole of it.
var Shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

const dateLayout = time.DateOnly

// Calendar says which days are business days: Monday to Friday are, without the holidays,
// and with the days that are worked instead. The State Council announces both each year.
type Calendar struct {
	Holidays []string `yaml:"holidays"` // Dates that are not worked though they fall on a weekday.
	Workdays []string `yaml:"workdays"` // Saturdays and Sundays that are worked.
}

// LoadCalendar reads a calendar, YAML with the lists holidays and workdays.
func LoadCalendar(text []byte) (Calendar, error) {
	var c Calendar
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&c); err != nil {
		return c, fmt.Errorf("settlement: cannot read the calendar: %w", err)
	}
	return c, c.Validate()
}

// Validate reports every fault of c at once.
func (c *Calendar) Validate() error {
	var faults []error
	check := func(list []string, weekend bool, what string) {
		for _, text := range list {
			day, err := time.Parse(dateLayout, text)
			switch {
			case err != nil:
				faults = append(faults, fmt.Errorf("settlement: calendar: %q is no date, want 2026-10-01", text))
			case isWeekend(day) != weekend:
				faults = append(faults, fmt.Errorf("settlement: calendar: %s is a %s, which needs no %s", text, day.Weekday(), what))
			}
		}
	}
	check(c.Holidays, false, "holiday")
	check(c.Workdays, true, "workday")
	return errors.Join(faults...)
}

func isWeekend(day time.Time) bool {
	return day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
}

// Business reports whether the day of at, in Shanghai, is a business day.
func (c *Calendar) Business(at time.Time) bool {
	day := at.In(Shanghai)
	text := day.Format(dateLayout)
	if isWeekend(day) {
		return slices.Contains(c.Workdays, text)
	}
	return !slices.Contains(c.Holidays, text)
}

// daysMax bounds how far a next business day is looked for: no holiday is so long.
const daysMax = 60

// After is the date that is n business days after the day of at: T+n. With n 0 it is that
// day, or the next business day where it is none.
func (c *Calendar) After(at time.Time, n int) string {
	day := at.In(Shanghai)
	for range daysMax {
		if c.Business(day) {
			if n == 0 {
				break
			}
			n--
		}
		day = day.AddDate(0, 0, 1)
		if n == 0 && c.Business(day) {
			break
		}
	}
	return day.Format(dateLayout)
}
