package admin

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// Accounts is what people need to look into the ledger; see engine.Engine.
type Accounts interface {
	Balances(at *journal.Position) ([]ledger.Line, journal.Position, error)
	BalanceAt(account ledger.Account, at *journal.Position) (engine.Balance, error)
	History(account ledger.Account, page engine.Page) (list []engine.Posted, more bool, err error)
}

// Place is a position of the journal as people write it: SEQUENCE for the end of a block,
// SEQUENCE.OFFSET for one of its records, from 0.
type Place string

// placeOf writes at.
func placeOf(at journal.Position) Place {
	text := strconv.FormatUint(at.Sequence, 10)
	if at != engine.BlockEnd(at.Sequence) {
		text += "." + strconv.FormatUint(uint64(at.Offset), 10)
	}
	return Place(text)
}

// read is the position that p names; nil for an empty one, which is the newest.
func (p Place) read() (*journal.Position, error) {
	if p == "" {
		return nil, nil
	}
	block, record, of := strings.Cut(string(p), ".")
	sequence, err := strconv.ParseUint(block, 10, 64)
	at := engine.BlockEnd(sequence)
	if of && err == nil {
		var offset uint64
		offset, err = strconv.ParseUint(record, 10, 31)
		at.Offset = uint32(offset)
	}
	if err != nil {
		return nil, &Refusal{PositionInvalid, "want SEQUENCE or SEQUENCE.OFFSET of the journal"}
	}
	return &at, nil
}

// AccountBalance is what one account stands at, in fen.
type AccountBalance struct {
	Account string      `json:"account"`
	Balance payment.Fen `json:"balance_fen"`
}

// AccountList is what all accounts stand at after one record of the journal. In each medium
// they sum to zero.
type AccountList struct {
	At       Place            `json:"at"`
	Accounts []AccountBalance `json:"accounts"`
}

// AccountAt is what one account stands at after one record of the journal.
type AccountAt struct {
	At Place `json:"at"`
	AccountBalance
}

// HistoryLine is one posting to an account.
type HistoryLine struct {
	At      Place       `json:"at"`
	Time    time.Time   `json:"time"`
	Payment payment.ID  `json:"payment,omitempty"` // Whose outcome posted it.
	Act     string      `json:"act,omitempty"`     // What people or the switch itself did.
	Amount  payment.Fen `json:"amount_fen"`
	Balance payment.Fen `json:"balance_fen"` // After it.
}

// HistoryPage is a part of an account's history.
type HistoryPage struct {
	Account string        `json:"account"`
	Lines   []HistoryLine `json:"lines"`
	Next    Place         `json:"next,omitempty"` // The next page is beyond this place; empty at the end.
}

// Limits of a page.
const (
	pageLinesDefault = 100
	pageLinesMax     = 10_000
)

func listAccounts(c *call, _ *engine.Act) (any, error) {
	at, err := c.place("at")
	if err != nil {
		return nil, err
	}
	done, err := c.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	lines, place, err := c.options.Accounts.Balances(at)
	if err != nil {
		return nil, accountRefused(err)
	}
	list := AccountList{placeOf(place), make([]AccountBalance, len(lines))}
	for i := range lines {
		list.Accounts[i] = AccountBalance{lines[i].Account.String(), lines[i].Balance}
	}
	return list, nil
}

func showAccount(c *call, _ *engine.Act) (any, error) {
	account, err := c.account()
	if err != nil {
		return nil, err
	}
	at, err := c.place("at")
	if err != nil {
		return nil, err
	}
	b, err := c.options.Accounts.BalanceAt(account, at)
	if err != nil {
		return nil, accountRefused(err)
	}
	return AccountAt{placeOf(b.At), AccountBalance{b.Account, b.Balance}}, nil
}

func showHistory(c *call, _ *engine.Act) (any, error) {
	account, err := c.account()
	if err != nil {
		return nil, err
	}
	page := engine.Page{Limit: pageLinesDefault, Oldest: c.http.URL.Query().Get("order") == "oldest"}
	if page.Beyond, err = c.place("beyond"); err != nil {
		return nil, err
	}
	if text := c.http.URL.Query().Get("limit"); text != "" {
		if page.Limit, err = strconv.Atoi(text); err != nil || page.Limit < 1 || page.Limit > pageLinesMax {
			return nil, &Refusal{PageInvalid, fmt.Sprintf("limit is 1 to %d lines", pageLinesMax)}
		}
	}
	done, err := c.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, more, err := c.options.Accounts.History(account, page)
	if err != nil {
		return nil, accountRefused(err)
	}
	answer := HistoryPage{Account: account.String(), Lines: make([]HistoryLine, len(list))}
	for i := range list {
		p := &list[i]
		answer.Lines[i] = HistoryLine{placeOf(p.At), p.Time, p.Payment, p.Act, p.Amount, p.Balance}
		if more {
			answer.Next = answer.Lines[i].At
		}
	}
	return answer, nil
}

// account is the one that the path names.
func (c *call) account() (ledger.Account, error) {
	name := c.http.PathValue("purpose") + "/" + c.http.PathValue("medium") + "/" + c.http.PathValue("owner")
	a, err := ledger.ParseAccount(name)
	if err != nil || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return a, &Refusal{AccountInvalid, "want purpose/medium/owner, such as position/commercial/harbourbank"}
	}
	return a, nil
}

// place is the position that the query names under key.
func (c *call) place(key string) (*journal.Position, error) {
	return Place(c.http.URL.Query().Get(key)).read()
}

// reading takes the one place for who reads much of the journal beside the payments.
func (c *call) reading() (done func(), err error) {
	select {
	case c.histories <- struct{}{}:
		return func() { <-c.histories }, nil
	default:
		return nil, &Refusal{Busy, "another history is being read"}
	}
}

// accountRefused turns what has no answer into a refusal.
func accountRefused(err error) error {
	var refusal *payment.Refusal
	switch {
	case errors.Is(err, engine.ErrAccountUnknown):
		return &Refusal{AccountUnknown, engine.ErrAccountUnknown.Error()}
	case errors.Is(err, engine.ErrAhead):
		return &Refusal{PositionAhead, engine.ErrAhead.Error()}
	case errors.Is(err, journal.ErrTrimmed):
		return &Refusal{HistoryTrimmed, "the blocks in question were trimmed"}
	case errors.As(err, &refusal):
		return &Refusal{JournalRefused, refusal.Failure.Code()}
	}
	return err
}
