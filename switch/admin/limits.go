package admin

import (
	"errors"
	"fmt"

	"tongma/switch/engine"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// Limits is what people need for deposits and caps; see engine.Engine.
type Limits interface {
	Standings() ([]ledger.Stood, error)
}

// The changes of a limit.
const (
	LimitDeposit  = "deposit"  // Money came into the settlement bank's account of the switch.
	LimitWithdraw = "withdraw" // Money goes back: never what payments need.
	LimitCap      = "cap"      // A new net debit cap.
)

// LimitLine is how one side stands, in fen.
type LimitLine struct {
	Institution string         `json:"institution"`
	Medium      string         `json:"medium"`
	Position    payment.Fen    `json:"position_fen"`
	Held        payment.Fen    `json:"held_fen"`
	Deposit     payment.Fen    `json:"deposit_fen"`
	Cap         payment.Fen    `json:"cap_fen"`
	Limited     bool           `json:"limited"`
	Available   payment.Fen    `json:"available_fen"` // What it may still pay out; of meaning where it is limited.
	UsedPPM     int64          `json:"used_ppm"`      // Of deposit and cap, millionths.
	Proposal    *LimitProposal `json:"proposal,omitempty"`
}

// LimitProposal is one person's word on a limit; it waits for that of another.
type LimitProposal struct {
	Change string      `json:"change"`
	Amount payment.Fen `json:"amount_fen"`
	Word
}

// String gives the change and its amount.
func (p *LimitProposal) String() string { return p.Change + " " + p.Amount.Yuan() + " yuan" }

// amountFenMax bounds a deposit and a cap: far from the end of what sums can hold.
const amountFenMax payment.Fen = 1e17

func limitKey(side ledger.Side) string {
	return "limit/" + side.Medium.String() + "/" + side.Institution
}

func listLimits(c *call, _ *engine.Act) (any, error) {
	stood, err := c.options.Limits.Standings()
	if err != nil {
		return nil, &Refusal{JournalRefused, err.Error()}
	}
	lines := make([]LimitLine, len(stood))
	for i := range stood {
		s := &stood[i]
		lines[i] = LimitLine{Institution: s.Institution, Medium: s.Medium.String(), Position: s.Position, Held: s.Held,
			Deposit: s.Deposit, Cap: s.Cap, Limited: s.Limited, Available: s.Available(), UsedPPM: s.UsedPPM()}
		if lines[i].Proposal, err = c.limitProposal(s.Side); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// limitProposal gives what was proposed about side; nil where nothing waits.
func (c *call) limitProposal(side ledger.Side) (*LimitProposal, error) {
	p := new(LimitProposal)
	if found, err := c.proposed(limitKey(side), p); err != nil || !found {
		return nil, err
	}
	return p, nil
}

// limit reads whose limit is meant and what is to become of it.
func (c *call) limit(a *engine.Act, p *LimitProposal) (ledger.Side, error) {
	side := ledger.Side{Institution: c.http.PathValue("institution")}
	word := c.http.PathValue("medium")
	a.Subject = clip(word + "/" + side.Institution)
	if err := c.read(p); err != nil {
		return side, err
	}
	medium, known := payment.ParseMedium(word)
	side.Medium = medium
	account := ledger.Account{Purpose: ledger.Deposit, Medium: medium, Owner: side.Institution}
	_, err := ledger.ParseAccount(account.String())
	switch {
	case !known || err != nil || !c.options.Tables.Registered(side.Institution):
		return side, &Refusal{BodyInvalid, "want an institution of the register, and commercial or ecny"}
	case p.Change != LimitDeposit && p.Change != LimitWithdraw && p.Change != LimitCap:
		return side, &Refusal{BodyInvalid, "change is deposit, withdraw or cap"}
	case p.Amount < 0 || p.Amount > amountFenMax || p.Amount == 0 && p.Change != LimitCap:
		return side, &Refusal{BodyInvalid, fmt.Sprintf("amount_fen is %d, want 1 to %d", p.Amount, amountFenMax)}
	}
	return side, nil
}

// proposeLimit keeps one person's word on a limit.
func proposeLimit(c *call, a *engine.Act) (any, error) {
	c.deciding.Lock()
	defer c.deciding.Unlock()
	var p LimitProposal
	side, err := c.limit(a, &p)
	if err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	if err := c.propose(a, limitKey(side), &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// approveLimit is the second person's word: it must say what the first one said. The
// change stands in the act's own record.
func approveLimit(c *call, a *engine.Act) (any, error) {
	c.deciding.Lock()
	defer c.deciding.Unlock()
	var said, p LimitProposal
	side, err := c.limit(a, &said)
	if err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	agrees := func() bool { return p.Change == said.Change && p.Amount == said.Amount }
	if err := c.second(a, limitKey(side), &p, said.Word, agrees); err != nil {
		return nil, err
	}
	done := *a
	done.Key, done.State = limitKey(side), []byte("{}")
	p.apply(&done, side)
	if err := c.options.Acts.Act(&done); err != nil {
		var refusal *payment.Refusal
		errors.As(err, &refusal)
		switch {
		case refusal != nil && refusal.Failure == payment.LiquidityShort:
			return nil, c.options.Tables.refused(a, &Refusal{DepositShort, "so much of the deposit is not there, or payments need it"})
		case refusal != nil && refusal.Failure == payment.AmountInvalid:
			return nil, c.options.Tables.refused(a, &Refusal{BodyInvalid, fmt.Sprintf("the deposit would be above %d fen", amountFenMax)})
		}
		return nil, &Refusal{JournalRefused, err.Error()}
	}
	return &p, nil
}

// apply gives act what the approved proposal does.
func (p *LimitProposal) apply(a *engine.Act, side ledger.Side) {
	if p.Change == LimitCap {
		a.Caps = []engine.CapChange{{Side: side, Cap: p.Amount}}
		return
	}
	amount := p.Amount
	if p.Change == LimitWithdraw {
		amount = -amount
	}
	deposit := ledger.Account{Purpose: ledger.Deposit, Medium: side.Medium, Owner: side.Institution}
	reserve := ledger.Account{Purpose: ledger.Reserve, Medium: side.Medium, Owner: ledger.Switch}
	a.Postings = []payment.Posting{
		{Account: deposit.String(), Amount: amount, Currency: ledger.Currency},
		{Account: reserve.String(), Amount: -amount, Currency: ledger.Currency},
	}
}
