package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// The history of accounts is an index of the journal: for each account and each span of
// blocks that posted to it one entry says which blocks these are, and what the account
// stood at after them. The entries of a span are written with its last block. What the
// newest blocks posted, which make no whole span yet, is read from them.

// spanOf is the span in which block sequence is, from 1.
func spanOf(sequence uint64) uint64 { return (sequence + ledger.SpanBlocks - 1) / ledger.SpanBlocks }

// firstOf is the first block of span.
func firstOf(span uint64) uint64 { return (span-1)*ledger.SpanBlocks + 1 }

func trailPrefix(account string) []byte {
	return append(append([]byte{keyTrail}, account...), 0)
}

func trailKey(account string, span uint64) []byte {
	return binary.BigEndian.AppendUint64(trailPrefix(account), span)
}

// trailUpdate is the entry of t, of span.
func trailUpdate(t *ledger.Trail, span uint64) journal.Update {
	value := binary.AppendUvarint(make([]byte, 0, 24), t.Blocks)
	value = binary.AppendUvarint(value, t.Count)
	value = binary.AppendVarint(value, int64(t.Sum))
	return journal.Update{Key: trailKey(t.Account, span), Value: binary.AppendVarint(value, int64(t.Balance))}
}

// readTrail is the inverse of trailUpdate.
func readTrail(key, value []byte) (ledger.Trail, uint64, error) {
	name := len(key) - 9
	if name < 1 || key[name] != 0 {
		return ledger.Trail{}, 0, fmt.Errorf("%w: the entry of an account's history", errRecord)
	}
	r := reader{body: value}
	t := ledger.Trail{Account: string(key[1:name]), Blocks: r.uvarint(), Count: r.uvarint(),
		Sum: payment.Fen(r.varint()), Balance: payment.Fen(r.varint())}
	return t, binary.BigEndian.Uint64(key[name+1:]), r.err
}

func spansUpdate(spans uint64) journal.Update {
	return journal.Update{Key: []byte{keySpans}, Value: binary.AppendUvarint(nil, spans)}
}

// spans is how many spans the view has all entries of; 0 where it has no history.
func spans(view journal.View) (uint64, error) {
	value, err := view.Value([]byte{keySpans}, nil)
	if errors.Is(err, journal.ErrNotFound) {
		return 0, nil
	}
	r := reader{body: value}
	return r.uvarint(), firstError(err, r.err)
}

// endBlock adds to the block at hand, which will be sequence, the entries of the span that
// ends with it.
func (w *writer) endBlock(sequence uint64) {
	if w.noHistory {
		return
	}
	span, b := spanOf(sequence), w.batch
	w.core.book.EndBlock(sequence, func(t *ledger.Trail) { b.updates = append(b.updates, trailUpdate(t, span)) })
	if sequence%ledger.SpanBlocks == 0 {
		b.updates = append(b.updates, spansUpdate(span))
	}
}

// fillHistory reads the blocks after the last whole span again, so that the book goes on
// with the span that they began. Of a journal of a build that kept no history these are all
// blocks: their entries are then written with acts of the switch itself, once.
func (w *writer) fillHistory() error {
	done, err := spans(w.options.View)
	if err != nil {
		return err
	}
	f := filling{writer: w, book: ledger.New(ledger.DefaultLimits(), nil), from: done}
	if err := f.begin(); err != nil {
		return err
	}
	err = f.read(firstOf(done + 1))
	if errors.Is(err, journal.ErrTrimmed) {
		w.noHistory = true
		w.options.Logger.Warn("engine: no history of accounts: the journal was trimmed before it had one", zap.Error(err))
		return nil
	}
	if err != nil {
		return fmt.Errorf("engine: cannot fill the history of accounts: %w", err)
	}
	if have, want := f.book.Lines(), w.core.book.Lines(); !slices.Equal(have, want) {
		return fmt.Errorf("engine: the history of accounts ends with other balances than the book: %v, want %v", have, want)
	}
	w.core.book.Follow(f.book)
	return nil
}

