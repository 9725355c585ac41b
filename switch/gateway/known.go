package gateway

import (
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tongma/switch/payment"
)

// known meters the questions how a payment stands, and answers those over the limit from what
// it was told last. A flood of questions costs the engine a few of them a second for each
// payment, and the payments under way nothing else.
//
// Up to the limit every answer is the engine's own of this instant; over it, it is at most a
// second old.
type known struct {
	perPayment int
	seed       maphash.Seed
	shards     [knownShards]knownShard
	budgets    sync.Map // *rate.Limiter by institution: questions that reach the engine.
}

const knownShards = 64

// knownShard remembers the questions of this second and of the one before.
type knownShard struct {
	mu       sync.Mutex
	second   int64 // Unix time of now.
	now, old map[string]*asked
}

// asked is one payment that was asked about.
type asked struct {
	second int64 // Of count.
	count  int   // Questions in that second.
	told   bool
	answer payment.Payment
}

func newKnown(perPayment int) *known {
	k := &known{perPayment: perPayment, seed: maphash.MakeSeed()}
	for i := range k.shards {
		k.shards[i].now, k.shards[i].old = map[string]*asked{}, map[string]*asked{}
	}
	return k
}

func (k *known) shard(key string) *knownShard {
	return &k.shards[maphash.String(k.seed, key)%knownShards]
}

// answer gives what is known under key if it was asked for too often this second, or if the
// institution that asks has spent its budget; false where the engine is to be asked. Its legs
// are not to be written to.
func (k *known) answer(key string, now time.Time, budget *rate.Limiter) (payment.Payment, bool) {
	s := k.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.ask(key, now)
	if a.told && (a.count > k.perPayment || !budget.AllowN(now, 1)) {
		return a.answer, true
	}
	return payment.Payment{}, false
}

// ask counts one question under key.
func (s *knownShard) ask(key string, now time.Time) *asked {
	s.turn(now.Unix())
	a := s.now[key]
	if a == nil {
		if a = s.old[key]; a == nil {
			a = &asked{}
		}
		s.now[key] = a
	}
	if a.second != s.second {
		a.second, a.count = s.second, 0
	}
	a.count++
	return a
}

// MayAsk reports whether one question more about the payment id, of or to institution, is
// within the limits, and counts it. People who have an institution asked share them with the
// institutions' own questions.
func (g *Gateway) MayAsk(institution string, id payment.ID) bool {
	now := time.Now()
	return g.known.count(string(id), now) <= g.known.perPayment && g.budget(institution).AllowN(now, 1)
}

// count counts one question under key and says how many there were this second.
func (k *known) count(key string, now time.Time) int {
	s := k.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ask(key, now).count
}

// tell remembers the engine's answer.
func (k *known) tell(key string, p *payment.Payment) {
	s := k.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.now[key]; a != nil {
		a.answer, a.told = *p, true
	}
}

// turn forgets what nobody asked about for a second.
func (s *knownShard) turn(second int64) {
	switch {
	case second == s.second:
		return
	case second == s.second+1:
		s.old, s.now = s.now, s.old
	default:
		clear(s.old)
	}
	clear(s.now)
	s.second = second
}

// budget is the institution's own.
func (g *Gateway) budget(institution string) *rate.Limiter {
	if l, ok := g.known.budgets.Load(institution); ok {
		return l.(*rate.Limiter)
	}
	m := &g.options.Limits
	l, _ := g.known.budgets.LoadOrStore(institution,
		rate.NewLimiter(rate.Limit(m.QueriesPerSecond), int(m.QueriesPerSecond)+1))
	return l.(*rate.Limiter)
}
