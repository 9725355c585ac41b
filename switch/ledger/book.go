package ledger

import (
	"errors"
	"fmt"

	"tongma/switch/payment"
)

// ErrUnbalanced says that postings do not sum to zero.
var ErrUnbalanced = errors.New("postings do not sum to zero")

// Currency is what the book is kept in: yuan, ISO 4217.
const Currency = "156"

// Standing is how one side stands, in fen.
type Standing struct {
	Position payment.Fen // Owed to it above zero, by it below.
	Held     payment.Fen // Reserved for payments at work.
	Deposit  payment.Fen // Prefunded.
	Cap      payment.Fen // Net debit cap: how far below zero it may stand beyond its deposit.
	Limited  bool        // Deposit and cap bind; without limit nothing is refused.
}

// Available is what the side may still pay out.
func (s *Standing) Available() payment.Fen { return s.Deposit + s.Cap + s.Position - s.Held }

// UsedPPM is how much of deposit and cap is used up, in millionths; 0 without limit.
func (s *Standing) UsedPPM() int64 {
	whole := s.Deposit + s.Cap
	used := s.Held - s.Position
	switch {
	case !s.Limited || used <= 0:
		return 0
	case used >= whole:
		return million
	}
	return int64(portion(used, million, whole))
}

// side is a standing with what is posted to its accounts.
type side struct {
	key Side
	Standing
	position, deposit trail
}

// Book holds every account of one shard. It belongs to one goroutine.
type Book struct {
	limits Limits
	fees   *Schedule
	sides  map[Side]*side
	others map[string]*trail // The accounts that are neither positions nor deposits, by name.
	lines  []payment.Posting
	moving standings // Of the payment at hand.
	fresh  []*trail  // Posted to since the last block ended.
	span   []*trail  // Posted to by the blocks of the span that have ended.
}

// New makes an empty book under limits and fees. A nil schedule charges nothing.
func New(limits Limits, fees *Schedule) *Book {
	return &Book{limits: limits, fees: fees, sides: map[Side]*side{}, others: map[string]*trail{}}
}

func (b *Book) side(key Side) *side {
	s := b.sides[key]
	if s == nil {
		s = &side{key: key}
		s.position = trail{name: Account{Position, key.Medium, key.Institution}.String(), balance: &s.Position}
		s.deposit = trail{name: Account{Deposit, key.Medium, key.Institution}.String(), balance: &s.Deposit}
		s.Cap, s.Limited = b.limits.Cap(key)
		b.sides[key] = s
	}
	return s
}

// Hold reserves what p would take from each side, from now until Release or Settle. It
// holds all or nothing: LiquidityShort when a side's deposit, cap and position do not
// cover it. original is what p turns round, nil where it turns nothing round.
func (b *Book) Hold(p, original *payment.Payment) payment.Failure {
	m := b.moved(p, original)
	for i, move := range m.all() {
		if s := m.sides[i]; move.Amount < 0 && s.Limited && s.Available() < -move.Amount {
			return payment.LiquidityShort
		}
	}
	m.hold(1)
	return payment.NoFailure
}

// HoldAgain reserves without asking: p was admitted before a restart.
func (b *Book) HoldAgain(p, original *payment.Payment) {
	m := b.moved(p, original)
	m.hold(1)
}

// Release gives back what Hold reserved for p.
func (b *Book) Release(p, original *payment.Payment) {
	m := b.moved(p, original)
	m.hold(-1)
}

// standings are a payment's moves and the sides that they are of.
type standings struct {
	moves
	sides [movesMax]*side
}

// moved is what p moves, valid until the next call. A hot pair of accounts is in nearly every
// payment: the sides of the one before are looked at first.
func (b *Book) moved(p, original *payment.Payment) *standings {
	m := &b.moving
	m.fill(p, original)
	for i := range m.all() {
		if s := m.sides[i]; s == nil || s.key != m.list[i].Side {
			m.sides[i] = b.side(m.list[i].Side)
		}
	}
	return m
}

// hold reserves what is to be taken, or with sign -1 gives it back.
func (m *standings) hold(sign payment.Fen) {
	for i, move := range m.all() {
		if move.Amount < 0 {
			m.sides[i].Held -= sign * move.Amount
		}
	}
}

