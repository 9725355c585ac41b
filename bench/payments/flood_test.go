package payments

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestValidate says everything that is wrong with the flags.
func TestValidate(t *testing.T) {
	good := options{rounds: 30, requests: 1, clients: 1, seconds: 2, queries: 10000, rate: 500, together: 10}
	for _, c := range []struct {
		change func(o *options)
		want   string // Words of the error; empty for none.
	}{
		{func(o *options) {}, ""},
		{func(o *options) { o.queries, o.rate, o.rounds = 0, 0, 1000 }, ""},
		{func(o *options) { o.queries, o.seconds = 0, 61 }, "-seconds"},
		{func(o *options) { o.rounds, o.clients = 0, -1 }, "-rounds -clients"},
		{func(o *options) { o.requests, o.seconds, o.together, o.queries = 0, 0, 0, -1 }, "-requests -seconds -together -queries"},
		{func(o *options) { o.rate = math.NaN() }, "-rate"},
		{func(o *options) { o.rate = math.Inf(1) }, "-rate"},
		{func(o *options) { o.rate = 49 }, "-rate"},
		{func(o *options) { o.rate = 50_000 }, "-rate"},
		{func(o *options) { o.queries, o.together = 20_000, 20_000 }, "-together"},
		{func(o *options) { o.queries, o.seconds = math.MaxInt/2, math.MaxInt/2 }, "-queries -seconds"},
		{func(o *options) { o.queries, o.seconds = 0, math.MaxInt/2 }, "-seconds"},
		{func(o *options) { o.rounds, o.queries = 40, 49 }, "rounds together"},
		{func(o *options) { o.rounds = math.MaxInt }, "rounds"},
	} {
		o := good
		c.change(&o)
		err := o.validate()
		if (err != nil) != (c.want != "") {
			t.Errorf("%+v: %v", o, err)
		}
		for _, word := range strings.Fields(c.want) {
			if err != nil && !strings.Contains(err.Error(), word) {
				t.Errorf("%+v: %v, want something about %s", o, err, word)
			}
		}
	}
}

// TestTurnOf: a rate that does not divide a turn drifts into no other turn.
func TestTurnOf(t *testing.T) {
	s := sending{rate: 50.3}
	counted := make([]int, 91)
	for i := range int(s.rate * 2 * 91) {
		if turn, counts := turnOf(s.due(i), 2*time.Second); counts {
			counted[turn]++
		}
	}
	if low, high := slices.Min(counted), slices.Max(counted); low < 94 || high > 96 {
		t.Errorf("turns of 1.9 s hold %d to %d payments, want 95 or so", low, high)
	}
}

// TestOrders: within six rounds each setting comes twice in each place, and each has each other
// before it as often, but for where rounds meet.
func TestOrders(t *testing.T) {
	var places, before [3][3]int
	for _, order := range orders {
		for place, s := range order {
			places[place][s]++
			if place > 0 {
				before[order[place-1]][s]++
			}
		}
	}
	for a := range 3 {
		for b := range 3 {
			if places[a][b] != 2 || a != b && before[a][b] != 2 {
				t.Errorf("%d is in place %d %d times and before %d %d times, want 2", b, a, places[a][b], b, before[a][b])
			}
		}
	}
}

// TestBetween: the draws hold the ratio measured, and more rounds leave less open.
func TestBetween(t *testing.T) {
	rounds := func(n int, slowest time.Duration) *setting {
		s := &setting{}
		for i := range n {
			h := newHistogram()
			for k := range 1000 {
				if err := h.RecordValue(int64(slowest) * int64(k+1+i%5*20) / 1000); err != nil {
					t.Fatal(err)
				}
			}
			s.payments = append(s.payments, h)
		}
		return s
	}
	open := func(n int) float64 {
		from, to := between(rounds(n, 12*time.Millisecond), rounds(n, 10*time.Millisecond))
		if from > 1.2 || to < 1.2 {
			t.Errorf("%d rounds: between %.3f and %.3f, want 1.2 in it", n, from, to)
		}
		return to - from
	}
	if few, many := open(5), open(50); many > few {
		t.Errorf("fifty rounds leave %.3f open, five %.3f", many, few)
	}
}
