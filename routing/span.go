package routing

import (
	"math"
	"time"
)

// span is a stretch of time [from, until) in seconds since 1970, UTC, or of amounts in
// fen, which are cut the same way.
type span struct {
	from, until int64
}

// always is the span without a beginning and without an end.
var always = span{math.MinInt64, math.MaxInt64}

func spanOf(from, until time.Time) span {
	s := always
	if !from.IsZero() {
		s.from = from.Unix()
	}
	if !until.IsZero() {
		s.until = until.Unix()
	}
	return s
}

func (s span) has(x int64) bool   { return s.from <= x && x < s.until }
func (s span) empty() bool        { return s.from >= s.until }
func (s span) covers(o span) bool { return s.from <= o.from && o.until <= s.until }

func (s span) and(o span) span {
	return span{max(s.from, o.from), min(s.until, o.until)}
}

// shanghai is China Standard Time. It has had no summer time since 1991, so a fixed
// offset serves and no zone database has to be present.
var shanghai = time.FixedZone("Asia/Shanghai", shanghaiOffset)

const (
	shanghaiOffset = 8 * 3600 // Seconds east of UTC.
	secondsPerDay  = 24 * 3600
)

// secondOfDay gives the seconds since midnight in Asia/Shanghai.
func secondOfDay(at int64) int64 {
	second := (at + shanghaiOffset) % secondsPerDay
	if second < 0 {
		second += secondsPerDay
	}
	return second
}

// window is when an institution does not answer: once, within span, or every day
// between two times of day in Asia/Shanghai, within span too.
type window struct {
	institution string
	target      int32 // Index in the register; -1 where unknown.
	span        span
	daily       bool
	start, end  int64 // Seconds after midnight; end before start runs over midnight.
	line        int
}

func (w *window) has(at int64) bool {
	if !w.span.has(at) {
		return false
	}
	if !w.daily {
		return true
	}
	second := secondOfDay(at)
	if w.start <= w.end {
		return w.start <= second && second < w.end
	}
	return second >= w.start || second < w.end
}
