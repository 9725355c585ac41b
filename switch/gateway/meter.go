package gateway

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// meters bounds what institutions do, each by a token bucket of its own.
type meters struct {
	perSecond float64
	burst     int
	list      sync.Map // *meter by institution.
}

// meter is one institution's bucket. Callers' instants come in any order; rate.Limiter would
// fill the bucket once more for each step back, so it is shown the latest only.
type meter struct {
	mu     sync.Mutex
	bucket *rate.Limiter
	latest time.Time
}

// of is institution's meter.
func (m *meters) of(institution string) *meter {
	found, ok := m.list.Load(institution)
	if !ok {
		fresh := &meter{bucket: rate.NewLimiter(rate.Limit(m.perSecond), m.burst)}
		found, _ = m.list.LoadOrStore(institution, fresh)
	}
	return found.(*meter)
}

// allow takes one from institution's bucket, if there is one.
func (m *meters) allow(institution string, now time.Time) bool {
	return m.of(institution).allow(now)
}

func (m *meter) allow(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bucket.AllowN(m.turn(now), 1)
}

// turn is now, or the latest instant, if that is later.
func (m *meter) turn(now time.Time) time.Time {
	if now.After(m.latest) {
		m.latest = now
	}
	return m.latest
}

// wait takes one from the bucket and says how long it takes to come in. That is most at most:
// then nothing is taken.
func (m *meter) wait(now time.Time, most time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now = m.turn(now)
	taken := m.bucket.ReserveN(now, 1)
	wait := taken.DelayFrom(now)
	if wait > most {
		taken.CancelAt(now)
	}
	return min(wait, most)
}
