package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tongma/switch/payment"
)

// errState says that a saved book cannot be read.
var errState = errors.New("ledger: the saved book is damaged")

// Line is one account and what it stands at.
type Line struct {
	Account Account
	Balance payment.Fen
}

// Lines lists every account that does not stand at zero, by name.
func (b *Book) Lines() []Line {
	var list []Line
	for key, s := range b.sides {
		if s.Position != 0 {
			list = append(list, Line{Account{Position, key.Medium, key.Institution}, s.Position})
		}
		if s.Deposit != 0 {
			list = append(list, Line{Account{Deposit, key.Medium, key.Institution}, s.Deposit})
		}
	}
	for name, t := range b.others {
		a, err := ParseAccount(name)
		if err != nil {
			panic(err) // It was parsed when it was entered.
		}
		if *t.balance != 0 {
			list = append(list, Line{a, *t.balance})
		}
	}
	slices.SortFunc(list, func(a, b Line) int { return strings.Compare(a.Account.String(), b.Account.String()) })
	return list
}

// Sides lists every side that ever moved or was limited, by institution and medium.
func (b *Book) Sides() []Side {
	return slices.SortedFunc(maps.Keys(b.sides), func(a, b Side) int {
		if c := strings.Compare(a.Institution, b.Institution); c != 0 {
			return c
		}
		return int(a.Medium) - int(b.Medium)
	})
}

// Balanced reports ErrUnbalanced if the accounts of a medium do not sum to zero.
func (b *Book) Balanced() error {
	var sums [2]payment.Fen
	for _, line := range b.Lines() {
		sums[line.Account.Medium] += line.Balance
	}
	for medium, sum := range sums {
		if sum != 0 {
			return fmt.Errorf("ledger: %w: the accounts of %s sum to %d fen", ErrUnbalanced, payment.Medium(medium), sum)
		}
	}
	return nil
}

// AppendState appends what a restart must know: positions, deposits, caps that people set
// and the other accounts. Holds are not in it: they follow from the payments at work.
func (b *Book) AppendState(dst []byte) []byte {
	keys := b.Sides()
	dst = binary.AppendUvarint(dst, uint64(len(keys)))
	for _, key := range keys {
		s := b.sides[key]
		dst = appendText(dst, key.Institution)
		dst = append(dst, byte(key.Medium))
		dst = binary.AppendVarint(dst, int64(s.Position))
		dst = binary.AppendVarint(dst, int64(s.Deposit))
		limit := payment.Fen(-1)
		if configured, bound := b.limits.Cap(key); s.Limited && (!bound || s.Cap != configured) {
			limit = s.Cap
		}
		dst = binary.AppendVarint(dst, int64(limit))
	}
	names := slices.Sorted(maps.Keys(b.others))
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, name := range names {
		dst = appendText(dst, name)
		dst = binary.AppendVarint(dst, int64(*b.others[name].balance))
	}
	return dst
}

func appendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// Restore makes b what AppendState wrote. With an error b is not to be used.
func (b *Book) Restore(state []byte) error {
	clear(b.sides)
	b.moving = standings{}
	clear(b.others)
	b.fresh, b.span = nil, nil
	if len(state) == 0 {
		return nil
	}
	r := stateReader{rest: state}
	for n := r.count(); n > 0 && !r.bad; n-- {
		name := r.text()
		key := Side{name, payment.Medium(r.byte())}
		position, deposit, limit := r.fen(), r.fen(), r.fen()
		if r.bad || int(key.Medium) >= len(payment.Media()) {
			return errState
		}
		s := b.side(key)
		s.Position, s.Deposit = position, deposit
		if limit >= 0 {
			b.SetCap(key, limit)
		}
	}
	for n := r.count(); n > 0 && !r.bad; n-- {
		name := r.text()
		if _, err := ParseAccount(name); err != nil {
			return errState
		}
		*b.trail(name).balance = r.fen()
	}
	if r.bad || len(r.rest) > 0 {
		return errState
	}
	return b.Balanced()
}

// stateReader reads zeros after the first fault and keeps that there was one.
type stateReader struct {
	rest []byte
	bad  bool
}

func (r *stateReader) count() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > uint64(len(r.rest)) {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *stateReader) text() string {
	n := r.count()
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}

func (r *stateReader) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *stateReader) fen() payment.Fen {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return payment.Fen(n)
}
