// Package health keeps how well institutions have answered lately, so that the routing
// table's weights can lean away from one that fails or is slow. It is an option, off
// unless it is configured.
//
// It knows outcomes of links and durations. It may not know what was paid, and it never
// takes an institution out: a share stays above its floor, so that it is noticed when an
// institution is well again. Who may answer at all is the table's and the breaker's.
package health

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Limits are how fast and how far shares move.
type Limits struct {
	Enabled      bool          `yaml:"enabled"`
	HalfLife     time.Duration `yaml:"half_life"`     // After it, an answer counts half.
	LatencyGood  time.Duration `yaml:"latency_good"`  // A mean up to this costs no share.
	FloorPercent int           `yaml:"floor_percent"` // Of the stated weight; what an institution always keeps.
	AnswersMin   float64       `yaml:"answers_min"`   // With fewer, weighed by age, nothing is concluded.
}

// DefaultLimits are off.
func DefaultLimits() Limits {
	return Limits{HalfLife: 30 * time.Second, LatencyGood: time.Second, FloorPercent: 5, AnswersMin: 20}
}

// Validate reports every limit that makes no sense.
func (l *Limits) Validate() error {
	var faults []error
	if l.HalfLife <= 0 || l.LatencyGood <= 0 || l.AnswersMin < 1 {
		faults = append(faults, errors.New("health: half_life, latency_good and answers_min must be above zero"))
	}
	if l.FloorPercent < 1 || l.FloorPercent > 100 {
		faults = append(faults, errors.New("health: floor_percent must be 1 to 100"))
	}
	return errors.Join(faults...)
}

// Meter measures institutions. It is safe for concurrent use; reading a share takes no lock.
type Meter struct {
	limits Limits
	pulses map[string]*pulse
}

// pulse is what is remembered of one institution: sums in which old answers fade.
type pulse struct {
	mu        sync.Mutex
	at        time.Time // Of the last answer.
	all, good float64   // Answers.
	seconds   float64   // Of the good ones together.
	share     atomic.Int32
}

// New makes a meter of institutions, all of them well.
func New(limits Limits, institutions []string) *Meter {
	m := &Meter{limits: limits, pulses: make(map[string]*pulse, len(institutions))}
	for _, id := range institutions {
		m.pulses[id] = &pulse{}
		m.pulses[id].share.Store(100)
	}
	return m
}

// Observe takes one operation that institution answered, or did not: well is any explicit
// word, a decline too; took counts where it is well.
func (m *Meter) Observe(institution string, took time.Duration, well bool) {
	p := m.pulses[institution]
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	fade := math.Exp2(-now.Sub(p.at).Seconds() / m.limits.HalfLife.Seconds())
	p.all, p.good, p.seconds, p.at = p.all*fade+1, p.good*fade, p.seconds*fade, now
	if well {
		p.good++
		p.seconds += took.Seconds()
	}
	p.share.Store(int32(m.shareOf(p)))
}

// shareOf falls with the square of the rate of good answers, for a failure costs a payer
// more than a slow answer, and with the mean time of good answers beyond what is good.
func (m *Meter) shareOf(p *pulse) int {
	if p.all < m.limits.AnswersMin {
		return 100
	}
	rate := p.good / p.all
	share := 100 * rate * rate
	if mean := p.seconds / p.good; p.good > 0 && mean > m.limits.LatencyGood.Seconds() {
		share *= m.limits.LatencyGood.Seconds() / mean
	}
	return min(max(int(math.Round(share)), m.limits.FloorPercent), 100)
}

// Share is routing.Health's: the percentage of its stated weight that institution keeps.
func (m *Meter) Share(institution string) int {
	if p := m.pulses[institution]; p != nil {
		return int(p.share.Load())
	}
	return 100
}