// Settle turns the hold of an approved p into postings, fees included, and keeps the fees
// of a payment in p.Fees. The lines are valid until the next call. They are already in the
// book.
func (b *Book) Settle(p, original *payment.Payment) []payment.Posting {
	m := b.moved(p, original)
	m.hold(-1)
	b.lines = b.lines[:0]
	// What stands in the lines of positions is entered here, by side: a hot pair of accounts
	// is in every payment, and finding it again by its name would cost more than all else.
	var sums [2]payment.Fen
	for i, move := range m.all() {
		if move.Amount != 0 {
			side := m.sides[i]
			b.add(side.position.name, move.Amount)
			b.post(&side.position, move.Amount)
			sums[move.Side.Medium] += move.Amount
		}
	}
	entered := len(b.lines)
	b.fee(p, original)
	if err := b.Post(b.lines[entered:]); err != nil || sums != [2]payment.Fen{} {
		panic(errors.Join(ErrUnbalanced, err)) // Each move has its counterpart; a fee has its payer.
	}
	return b.lines
}

func (b *Book) add(account string, amount payment.Fen) {
	b.lines = append(b.lines, payment.Posting{Account: account, Amount: amount, Currency: Currency})
}

// Post enters lines, which must sum to zero in each medium. A position is moved without
// asking for its limit: what is posted has happened. With an error nothing was entered.
func (b *Book) Post(lines []payment.Posting) error {
	if len(lines) == 0 {
		return nil
	}
	var sums [2]payment.Fen
	for i := range lines {
		a, err := ParseAccount(lines[i].Account)
		if err != nil {
			return err
		}
		if lines[i].Currency != Currency {
			return fmt.Errorf("ledger: posting in currency %q, want %s", lines[i].Currency, Currency)
		}
		sums[a.Medium] += lines[i].Amount
	}
	for medium, sum := range sums {
		if sum != 0 {
			return fmt.Errorf("ledger: %w: %d fen of %s too many", ErrUnbalanced, sum, payment.Medium(medium))
		}
	}
	for i := range lines {
		b.enter(&lines[i])
	}
	return nil
}

func (b *Book) enter(line *payment.Posting) { b.post(b.trail(line.Account), line.Amount) }

// SetCap sets the net debit cap of side, in fen, from now on.
func (b *Book) SetCap(key Side, limit payment.Fen) {
	s := b.side(key)
	s.Cap, s.Limited = limit, true
}

// Draw refuses lines that would take more of a deposit than is there and not needed,
// LiquidityShort, or would make one larger than any can be, AmountInvalid. It enters nothing.
func (b *Book) Draw(lines []payment.Posting) payment.Failure {
	for i := range lines {
		a, err := ParseAccount(lines[i].Account)
		if err != nil || a.Purpose != Deposit {
			continue
		}
		s := b.Standing(Side{a.Owner, a.Medium})
		if lines[i].Amount >= 0 {
			if lines[i].Amount > capMax-s.Deposit {
				return payment.AmountInvalid
			}
			continue
		}
		if s.Deposit+lines[i].Amount < 0 || s.Limited && s.Available()+lines[i].Amount < 0 {
			return payment.LiquidityShort
		}
	}
	return payment.NoFailure
}

// Stood is a side and how it stands.
type Stood struct {
	Side
	Standing
}

// Standings tells how every side stands, by institution and medium.
func (b *Book) Standings() []Stood {
	keys := b.Sides()
	list := make([]Stood, len(keys))
	for i, key := range keys {
		list[i] = Stood{key, b.sides[key].Standing}
	}
	return list
}

// Standing tells how side stands; the zero Standing where it never moved.
func (b *Book) Standing(key Side) Standing {
	if s := b.sides[key]; s != nil {
		return s.Standing
	}
	var s Standing
	s.Cap, s.Limited = b.limits.Cap(key)
	return s
}

// Balance is what account name stands at, in fen.
func (b *Book) Balance(a Account) payment.Fen {
	switch a.Purpose {
	case Position:
		return b.Standing(Side{a.Owner, a.Medium}).Position
	case Deposit:
		return b.Standing(Side{a.Owner, a.Medium}).Deposit
	}
	if t := b.others[a.String()]; t != nil {
		return *t.balance
	}
	return 0
}
