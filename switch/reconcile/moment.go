package reconcile

import "errors"

var errMoment = errors.New("time is not a valid moment of the layout")

// clock reads moments in one written form. Digits are taken in the order year, month,
// day, hour, minute, second; whatever stands between them is skipped, so that
// 20261124103015, 2026-11-24 10:30:15 and 2026/11/24T10:30:15 are one form. A date alone
// is midnight. With yearless the text starts at the month, and year is taken from the
// layout.
type clock struct {
	yearless bool
	year     int64
	east     int64 // Seconds to add: Shanghai's, for moments in UTC.

	date  [10]byte // The last one read by the short way, and its first second.
	first int64
}

// shanghaiSeconds is how far Asia/Shanghai is ahead of UTC, without daylight saving time
// since 1991.
const shanghaiSeconds = 8 * 3600

// read is parse with a short way for 2026-11-24 10:30:15, whose date is mostly the one of
// the row before.
func (c *clock) read(text []byte) (int64, error) {
	if len(text) != 19 || c.yearless || text[13] != ':' || text[16] != ':' {
		return c.parse(text)
	}
	if string(c.date[:]) != string(text[:10]) {
		second, err := c.parse(text[:10])
		if err != nil {
			return c.parse(text)
		}
		copy(c.date[:], text)
		c.first = second
	}
	hour, minute, second := twoDigits(text[11:]), twoDigits(text[14:]), twoDigits(text[17:])
	if hour > 23 || minute > 59 || second > 59 || text[10] >= '0' && text[10] <= '9' {
		return c.parse(text) // Which says what is wrong, or reads another form.
	}
	return c.first + hour*3600 + minute*60 + second, nil
}

// twoDigits reads two digits; anything else is far above what a clock shows.
func twoDigits(text []byte) int64 {
	a, b := uint64(text[0])-'0', uint64(text[1])-'0'
	if a > 9 || b > 9 {
		return 1000
	}
	return int64(a*10 + b)
}

// parse returns seconds of the wall clock since 1970-01-01 00:00:00.
func (c *clock) parse(text []byte) (int64, error) {
	var digits [14]int64
	n := 0
	for _, b := range text {
		if b >= '0' && b <= '9' && n < len(digits) {
			digits[n] = int64(b - '0')
			n++
		}
	}
	at, year := 0, c.year
	if !c.yearless {
		year = digits[0]*1000 + digits[1]*100 + digits[2]*10 + digits[3]
		at = 4
	}
	if n != at+4 && n != at+8 && n != at+10 {
		return 0, errMoment
	}
	two := func(i int) int64 { return digits[at+i]*10 + digits[at+i+1] }
	month, day := two(0), two(2)
	var hour, minute, second int64
	if n >= at+8 {
		hour, minute = two(4), two(6)
	}
	if n == at+10 {
		second = two(8)
	}
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour > 23 || minute > 59 || second > 59 {
		return 0, errMoment
	}
	return dayNumber(year, month, day)*secondsPerDay + hour*3600 + minute*60 + second, nil
}

// dayNumber counts days from 1970-01-01 in the Gregorian calendar (Hinnant, days from
// civil: the year starts in March, so that the leap day is its last).
func dayNumber(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

func daysIn(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}
