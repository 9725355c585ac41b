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

// allow takes one from institution's bucket, if there is one.
func (m *meters) allow(institution string, now time.Time) bool {
	found, ok := m.list.Load(institution)
	if !ok {
		found, _ = m.list.LoadOrStore(institution, &meter{bucket: rate.NewLimiter(rate.Limit(m.perSecond), m.burst)})
	}
	return found.(*meter).allow(now)
}

func (m *meter) allow(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.After(m.latest) {
		m.latest = now
	}
	return m.bucket.AllowN(m.latest, 1)
}
