package engine

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"tongma/switch/payment"
)

// TestTimersComeInOrder sets and takes entries at random, most of them in the order of
// their times, and holds every one that comes due against a plain sorted list.
func TestTimersComeInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var have timers
	var want []int64
	now, serial := int64(1e9), 0
	for range 20_000 {
		now += int64(random.IntN(50))
		switch at := now + 1000; random.IntN(8) {
		case 0:
			at = now + int64(random.IntN(1000))
			fallthrough
		case 1, 2, 3:
			serial++
			have.set(at, payment.ID(strconv.FormatInt(at, 10)))
			want = append(want, at)
			slices.Sort(want)
		case 4, 5, 6:
			if len(want) > 0 && have.next(time.Unix(0, now), time.Hour) != time.Duration(max(0, want[0]-now)) {
				t.Fatalf("next in %s, want in %d ns", have.next(time.Unix(0, now), time.Hour), want[0]-now)
			}
		case 7:
			for id, ok := have.due(time.Unix(0, now)); ok; id, ok = have.due(time.Unix(0, now)) {
				if len(want) == 0 || string(id) != strconv.FormatInt(want[0], 10) || want[0] > now {
					t.Fatalf("at %d came %s, want %v", now, id, want[:min(3, len(want))])
				}
				want = want[1:]
			}
			if len(want) > 0 && want[0] <= now {
				t.Fatalf("at %d nothing came, want %d", now, want[0])
			}
		}
	}
	if serial < 5000 || len(have.queue.pieces) > 2 {
		t.Errorf("%d entries set, %d pieces kept", serial, len(have.queue.pieces))
	}
}