// filling is what is being made up for.
type filling struct {
	*writer
	book    *ledger.Book
	from    uint64 // Spans that are there.
	whole   uint64 // Spans whose entries are in updates, and before.
	updates []journal.Update
}

// fillUpdatesMax bounds the entries that are written with one block.
const fillUpdatesMax = 4096

// begin gives the book the balances after the spans that are there.
func (f *filling) begin() error {
	f.whole = f.from
	var lines []payment.Posting
	err := eachAccount(f.options.View, func(account string) error {
		t, err := trailAt(f.options.View, account, f.from)
		lines = append(lines, payment.Posting{Account: account, Amount: t.Balance, Currency: ledger.Currency})
		return err
	})
	if err == nil {
		err = f.book.Post(lines)
	}
	f.book.Follow(ledger.New(ledger.DefaultLimits(), nil)) // These were no postings.
	return err
}

// read takes the blocks from sequence on, and those that are written meanwhile.
func (f *filling) read(sequence uint64) error {
	for ; sequence <= f.tail || len(f.updates) > 0; sequence++ {
		if sequence > f.tail || len(f.updates) > fillUpdatesMax {
			if err := f.write(); err != nil {
				return err
			}
		}
		f.progress(sequence, f.tail)
		block, err := f.options.Log.Block(sequence)
		if err != nil {
			return err
		}
		for i := range block.Records {
			posted, err := checkRecord(&block.Records[i])
			if err == nil {
				err = f.book.Post(posted)
			}
			if err != nil {
				return fmt.Errorf("block %d, record %d: %w", sequence, i, err)
			}
		}
		f.book.EndBlock(sequence, func(t *ledger.Trail) { f.updates = append(f.updates, trailUpdate(t, spanOf(sequence))) })
		if sequence%ledger.SpanBlocks == 0 {
			f.whole = spanOf(sequence)
			f.updates = append(f.updates, spansUpdate(f.whole))
		}
	}
	return nil
}

// write appends a block with an act that says what is made up for, and the entries.
func (f *filling) write() error {
	act := Act{Time: time.Now().UTC(), Who: "switch", What: "history.fill", Subject: fmt.Sprint("blocks to ", f.whole*ledger.SpanBlocks)}
	at := journal.Position{Sequence: f.tail + 1}
	record := journal.Record{Kind: uint8(recordAct), Version: recordAct.version(), Body: appendAct(nil, &act)}
	ticket, err := f.options.Log.Append(f.tail, []journal.Record{record}, append(f.updates, journal.Update{Key: actKey(at)}))
	if err == nil {
		err = ticket.Wait()
	}
	f.tail, f.updates = f.tail+1, f.updates[:0]
	return err
}

// eachAccount calls visit with every account that has a history, by name.
func eachAccount(view journal.View, visit func(account string) error) error {
	prefix := []byte{keyTrail}
	for from := prefix; ; {
		account := ""
		err := view.Walk(prefix, from, false, func(key, value []byte) error {
			t, _, err := readTrail(key, value)
			account = t.Account
			return firstError(err, errEnough)
		})
		if err == nil {
			return nil // There is none after from.
		}
		if !errors.Is(err, errEnough) {
			return err
		}
		if err := visit(account); err != nil {
			return err
		}
		from = append(append([]byte{keyTrail}, account...), 1) // After the last span of account.
	}
}

// trailAt is the newest entry of account that is of span or before; the zero Trail where
// nothing was posted to it until then.
func trailAt(view journal.View, account string, span uint64) (t ledger.Trail, err error) {
	err = view.Walk(trailPrefix(account), trailKey(account, span), true, func(key, value []byte) error {
		t, _, err = readTrail(key, value)
		return firstError(err, errEnough)
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return t, err
}
