package settlement

import (
	"encoding/json"
	"testing"
	"time"

	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// happened is one event of a journal that windows are folded from.
type happened struct {
	at    journal.Position
	ended *engine.Ending
	act   *engine.Act
}

// windows is a fold that crashes: it goes on from the state that it saved last, and what
// happened since is folded again.
type windows struct {
	t      *testing.T
	fold   *Fold
	sealed map[uint32]*Seal
	state  []byte
	since  []happened
}

func (w *windows) take(h happened) {
	w.since = append(w.since, h)
	w.apply(h)
}

func (w *windows) apply(h happened) {
	var err error
	if h.ended != nil {
		err = w.fold.ended(h.ended)
	} else {
		err = w.fold.act(h.at, h.act)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// seal takes a closed window; one that is sealed again after a crash is the same.
func (w *windows) seal(s *Seal) error {
	if before := w.sealed[s.Window]; before != nil && before.Digest != s.Digest {
		w.t.Errorf("window %d was sealed as %s and is now %s", s.Window, before.Digest, s.Digest)
	}
	w.sealed[s.Window] = s
	return s.Check()
}

func (w *windows) save() {
	state, err := w.fold.State()
	if err != nil {
		w.t.Fatal(err)
	}
	w.state, w.since = state, nil
}

func (w *windows) crash() {
	opened := w.fold.Opened
	w.fold = NewFold(w.seal)
	if w.fold.Opened = opened; w.state != nil {
		if err := w.fold.Restore(w.state); err != nil {
			w.t.Fatal(err)
		}
	} else {
		w.fold.Opened = time.Unix(1e9, 0)
	}
	for _, h := range w.since {
		w.apply(h)
	}
}

// TestWindowsConserveMoney cuts windows at random between random payments and refunds, also
// ones of payments of earlier windows, with crashes between: every commercial payment is in
// one window, each party's windows sum to what its own book says, their postings leave no
// commercial position, and what was paid in e-CNY stands in none of them.
func TestWindowsConserveMoney(t *testing.T) {
	later, ecny := 0, 0
	for seed := range uint64(*seedsMax) {
		b := newBooks(seed)
		w := &windows{t: t, sealed: map[uint32]*Seal{}}
		w.fold = NewFold(w.seal)
		w.fold.Opened = time.Unix(1e9, 0)
		window, count, gross := uint32(1), uint64(0), payment.Fen(0)
		windowOf := map[payment.ID]uint32{}
		for i := range 20 + b.random.IntN(60) {
			at := journal.Position{Sequence: uint64(i) + 1}
			switch b.random.IntN(12) {
			case 0:
				window++
				w.take(cutAt(t, at, window-1))
			case 1:
				w.save()
			case 2:
				w.crash()
			default:
				e := b.ending(at)
				moved := commercial(t, e)
				windowOf[e.Payment.ID] = window
				if moved > 0 {
					count++
					gross += moved
				} else {
					ecny++
				}
				if original, ok := windowOf[e.Payment.Original]; ok && original < window {
					later++
				}
				w.take(happened{at: at, ended: e})
			}
		}
		w.take(cutAt(t, journal.Position{Sequence: 1000}, window))
		w.crash()
		w.compare(seed, b, window, count, gross)
	}
	if later == 0 || ecny == 0 {
		t.Errorf("%d refunds of an earlier window, %d payments in e-CNY alone: want some of each", later, ecny)
	}
}

func cutAt(t *testing.T, at journal.Position, window uint32) happened {
	t.Helper()
	state, err := json.Marshal(&cut{Window: window, Date: "2026-11-25", ValueDate: "2026-11-26", ClosedBy: "wang",
		ClosedAt: time.Unix(2e9+int64(window), 0), Members: []string{"alder", "quiet"}})
	if err != nil {
		t.Fatal(err)
	}
	return happened{at: at, act: &engine.Act{What: actClose, State: state}}
}

// commercial is what an ending moves in commercial money without its fees: the sum of what
// its parties owe one another.
func commercial(t *testing.T, e *engine.Ending) payment.Fen {
	t.Helper()
	list, err := ledger.Transfers(nil, &e.Payment, e.Postings)
	if err != nil {
		t.Fatal(err)
	}
	sum := payment.Fen(0)
	for _, transfer := range list {
		if !transfer.Fee {
			sum += transfer.Amount
		}
	}
	return sum
}

func (w *windows) compare(seed uint64, b *books, last uint32, count uint64, gross payment.Fen) {
	w.t.Helper()
	nets := map[string]payment.Fen{}
	after := nowhere
	ecny := balances(b.book, payment.ECNY)
	for number := uint32(1); number <= last; number++ {
		s := w.sealed[number]
		if s == nil || s.After != after {
			w.t.Fatalf("seed %d: window %d is %v, want one after %s", seed, number, s, after)
		}
		after = s.At
		count -= s.Payments
		gross -= s.Gross
		sum := payment.Fen(0)
		for _, net := range s.Nets() {
			nets[net.Member] += net.Amount
			sum += net.Amount
		}
		if sum != 0 {
			w.t.Errorf("seed %d: window %d nets to %d", seed, number, sum)
		}
		if err := b.book.Post(s.Postings()); err != nil {
			w.t.Errorf("seed %d: %v", seed, err)
		}
	}
	if count != 0 || gross != 0 || len(w.sealed) != int(last) {
		w.t.Errorf("seed %d: %d windows of %d; %d payments and %d fen are in none or in two", seed, len(w.sealed), last, int64(count), gross)
	}
	for name, own := range b.own {
		if nets[name] != own {
			w.t.Errorf("seed %d: windows sum to %d for %s, its own book says %d", seed, nets[name], name, own)
		}
	}
	for account, balance := range balances(b.book, payment.Commercial) {
		if account.Purpose != ledger.Settlement {
			w.t.Errorf("seed %d: %s stands at %d when all windows are settled", seed, account, balance)
		}
	}
	for account, balance := range balances(b.book, payment.ECNY) {
		if ecny[account] != balance || account.Purpose == ledger.Settlement {
			w.t.Errorf("seed %d: windows moved %s from %d to %d", seed, account, ecny[account], balance)
		}
	}
}

// balances are the accounts of one medium that do not stand at zero.
func balances(b *ledger.Book, medium payment.Medium) map[ledger.Account]payment.Fen {
	list := map[ledger.Account]payment.Fen{}
	for _, line := range b.Lines() {
		if line.Account.Medium == medium {
			list[line.Account] = line.Balance
		}
	}
	return list
}
