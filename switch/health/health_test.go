package health

import (
	"testing"
	"testing/synctest"
	"time"

	"tongma/routing"
)

var _ routing.Health = (*Meter)(nil)

// meter gives what is left of an institution's share after answers of which every nth
// fails, each taking took.
func meter(answers, nth int, took time.Duration) *Meter {
	m := New(DefaultLimits(), []string{"lanternbank"})
	for i := range answers {
		m.Observe("lanternbank", took, nth == 0 || i%nth != 0)
	}
	return m
}

// Shares fall with failures and with slowness, and not on little evidence.
func TestShare(t *testing.T) {
	f := func(answers, nth int, took time.Duration, least, most int) {
		t.Helper()
		if got := meter(answers, nth, took).Share("lanternbank"); got < least || got > most {
			t.Errorf("%d answers, one of %d fails, %v each: share %d, want %d to %d", answers, nth, took, got, least, most)
		}
	}
	f(1000, 0, 10*time.Millisecond, 100, 100)
	f(10, 1, 0, 100, 100)
	f(1000, 1, 0, 5, 5)
	f(1000, 2, 10*time.Millisecond, 24, 26)
	f(1000, 10, 10*time.Millisecond, 80, 82)
	f(1000, 0, 2*time.Second, 50, 50)
	f(1000, 0, time.Minute, 5, 5)
	if got := meter(100, 1, 0).Share("nobody"); got != 100 {
		t.Errorf("of a stranger: %d", got)
	}
}

// What was long ago fades: a bank that is well again has its share back.
func TestShareRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := meter(200, 1, 0)
		for range 100 {
			time.Sleep(10 * time.Second)
			m.Observe("lanternbank", time.Millisecond, true)
			m.Observe("lanternbank", time.Millisecond, true)
			m.Observe("lanternbank", time.Millisecond, true)
			m.Observe("lanternbank", time.Millisecond, true)
			m.Observe("lanternbank", time.Millisecond, true)
		}
		if got := m.Share("lanternbank"); got < 99 {
			t.Errorf("share %d after a thousand seconds of good answers", got)
		}
	})
}
