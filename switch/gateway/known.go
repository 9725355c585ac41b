package gateway

import (
	"hash/maphash"
	"sync"
	"time"

	"tongma/switch/payment"
)

// known meters the questions how a payment stands, and answers those over the limits from what
// the engine said last. A flood of questions costs the engine a few of them a second for each
// payment and so many for each institution, and the payments under way nothing else.
//
// Within the limits every answer is the engine's own of this instant. Over that of the payment
// it is at most a second old; over that of the institution as old as its answer may be; both may
// wait a tenth of a second more. Questions by a payment's id and by its caller's request id are
// counted apart. Where more payments are asked about in a second than are remembered, the others
// are over the limits.
type known struct {
	perPayment int
	budgets    meters    // Questions that reach the engine.
	began      time.Time // Seconds are counted from here, so that no clock can turn them back.
	seed       maphash.Seed
	shards     [knownShards]knownShard
}

const (
	knownShards = 64
	knownMax    = 1024 // Payments of one shard and second.

	knownFresh = time.Second     // How old an answer may be over the limit of a payment;
	knownOpen  = 5 * time.Second // over that of the institution, about a payment that can still change,
	knownEnded = time.Minute     // and about one that cannot; see permanence.
)

// knownShard remembers the questions of this second and of the one before.
type knownShard struct {
	mu       sync.Mutex
	second   int64 // Of now, counted from known.began.
	now, old map[string]*asked
}

// asked is one payment that the engine was asked about.
type asked struct {
	shard  *knownShard
	second int64            // Of count.
	count  int              // Questions that reached the engine in that second.
	answer *payment.Payment // Its last; nil for none. Nobody writes to it.
	told   time.Time        // When the question was put that answer answers.
}

func newKnown(perPayment int, perSecond float64) *known {
	k := &known{perPayment: perPayment, began: time.Now(), seed: maphash.MakeSeed()}
	k.budgets.perSecond, k.budgets.burst = perSecond, int(perSecond)+1
	for i := range k.shards {
		k.shards[i].now, k.shards[i].old = map[string]*asked{}, map[string]*asked{}
	}
	return k
}

// ask takes institution's question under key. Within the limits the engine is to be asked, and
// its answer told to a. Otherwise a is nil and p is what is known; nil where that is nothing, or
// too old. Nobody may write to p.
func (k *known) ask(key, institution string, now time.Time) (a *asked, p *payment.Payment) {
	s := k.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(int64(now.Sub(k.began) / time.Second))
	a = s.find(key)
	full := a != nil && a.count >= k.perPayment
	room := a != nil || len(s.now) < knownMax
	if !full && room && k.budgets.allow(institution, now) {
		if a == nil {
			a = s.add(key)
		}
		a.count++
		return a, nil
	}
	if a == nil || a.answer == nil || now.Sub(a.told) > a.lasts(full) {
		return nil, nil
	}
	return nil, a.answer
}

// lasts is how long a's answer may be given, over the limit of the payment or of the institution.
func (a *asked) lasts(ofPayment bool) time.Duration {
	switch {
	case ofPayment:
		return knownFresh
	case permanence(a.answer.Status) == forGood:
		return knownEnded
	}
	return knownOpen
}

// permanent is how far a payment is from changing.
type permanent int

const (
	underWay permanent = iota // It will.
	ended                     // It was approved, and can be cancelled, refunded and charged back.
	forGood
)

func permanence(s payment.Status) permanent {
	switch {
	case !s.Final():
		return underWay
	case s == payment.StatusApproved:
		return ended
	}
	return forGood
}

// shard is where key is remembered, if it is.
func (k *known) shard(key string) *knownShard {
	return &k.shards[maphash.String(k.seed, key)%knownShards]
}

// recall is what is remembered under key; nil for nothing.
func (s *knownShard) recall(key string) *asked {
	if a := s.now[key]; a != nil {
		return a
	}
	return s.old[key]
}

// find is what is remembered under key from now on, with the count of this second; nil for
// nothing.
func (s *knownShard) find(key string) *asked {
	a := s.recall(key)
	if a == nil {
		return nil
	}
	if len(s.now) < knownMax {
		s.now[key] = a
	}
	if a.second != s.second {
		a.second, a.count = s.second, 0
	}
	return a
}

// add remembers key. There must be room.
func (s *knownShard) add(key string) *asked {
	a := &asked{shard: s, second: s.second}
	s.now[key] = a
	return a
}

// tell remembers the engine's answer to a question of the instant at. Answers can come in
// another order than they were given: what has ended stays so, and what was cancelled.
func (a *asked) tell(p *payment.Payment, at time.Time) {
	a.shard.mu.Lock()
	defer a.shard.mu.Unlock()
	if a.answer != nil {
		before, now := permanence(a.answer.Status), permanence(p.Status)
		switch {
		case now < before, now == before && a.told.After(at):
			return
		case a.told.After(at):
			at = a.told // It was said after what was known then.
		}
	}
	a.answer, a.told = p, at
}

// hear remembers what the engine said of p, to a question or another request of the instant at,
// where questions about p are remembered: who was told the end is not told afterwards, by
// whichever id it asks, that there is none. Of the payment that p turns round it knows nothing.
func (k *known) hear(p *payment.Payment, at time.Time) {
	for _, key := range [...]string{string(p.ID), underRequest(p.Institution, p.RequestID)} {
		s := k.shard(key)
		s.mu.Lock()
		a := s.recall(key)
		s.mu.Unlock()
		if a != nil {
			said := *p
			a.tell(&said, at)
		}
	}
}

// underRequest is the key of the payment that institution asked for under a request id.
func underRequest(institution, requestID string) string { return institution + "\n" + requestID }

// turn forgets what nobody asked about for a second. A question that was put before this second
// and comes late is one of this second.
func (s *knownShard) turn(second int64) {
	switch {
	case second <= s.second:
		return
	case second == s.second+1:
		s.old, s.now = s.now, s.old
	default:
		clear(s.old)
	}
	clear(s.now)
	s.second = second
}

// MayAsk reports whether people may have institution asked about the payment id once more, and
// counts it. The limits are those of the institutions' own questions, but counted apart: whom
// people ask about could use them up.
func (g *Gateway) MayAsk(institution string, id payment.ID) bool {
	a, _ := g.people.ask(string(id), institution, time.Now())
	return a != nil
}
