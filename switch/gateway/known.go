package gateway

import (
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tongma/switch/payment"
)

// known meters the questions how a payment stands, and answers those over the limits from what
// it was told last. A flood of questions costs the engine a few of them a second for each
// payment and so many for each institution, and the payments under way nothing else.
//
// Within the limits every answer is the engine's own of this instant. Over that of the payment
// it is at most a second old; over that of the institution as old as its answer may be.
type known struct {
	perPayment int
	perSecond  float64
	seed       maphash.Seed
	shards     [knownShards]knownShard
	budgets    sync.Map // *rate.Limiter by institution: questions that reach the engine.
}

const (
	knownShards = 64
	knownMax    = 1024 // Payments of one shard and second; those beyond are not kept.

	knownOpen  = 5 * time.Second // How old the answer about a payment may be that has not ended,
	knownEnded = time.Minute     // and about one that has: only what was refunded can still change.
)

// knownShard remembers the questions of this second and of the one before.
type knownShard struct {
	mu       sync.Mutex
	second   int64 // Unix time of now.
	now, old map[string]*asked
}

// asked is one payment that was asked about.
type asked struct {
	second int64            // Of count.
	count  int              // Questions in that second.
	answer *payment.Payment // The engine's last; nil for none. Nobody writes to it.
	told   time.Time        // When the question was put that answer answers.
}

func newKnown(perPayment int, perSecond float64) *known {
	k := &known{perPayment: perPayment, perSecond: perSecond, seed: maphash.MakeSeed()}
	for i := range k.shards {
		k.shards[i].now, k.shards[i].old = map[string]*asked{}, map[string]*asked{}
	}
	return k
}

func (k *known) shard(key string) *knownShard {
	return &k.shards[maphash.String(k.seed, key)%knownShards]
}

// answer counts institution's question under key. Where mayAsk is false the engine is not to be
// asked, and p is what is known; nil where that is nothing, or too old. Nobody may write to it.
func (k *known) answer(key, institution string, now time.Time) (p *payment.Payment, mayAsk bool) {
	s := k.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.ask(key, now)
	if a.count <= k.perPayment && k.budget(institution).AllowN(now, 1) {
		return nil, true
	}
	if a.answer == nil || now.Sub(a.told) > knownFor(a.answer) {
		return nil, false
	}
	return a.answer, false
}

func knownFor(p *payment.Payment) time.Duration {
	if p.Status.Final() {
		return knownEnded
	}
	return knownOpen
}

// ask counts one question under key.
func (s *knownShard) ask(key string, now time.Time) *asked {
	s.turn(now.Unix())
	a := s.now[key]
	if a == nil {
		if a = s.old[key]; a == nil {
			a = &asked{}
		}
		if len(s.now) < knownMax {
			s.now[key] = a
		}
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
	k := g.known
	return k.count(string(id), now) <= k.perPayment && k.budget(institution).AllowN(now, 1)
}

// count counts one question under key and says how many there were this second.
func (k *known) count(key string, now time.Time) int {
	s := k.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ask(key, now).count
}

// tell remembers the engine's answer to a question of the instant at. Answers can come in
// another order than they were given: what has ended stays so.
func (k *known) tell(key string, p *payment.Payment, at time.Time) {
	s := k.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.now[key]
	if a == nil || a.told.After(at) || a.answer != nil && a.answer.Status.Final() && !p.Status.Final() {
		return
	}
	a.answer, a.told = p, at
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
func (k *known) budget(institution string) *rate.Limiter {
	if l, ok := k.budgets.Load(institution); ok {
		return l.(*rate.Limiter)
	}
	l, _ := k.budgets.LoadOrStore(institution, rate.NewLimiter(rate.Limit(k.perSecond), int(k.perSecond)+1))
	return l.(*rate.Limiter)
}
