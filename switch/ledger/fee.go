package ledger

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tongma/switch/payment"
)

// FeeRule is one line of the schedule. Empty conditions fit everything. Of the rules that
// fit a payment the first one charges.
type FeeRule struct {
	ID          string      `yaml:"id"`
	Institution string      `yaml:"institution"` // The side that receives the money.
	Scheme      string      `yaml:"scheme"`
	Category    string      `yaml:"category"` // ISO 18245, four digits.
	AmountFrom  payment.Fen `yaml:"amount_from_fen"`
	AmountTo    payment.Fen `yaml:"amount_to_fen"` // Included; 0 is without end.
	From        time.Time   `yaml:"from"`          // UTC, included; zero is without beginning.
	Until       time.Time   `yaml:"until"`         // UTC, not included; zero is without end.

	RatePPM int64       `yaml:"rate_ppm"` // Millionths of the amount: 3800 is 0.38 %.
	Fixed   payment.Fen `yaml:"fixed_fen"`
	Min     payment.Fen `yaml:"min_fen"`
	Max     payment.Fen `yaml:"max_fen"` // 0 is without limit.
	Shares  []FeeShare  `yaml:"shares"`  // Who gets what; the rest is the switch's.
}

// FeeShare gives one institution a part of the fee.
type FeeShare struct {
	Institution string `yaml:"institution"` // Or "issuer": the side that the money comes from.
	PPM         int64  `yaml:"ppm"`         // Millionths of the fee, rounded down.
}

// Issuer stands in a share for the side that the money comes from.
const Issuer = "issuer"

const million = 1_000_000

// Schedule is the fees in the order in which they are tried. The side that receives the
// commercial money bears the fee. e-CNY bears none: the central bank charges operators
// nothing for it and they charge persons nothing (PBOC white paper, July 2021).
type Schedule struct {
	Rules []FeeRule `yaml:"rules"`
}

// Validate reports every fault of s at once.
func (s *Schedule) Validate() error {
	var faults []error
	seen := map[string]bool{}
	for i := range s.Rules {
		r := &s.Rules[i]
		if fault := r.fault(); fault != "" {
			faults = append(faults, fmt.Errorf("ledger: fee rule %d (%s): %s", i+1, r.ID, fault))
		}
		if seen[r.ID] {
			faults = append(faults, fmt.Errorf("ledger: fee rule %q stands twice", r.ID))
		}
		seen[r.ID] = true
	}
	return errors.Join(faults...)
}

