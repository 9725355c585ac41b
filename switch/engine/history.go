package engine

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// The reasons for which a question about accounts has no answer. Test with errors.Is; beside
// them stands journal.ErrTrimmed, where the blocks in question were forgotten.
var (
	ErrAccountUnknown = errors.New("nothing was ever posted to this account")
	ErrAhead          = errors.New("the journal has not come so far")
)

// Balance is what an account stood at after a record of the journal.
type Balance struct {
	Account string
	At      journal.Position
	Balance payment.Fen
}

// Posted is one posting to an account.
type Posted struct {
	At      journal.Position // Of the record that posted it.
	Time    time.Time        // Of its block, UTC.
	Payment payment.ID       // Whose outcome the record is; empty for an act.
	Act     string           // Noun and verb, and subject, of an act.
	Amount  payment.Fen
	Balance payment.Fen // After it.
}

// Page asks for a part of an account's history.
type Page struct {
	Oldest bool              // The oldest first; the newest otherwise.
	Beyond *journal.Position // Only what comes after this record in that order; nil for all.
	Limit  int               // Postings, about: what one record posted is not torn apart. Above zero.
}

// whole is the offset that stands for the end of a block.
const whole = ^uint32(0)

// BlockEnd is the position after all records of block sequence.
func BlockEnd(sequence uint64) journal.Position {
	return journal.Position{Sequence: sequence, Offset: whole}
}

func earlier(a, b journal.Position) bool {
	return a.Sequence < b.Sequence || a.Sequence == b.Sequence && a.Offset < b.Offset
}

// Balances tells what every account stood at after the record at, which BlockEnd gives for a
// whole block and nil for the newest that is durable. Accounts that nothing was posted to
// until then are left out. In each medium the balances sum to zero.
func (e *Engine) Balances(at *journal.Position) ([]ledger.Line, journal.Position, error) {
	h, place, err := e.history(at)
	if err != nil {
		return nil, place, err
	}
	book := ledger.New(ledger.DefaultLimits(), nil)
	span := min(spanOf(place.Sequence)-1, h.spans)
	var lines []payment.Posting
	err = eachAccount(h.view, func(account string) error {
		t, err := trailAt(h.view, account, span)
		lines = append(lines, payment.Posting{Account: account, Amount: t.Balance, Currency: ledger.Currency})
		return err
	})
	if err = firstError(err, book.Post(lines)); err != nil {
		return nil, place, err
	}
	for sequence := firstOf(span + 1); sequence <= place.Sequence; sequence++ {
		block, err := h.log.Block(sequence)
		if err != nil {
			return nil, place, err
		}
		records := block.Records
		if sequence == place.Sequence {
			records = records[:min(len(records), int(place.Offset)+1)]
		}
		for i := range records {
			posted, err := checkRecord(&records[i])
			if err = firstError(err, book.Post(posted)); err != nil {
				return nil, place, fmt.Errorf("block %d, record %d: %w", sequence, i, err)
			}
		}
	}
	return book.Lines(), place, nil
}

// BalanceAt tells what account stood at after the record at; see Balances.
func (e *Engine) BalanceAt(account ledger.Account, at *journal.Position) (Balance, error) {
	h, place, err := e.history(at)
	b := Balance{Account: account.String(), At: place}
	if err != nil {
		return b, err
	}
	err = h.stretches(b.Account, place.Sequence, true, func(s *stretch) error {
		s.until(place.Sequence)
		b.Balance = s.before
		err := h.each(s, func(p *Posted) error {
			if !earlier(place, p.At) {
				b.Balance = p.Balance
			}
			return nil
		})
		return firstError(err, errEnough)
	})
	return b, h.answer(b.Account, b.Balance != 0, err)
}

// History gives a page of an account's postings, and whether there are more beyond it. The
// next page begins beyond the page's last posting.
func (e *Engine) History(account ledger.Account, page Page) (list []Posted, more bool, err error) {
	h, place, err := e.history(nil)
	if err != nil {
		return nil, false, err
	}
	from := place.Sequence
	if page.Oldest {
		from = 1
	}
	if page.Beyond != nil {
		from = min(page.Beyond.Sequence, place.Sequence)
	}
	err = h.stretches(account.String(), from, !page.Oldest, func(s *stretch) error {
		lines, err := h.lines(s, &page)
		for i := range lines {
			if len(list) >= max(1, page.Limit) && lines[i].At != list[len(list)-1].At {
				more = true
				return errEnough
			}
			list = append(list, lines[i])
		}
		return err
	})
	return list, more, h.answer(account.String(), len(list) > 0, err)
}

// answer is err, without the one that ends a walk; where nothing was found it says whether
// anything ever was posted to account.
func (h *history) answer(account string, found bool, err error) error {
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err != nil || found {
		return err
	}
	t, err := trailAt(h.view, account, h.spans)
	if err != nil || t.Count > 0 {
		return err
	}
	err = h.each(h.rest(account, 0), func(*Posted) error { return errEnough })
	switch {
	case err == nil:
		return ErrAccountUnknown
	case errors.Is(err, errEnough):
		return nil
	}
	return err
}

// history is what is durable of the accounts' history at one moment.
type history struct {
	*projection
	spans uint64 // That the index has all entries of.
	tail  uint64
}

