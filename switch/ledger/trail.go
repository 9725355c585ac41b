package ledger

import "tongma/switch/payment"

// SpanBlocks is how many blocks of the journal the history of accounts sums up in one entry
// of each account. An account that is in every payment costs two entries in so many blocks,
// not one in each posting; who wants to know more reads the blocks that the entry names.
const SpanBlocks = 64

// Trail is what the blocks of one span posted to one account. A span ends with a block whose
// sequence is a multiple of SpanBlocks.
type Trail struct {
	Account string
	Blocks  uint64 // Bit i is set where the span's block i, from 0, posted to the account.
	Count   uint64 // Postings.
	Sum     payment.Fen
	Balance payment.Fen // After the span.
}

// trail gathers a Trail while its span lasts.
type trail struct {
	name    string
	balance *payment.Fen
	blocks  uint64
	count   uint64
	sum     payment.Fen
	fresh   bool // Posted to since the last block ended: it is in Book.fresh.
}

// post moves the account's balance.
func (b *Book) post(t *trail, amount payment.Fen) {
	*t.balance += amount
	t.sum += amount
	t.count++
	if !t.fresh {
		t.fresh = true
		b.fresh = append(b.fresh, t)
	}
}

// EndBlock says that what was posted since the last call stands in block sequence. With the
// last block of a span it calls visit with what the span posted to each account that it
// touched; the Trail is valid during the call.
func (b *Book) EndBlock(sequence uint64, visit func(*Trail)) {
	for _, t := range b.fresh {
		if t.blocks == 0 {
			b.span = append(b.span, t)
		}
		t.blocks |= 1 << ((sequence - 1) % SpanBlocks)
		t.fresh = false
	}
	b.fresh = b.fresh[:0]
	if sequence%SpanBlocks != 0 {
		return
	}
	for _, t := range b.span {
		visit(&Trail{Account: t.name, Blocks: t.blocks, Count: t.count, Sum: t.sum, Balance: *t.balance})
		t.blocks, t.count, t.sum = 0, 0, 0
	}
	b.span = b.span[:0]
}

// Follow makes b go on with the span that other is in, as if b had seen the blocks that
// other saw. Both must have the same balances, and other's newest block must have ended.
func (b *Book) Follow(other *Book) {
	for _, t := range append(b.fresh, b.span...) {
		t.blocks, t.count, t.sum, t.fresh = 0, 0, 0, false
	}
	b.fresh, b.span = b.fresh[:0], b.span[:0]
	for _, from := range other.span {
		t := b.trail(from.name)
		t.blocks, t.count, t.sum = from.blocks, from.count, from.sum
		b.span = append(b.span, t)
	}
}

// trail is the one of the account that name names, which must be a good name.
func (b *Book) trail(name string) *trail {
	a, err := ParseAccount(name)
	if err != nil {
		panic(err) // It was parsed when it was posted to.
	}
	switch a.Purpose {
	case Position:
		return &b.side(Side{a.Owner, a.Medium}).position
	case Deposit:
		return &b.side(Side{a.Owner, a.Medium}).deposit
	}
	t := b.others[name]
	if t == nil {
		t = &trail{name: name, balance: new(payment.Fen)}
		b.others[name] = t
	}
	return t
}
