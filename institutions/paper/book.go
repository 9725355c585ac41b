// Package paper is an institution made of memory: a real HTTP server with a book, for
// the demonstration, the tests, the benchmarks, and as the template of what a bank does
// behind the standard dialect. Faults can be switched on.
//
// It knows the standard protocol from the bank's side. It may not know the switch.
package paper

import (
	"hash/maphash"
	"sync"
)

// Leg is what the book knows of one reference.
type Leg struct {
	Reference string `json:"request_id"`
	Kind      string `json:"kind"` // debit, credit, give_back, take_back; empty for a leg only ever cancelled.
	Caller    string `json:"caller,omitempty"`
	Amount    int64  `json:"amount_fen"` // Fen.
	Currency  string `json:"currency,omitempty"`
	Original  string `json:"original,omitempty"`
	State     string `json:"state"`             // approved, declined, cancelled
	Failure   string `json:"failure,omitempty"` // Why it was declined.
	Moved     int    `json:"moved"`             // How often money moved: more than once must never happen.
	account   string // Whose balance a debit changed.
	credited  string // Whose balance a refund changed.
}

// Book holds legs by reference, and accounts. It is safe for concurrent use.
type Book struct {
	shards   [64]shard
	seed     maphash.Seed
	mu       sync.Mutex
	accounts map[string]int64 // Balance in fen; an account that is not here has no limit.
	returned map[string]int64 // Refunded so far, by the reference of the original leg.
}

type shard struct {
	mu   sync.Mutex
	legs map[string]*Leg
}

// NewBook makes an empty book.
func NewBook() *Book {
	b := &Book{seed: maphash.MakeSeed(), accounts: map[string]int64{}, returned: map[string]int64{}}
	for i := range b.shards {
		b.shards[i].legs = map[string]*Leg{}
	}
	return b
}

// SetBalance gives account a balance in fen; before that it has no limit.
func (b *Book) SetBalance(account string, fen int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accounts[account] = fen
}

// Move carries a money operation out, once: the same reference again gets the same leg.
// Account is the code or token by which the payer is known; decline, if not empty, is
// the failure with which a new leg is declined. conflict tells that the reference was
// used for another amount, kind or currency before.
func (b *Book) Move(leg Leg, account, decline string) (result Leg, conflict bool) {
	var original *Leg
	if leg.Original != "" { // Read before the lock is taken: two shards are never held at once.
		if found, ok := b.Leg(leg.Original); ok {
			original = &found
		}
	}
	s := b.shard(leg.Reference)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.legs[leg.Reference]; ok {
		conflict = old.Kind != "" &&
			(old.Amount != leg.Amount || old.Kind != leg.Kind || old.Currency != leg.Currency)
		return *old, conflict
	}
	own := leg
	own.State, own.Failure = "approved", decline
	if own.Failure == "" {
		own.Failure = b.transfer(&own, original, account)
	}
	if own.Failure != "" {
		own.State = "declined"
	} else {
		own.Moved = 1
	}
	s.legs[own.Reference] = &own
	return own, false
}

// transfer checks and changes balances and refunds; it returns why it must not be.
func (b *Book) transfer(leg, original *Leg, account string) string {
	switch leg.Kind {
	case "debit":
		b.mu.Lock()
		defer b.mu.Unlock()
		balance, limited := b.accounts[account]
		if !limited {
			return ""
		}
		if balance < leg.Amount {
			return "insufficient_funds"
		}
		b.accounts[account] = balance - leg.Amount
		leg.account = account
	case "give_back", "take_back":
		return b.giveBack(leg, original)
	}
	return ""
}

// giveBack returns no more than the original leg moved. An original that is not in the
// book was the caller's own affair and has no limit here.
func (b *Book) giveBack(leg, original *Leg) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if original != nil && (original.State != "approved" || b.returned[leg.Original]+leg.Amount > original.Amount) {
		return "declined_by_institution"
	}
	b.returned[leg.Original] += leg.Amount
	if original != nil && original.account != "" {
		b.accounts[original.account] += leg.Amount
		leg.credited = original.account
	}
	return ""
}

// Cancel undoes a leg, or makes sure that it never happens, and returns it as it is then:
// cancelled, or declined as before. A leg of which a part was given back stays as it is:
// the answer is declined with leg_not_cancellable.
func (b *Book) Cancel(reference string) Leg {
	s := b.shard(reference)
	s.mu.Lock()
	defer s.mu.Unlock()
	leg, ok := s.legs[reference]
	if !ok {
		leg = &Leg{Reference: reference}
		s.legs[reference] = leg
	}
	if leg.State == "approved" && !b.putBack(leg) {
		return Leg{Reference: reference, State: "declined", Failure: "leg_not_cancellable"}
	}
	if leg.State != "declined" {
		leg.State, leg.Failure = "cancelled", "cancelled_by_switch"
	}
	return *leg
}

// putBack undoes what transfer did for leg; false where a part of it was given back.
func (b *Book) putBack(leg *Leg) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.returned[leg.Reference] > 0:
		return false
	case leg.account != "":
		b.accounts[leg.account] += leg.Amount
	case leg.Kind == "give_back" || leg.Kind == "take_back":
		b.returned[leg.Original] -= leg.Amount
		if leg.credited != "" {
			b.accounts[leg.credited] -= leg.Amount
		}
	}
	return true
}

// Leg reads one leg.
func (b *Book) Leg(reference string) (Leg, bool) {
	s := b.shard(reference)
	s.mu.Lock()
	defer s.mu.Unlock()
	leg, ok := s.legs[reference]
	if !ok {
		return Leg{}, false
	}
	return *leg, true
}

// Each calls fn with a copy of every leg, in no order.
func (b *Book) Each(fn func(Leg)) {
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		list := make([]Leg, 0, len(s.legs))
		for _, leg := range s.legs {
			list = append(list, *leg)
		}
		s.mu.Unlock()
		for _, leg := range list {
			fn(leg)
		}
	}
}

func (b *Book) shard(reference string) *shard {
	return &b.shards[maphash.String(b.seed, reference)%uint64(len(b.shards))]
}