// history reads how far the journal has come and checks that at, if it is given, is in it.
func (e *Engine) history(at *journal.Position) (*history, journal.Position, error) {
	place := journal.Position{}
	_, tail, err := e.stand()
	if err != nil {
		return nil, place, err
	}
	h := &history{projection: &e.projection, tail: tail}
	if h.spans, err = spans(h.view); err != nil {
		return nil, place, err
	}
	h.spans = min(h.spans, tail/ledger.SpanBlocks) // What is written and not durable does not count.
	if tail-h.spans*ledger.SpanBlocks >= 2*ledger.SpanBlocks {
		return nil, place, fmt.Errorf("engine: no history of accounts is kept: %w", journal.ErrTrimmed)
	}
	if at == nil {
		return h, BlockEnd(tail), nil
	}
	if at.Sequence > tail || at.Sequence == 0 {
		return nil, *at, fmt.Errorf("engine: block %d of %d: %w", at.Sequence, tail, ErrAhead)
	}
	return h, *at, nil
}

// stretch is some blocks of one span that posted to an account.
type stretch struct {
	account string
	first   uint64 // Of the span.
	blocks  uint64 // As in ledger.Trail.
	before  payment.Fen
}

// until leaves out the blocks after sequence.
func (s *stretch) until(sequence uint64) {
	if blocks := sequence + 1 - s.first; blocks < ledger.SpanBlocks {
		s.blocks &= 1<<blocks - 1
	}
}

// stretches calls visit with the stretches of account from the one that holds block from
// on, upwards or back. Back it begins with the newest one at or before from.
func (h *history) stretches(account string, from uint64, back bool, visit func(*stretch) error) error {
	newest, err := trailAt(h.view, account, h.spans)
	if err != nil {
		return err
	}
	rest := h.rest(account, newest.Balance)
	if back && from >= rest.first {
		if err := visit(rest); err != nil {
			return err
		}
	}
	start := trailKey(account, min(spanOf(from), h.spans+1))
	err = h.view.Walk(trailPrefix(account), start, back, func(key, value []byte) error {
		t, span, err := readTrail(key, value)
		if err != nil || span > h.spans {
			return err
		}
		return visit(&stretch{account, firstOf(span), t.Blocks, t.Balance - t.Sum})
	})
	if err == nil && !back {
		err = visit(rest)
	}
	return err
}

// rest is the blocks after the last whole span, any of which may have posted to account.
func (h *history) rest(account string, balance payment.Fen) *stretch {
	s := &stretch{account: account, first: firstOf(h.spans + 1), blocks: ^uint64(0), before: balance}
	s.until(h.tail)
	return s
}

// lines is what of a stretch belongs to page, in its order.
func (h *history) lines(s *stretch, page *Page) (list []Posted, err error) {
	err = h.each(s, func(p *Posted) error {
		switch b := page.Beyond; {
		case b == nil, page.Oldest && earlier(*b, p.At), !page.Oldest && earlier(p.At, *b):
			list = append(list, *p)
		}
		return nil
	})
	if !page.Oldest {
		slices.Reverse(list)
	}
	return list, err
}

// each calls visit with every posting of a stretch, the oldest first.
func (h *history) each(s *stretch, visit func(*Posted) error) error {
	balance := s.before
	for blocks := s.blocks; blocks != 0; blocks &= blocks - 1 {
		block, err := h.log.Block(s.first + uint64(bits.TrailingZeros64(blocks)))
		if err != nil {
			return err
		}
		for i := range block.Records {
			record := &block.Records[i]
			err := eachPosting(record, func(account []byte, amount payment.Fen) error {
				if string(account) != s.account {
					return nil
				}
				balance += amount
				p := Posted{At: journal.Position{Sequence: block.Sequence, Offset: uint32(i)}, Time: block.Time,
					Amount: amount, Balance: balance}
				return firstError(p.name(record), visit(&p))
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// name says whose record it is that posted p.
func (p *Posted) name(record *journal.Record) error {
	if recordKind(record.Kind) == recordAct {
		a, err := readAct(record)
		p.Act = strings.TrimSpace(a.What + " " + a.Subject)
		return err
	}
	r := reader{body: record.Body}
	p.Payment = payment.ID(r.string())
	return r.err
}

// eachPosting calls visit with each line that record posts. The name is valid during the
// call. Of an outcome, which is nearly every record that posts, it reads no more than that.
func eachPosting(record *journal.Record, visit func(account []byte, amount payment.Fen) error) error {
	if recordKind(record.Kind) != recordOutcome {
		if recordKind(record.Kind) != recordAct {
			return nil
		}
		posted, err := checkRecord(record)
		for i := range posted {
			err = firstError(err, visit([]byte(posted[i].Account), posted[i].Amount))
		}
		return err
	}
	r := reader{body: record.Body, version: record.Version}
	r.text()
	r.skip(2)
	r.varint()
	r.skip(1)
	for n := r.byte(); n > 0 && r.err == nil; n-- { // See appendLegs.
		r.skip(5)
		r.text()
		r.text()
		r.varint()
		r.text()
	}
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		account, amount := r.text(), payment.Fen(r.varint())
		if r.text(); r.err == nil {
			r.err = visit(account, amount)
		}
	}
	return r.err
}
