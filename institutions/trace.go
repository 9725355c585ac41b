package institutions

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Trace makes short trace references for dialects whose messages have no room for ours:
// 12 digits, never the same twice in a day of Asia/Shanghai, under any concurrency. It
// counts microseconds of the day, and goes on counting where two fall into one.
type Trace struct{ last atomic.Int64 }

// shanghai is a fixed zone: the day of a business date there has had 24 hours since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

const dayMicros = 24 * 60 * 60 * 1_000_000

// Next returns the next reference at now.
func (t *Trace) Next(now time.Time) string {
	local := now.In(shanghai)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, shanghai)
	day := local.Unix() + 8*60*60
	at := day/(24*60*60)*dayMicros + local.Sub(midnight).Microseconds()
	for {
		last := t.last.Load()
		next := max(at, last+1)
		if t.last.CompareAndSwap(last, next) {
			return fmt.Sprintf("%012d", next%dayMicros)
		}
	}
}