// Institutions are those that s names in rules that are not over at an instant, each once.
func (s *Schedule) Institutions(at time.Time) []string {
	var list []string
	for i := range s.Rules {
		if until := s.Rules[i].Until; !until.IsZero() && !at.Before(until) {
			continue
		}
		if name := s.Rules[i].Institution; name != "" {
			list = append(list, name)
		}
		for _, share := range s.Rules[i].Shares {
			if share.Institution != Issuer {
				list = append(list, share.Institution)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (r *FeeRule) fault() string {
	shared := int64(0)
	for _, share := range r.Shares {
		if share.Institution == "" || share.PPM <= 0 || share.PPM > million {
			return "a share without institution, or not within 1 to 1000000 ppm"
		}
		shared += share.PPM
	}
	switch {
	case r.ID == "":
		return "it has no id"
	case r.RatePPM < 0 || r.RatePPM > million:
		return "rate_ppm is not within 0 to 1000000"
	case r.Fixed < 0 || r.Min < 0 || r.Max < 0 || max(r.Fixed, r.Min, r.Max) > payment.AmountMax:
		return "an amount is below zero or above the largest payment"
	case r.Max > 0 && r.Min > r.Max:
		return "min_fen is above max_fen"
	case r.AmountTo > 0 && r.AmountFrom > r.AmountTo:
		return "amount_from_fen is above amount_to_fen"
	case !r.Until.IsZero() && !r.From.Before(r.Until):
		return "it ends before it begins"
	case shared > million:
		return "the shares are more than the fee"
	}
	return ""
}

// fits reports whether r charges p, whose money goes to payee.
func (r *FeeRule) fits(p *payment.Payment, payee string) bool {
	return (r.Institution == "" || r.Institution == payee) &&
		(r.Scheme == "" || r.Scheme == p.Scheme) &&
		(r.Category == "" || r.Category == p.Category) &&
		p.Amount >= r.AmountFrom && (r.AmountTo == 0 || p.Amount <= r.AmountTo) &&
		!p.Accepted.Before(r.From) && (r.Until.IsZero() || p.Accepted.Before(r.Until))
}

// Of is the fee for amount, in fen: the rate's part is rounded half up to a whole fen, the
// fixed part added, the sum brought within min and max, and never above the amount.
func (r *FeeRule) Of(amount payment.Fen) payment.Fen {
	whole, rest := int64(amount)/million, int64(amount)%million // The product could overflow.
	fee := payment.Fen(whole*r.RatePPM+(rest*r.RatePPM+million/2)/million) + r.Fixed
	fee = max(fee, r.Min)
	if r.Max > 0 {
		fee = min(fee, r.Max)
	}
	return min(fee, amount)
}

// charge is a fee with who bears it and where it comes from.
type charge struct {
	rule          *FeeRule
	fee           payment.Fen
	bearer, payer string
}

// charge finds the fee of a payment of kind Pay: the bearer is the side whose commercial
// position grows, the payer's side the one whose falls.
func (s *Schedule) charge(p *payment.Payment) charge {
	var c charge
	if s == nil {
		return c
	}
	m := moved(p, nil)
	for _, move := range m.all() {
		switch {
		case move.Side.Medium != payment.Commercial:
		case move.Amount > 0:
			c.bearer = move.Side.Institution
		case move.Amount < 0:
			c.payer = move.Side.Institution
		}
	}
	if c.bearer == "" {
		return c
	}
	for i := range s.Rules {
		if s.Rules[i].fits(p, c.bearer) {
			c.rule = &s.Rules[i]
			c.fee = c.rule.Of(p.Amount)
			return c
		}
	}
	return c
}

// fee adds the lines of p's fee and keeps them in p.
func (b *Book) fee(p, original *payment.Payment) {
	switch {
	case p.Kind.Turns():
		b.giveBackFee(p, original)
		return
	case p.Kind != payment.Pay:
		return // An adjustment says itself what is moved; a fee is put right by one of its own.
	}
	from := len(b.lines)
	c := b.fees.charge(p)
	b.share(&c)
	p.Fees = slices.Clone(b.lines[from:])
}

// share splits the fee among those who earn it and lets the bearer pay their sum.
func (b *Book) share(c *charge) {
	if c.fee == 0 {
		return
	}
	rest := c.fee
	for _, s := range c.rule.Shares {
		owner := s.Institution
		if owner == Issuer {
			owner = c.payer
		}
		part := portion(c.fee, payment.Fen(s.PPM), million)
		rest -= part
		b.addFee(b.side(Side{owner, payment.Commercial}).position.name, part)
	}
	b.addFee(Account{Fee, payment.Commercial, Switch}.String(), rest)
	b.addFee(b.side(Side{c.bearer, payment.Commercial}).position.name, -c.fee)
}

func (b *Book) addFee(account string, part payment.Fen) {
	if part != 0 {
		b.add(account, part)
	}
}

// giveBackFee returns of each line that the original was charged the part that p's amount
// is of the original's: what has been returned after it is rounded down, so that the last
// refund or chargeback returns exactly the rest. A cancel returns all. The schedule of today has no say:
// it may have changed since. What a third party returns is not held against its cap: it
// goes below it by no more than it earned, and a payer's refund does not wait for that.
func (b *Book) giveBackFee(p, original *payment.Payment) {
	if len(original.Fees) == 0 {
		return
	}
	before, after := original.Returned(), original.Returned()+p.Amount
	earners, bearer := original.Fees[:len(original.Fees)-1], original.Fees[len(original.Fees)-1]
	sum := payment.Fen(0)
	for _, line := range earners {
		part := portion(line.Amount, after, original.Amount) - portion(line.Amount, before, original.Amount)
		b.addFee(line.Account, -part)
		sum += part
	}
	b.addFee(bearer.Account, sum)
}

// FeesOf is the part of postings, which Settle made for p, that are fees: what follows p's
// moves.
func FeesOf(p *payment.Payment, postings []payment.Posting) []payment.Posting {
	if p.Kind != payment.Pay {
		return nil
	}
	m := moved(p, nil)
	for _, move := range m.all() {
		if move.Amount != 0 && len(postings) > 0 {
			postings = postings[1:]
		}
	}
	return postings
}
