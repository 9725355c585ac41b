package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

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
	Change   string      `json:"change"`
	Amount   payment.Fen `json:"amount_fen"`
	Evidence string      `json:"evidence"` // The bank's advice, a decision, a ticket.
	By       string      `json:"by"`
	At       time.Time   `json:"at"`
}

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
	text, err := c.options.Acts.State(limitKey(side))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	p := new(LimitProposal)
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("admin: cannot read the proposal on %s: %w", limitKey(side), err)
	}
	if p.Change == "" {
		return nil, nil
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

// proposeLimit keeps one person's word on a limit. A later one takes its place.
func proposeLimit(c *call, a *engine.Act) (any, error) {
	var p LimitProposal
	side, err := c.limit(a, &p)
	if err == nil {
		err = checkEvidence(p.Evidence)
	}
	if err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	p.By, p.At = a.Who, a.Time
	if a.State, err = json.Marshal(&p); err != nil {
		return nil, err
	}
	a.Key, a.Detail = limitKey(side), clip(fmt.Sprintf("%s %s yuan: %s", p.Change, p.Amount.Yuan(), p.Evidence))
	if err := c.options.Acts.Act(a); err != nil {
		return nil, &Refusal{JournalRefused, err.Error()}
	}
	return &p, nil
}

// approveLimit is the second person's word: it must say what the first one said. The
// change stands in the act's own record.
func approveLimit(c *call, a *engine.Act) (any, error) {
	c.hands.mu.Lock()
	defer c.hands.mu.Unlock()
	var word LimitProposal
	side, err := c.limit(a, &word)
	if err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	p, err := c.limitProposal(side)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		err = &Refusal{ProposalMissing, "nobody has proposed anything"}
	case p.By == a.Who:
		err = &Refusal{SamePerson, "who proposed a change cannot approve it"}
	case p.Change != word.Change || p.Amount != word.Amount:
		err = &Refusal{ProposalChanged, fmt.Sprintf("%s proposed %s of %d fen", p.By, p.Change, p.Amount)}
	}
	if err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	done := *a
	done.Key, done.State = limitKey(side), []byte("{}")
	done.Detail = clip(fmt.Sprintf("%s %s yuan, as %s proposed: %s", p.Change, p.Amount.Yuan(), p.By, p.Evidence))
	p.apply(&done, side)
	if err := c.options.Acts.Act(&done); err != nil {
		var refusal *payment.Refusal
		if errors.As(err, &refusal) && refusal.Failure == payment.LiquidityShort {
			return nil, c.options.Tables.refused(a, &Refusal{DepositShort, "so much of the deposit is not there, or payments need it"})
		}
		return nil, &Refusal{JournalRefused, err.Error()}
	}
	return p, nil
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
