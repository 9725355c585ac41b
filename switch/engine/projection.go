package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"tongma/switch/journal"
	"tongma/switch/payment"
)

// The projection's keys, written in the same append as the block that they come from.
const (
	keyPayment  = 'i' // + payment id: positions of its records.
	keyRequest  = 'q' // + institution, 0, request id: payment id.
	keyRefunded = 'r' // + payment id: sums of its approved refunds and of its chargebacks, fen; see appendReturned.
	keyAct      = 'a' // + sequence, offset: empty; where an administrative act stands.
	keyState    = 's' // + what acts change: how the newest of them left it.
	keyOwed     = 'o' // + institution, 0, sequence, offset: payment id; an outcome that its caller is owed.
	keyTrail    = 'h' // + account, 0, span: what the span's blocks posted to the account.
	keySpans    = 'H' // How many spans of blocks all trails are there of, from the first.
	keyNote     = 'n' // + payment id, sequence, offset: empty; an answer kept as evidence.
)

func paymentKey(id payment.ID) []byte  { return append([]byte{keyPayment}, id...) }
func refundedKey(id payment.ID) []byte { return append([]byte{keyRefunded}, id...) }

// appendReturned is what the view says of a payment that was refunded or charged back. The
// second sum is left out where it is nothing: so was it written before there were chargebacks.
func appendReturned(dst []byte, refunded, chargedBack payment.Fen) []byte {
	dst = appendVarint(dst, int64(refunded))
	if chargedBack != 0 {
		dst = appendVarint(dst, int64(chargedBack))
	}
	return dst
}

func requestKeyBytes(institution, requestID string) []byte {
	return appendRequestKey(make([]byte, 0, 2+len(institution)+len(requestID)), institution, requestID)
}

func appendRequestKey(dst []byte, institution, requestID string) []byte {
	dst = append(dst, keyRequest)
	dst = append(dst, institution...)
	dst = append(dst, 0)
	return append(dst, requestID...)
}

func owedKey(institution string, at journal.Position) []byte {
	key := owedPrefix(institution)
	key = binary.BigEndian.AppendUint64(key, at.Sequence)
	return binary.BigEndian.AppendUint32(key, at.Offset)
}

func owedPrefix(institution string) []byte {
	return append(append([]byte{keyOwed}, institution...), 0)
}

func noteKey(id payment.ID, at journal.Position) []byte {
	key := append([]byte{keyNote}, id...)
	key = binary.BigEndian.AppendUint64(key, at.Sequence)
	return binary.BigEndian.AppendUint32(key, at.Offset)
}

func appendPositions(dst []byte, positions []journal.Position) []byte {
	for _, at := range positions {
		dst = binary.AppendUvarint(dst, at.Sequence)
		dst = binary.AppendUvarint(dst, uint64(at.Offset))
	}
	return dst
}

func readPositions(value []byte) ([]journal.Position, error) {
	var list []journal.Position
	r := reader{body: value}
	for len(r.body) > 0 {
		at := journal.Position{Sequence: r.uvarint(), Offset: uint32(r.uvarint())}
		list = append(list, at)
	}
	return list, r.err
}

// projection reads payments that have ended. It is safe for concurrent use.
type projection struct {
	log    journal.Log
	view   journal.View
	blocks [blocksKept]atomic.Pointer[journal.Block] // Each is the last one read of its place, sequence % blocksKept.
}

// blocksKept is how many blocks are kept as they were read, none of more than blockKeptMax bytes
// of records: payments that are asked about have ended a short while ago and stand in few blocks,
// and to read one whole, hash and all, is most of a look-up.
const (
	blocksKept   = 64
	blockKeptMax = 1 << 20 // A full block of payments is a fifth of it.
)

// find reads the payment id as its records left it; journal.ErrNotFound where there is none.
func (p *projection) find(id payment.ID) (*life, error) {
	value, err := p.view.Value(paymentKey(id), nil)
	if err != nil {
		return nil, err
	}
	positions, err := readPositions(value)
	if err != nil {
		return nil, err
	}
	l := newLife()
	l.positions, l.replied = positions, true
	for _, at := range positions {
		if err := p.apply(l, at); err != nil {
			return nil, fmt.Errorf("engine: cannot read payment from block %d: %w", at.Sequence, err)
		}
	}
	l.ID = id
	value, err = p.view.Value(refundedKey(id), nil)
	if errors.Is(err, journal.ErrNotFound) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	r := reader{body: value}
	l.Refunded = payment.Fen(r.varint())
	if len(r.body) > 0 {
		l.ChargedBack = payment.Fen(r.varint())
	}
	return l, r.err
}

func (p *projection) apply(l *life, at journal.Position) error {
	block, err := p.block(at.Sequence)
	if err != nil {
		return err
	}
	if int(at.Offset) >= len(block.Records) {
		return fmt.Errorf("%w: offset %d of %d records", errRecord, at.Offset, len(block.Records))
	}
	record := block.Records[at.Offset]
	r := reader{body: record.Body, version: record.Version}
	r.string() // The id, which led here.
	return fold(l, recordKind(record.Kind), &r)
}

// block reads a block. Nobody may write to it.
func (p *projection) block(sequence uint64) (*journal.Block, error) {
	slot := &p.blocks[sequence%blocksKept]
	if b := slot.Load(); b != nil && b.Sequence == sequence {
		return b, nil
	}
	b, err := p.log.Block(sequence)
	if err == nil && bodiesOf(b) <= blockKeptMax {
		slot.Store(b)
	}
	return b, err
}

// bodiesOf is how many bytes the bodies of b's records take.
func bodiesOf(b *journal.Block) (size int) {
	for i := range b.Records {
		size += len(b.Records[i].Body)
	}
	return size
}

// request finds the payment that institution asked for under requestID.
func (p *projection) request(institution, requestID string) (payment.ID, error) {
	value, err := p.view.Value(requestKeyBytes(institution, requestID), nil)
	return payment.ID(value), err
}
