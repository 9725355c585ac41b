package settlement

import (
	"slices"

	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// Net is what one member of a window is owed in the end, in fen; below zero it owes. One
// sum takes the place of all that it owes and is owed.
type Net struct {
	Member string      `json:"member"`
	Amount payment.Fen `json:"amount_fen"`
}

// Nets is the multilateral netting of a window: every member in order, those at zero too.
// The nets sum to zero.
//
// Who is excluded has defaulted: the pairs that it is in are unwound, which is to say that
// they are not netted. What they come to stays in the positions of both sides, a claim of
// each counterparty on the one that defaulted; what the others owe one another is settled
// as if it had not been there, so that one default makes no second one.
func (s *Seal) Nets(excluded ...string) []Net {
	at := make(map[string]int, len(s.Names))
	nets := make([]Net, len(s.Names))
	for i, name := range s.Names {
		at[name], nets[i].Member = i, name
	}
	for i := range s.List {
		p := &s.List[i]
		if slices.Contains(excluded, p.A) || slices.Contains(excluded, p.B) {
			continue
		}
		owes := p.Net()
		nets[at[p.A]].Amount -= owes
		nets[at[p.B]].Amount += owes
	}
	return nets
}

// Postings take a settled window out of the positions: what a member was owed has been
// paid to it, what it owed it has paid. Each member's two lines are even by themselves.
func (s *Seal) Postings(excluded ...string) []payment.Posting {
	var list []payment.Posting
	add := func(purpose ledger.Purpose, owner string, amount payment.Fen) {
		name := ledger.Account{Purpose: purpose, Medium: payment.Commercial, Owner: owner}.String()
		list = append(list, payment.Posting{Account: name, Amount: amount, Currency: ledger.Currency})
	}
	for _, net := range s.Nets(excluded...) {
		if net.Amount == 0 {
			continue
		}
		purpose := ledger.Position
		if net.Member == ledger.Switch {
			purpose = ledger.Fee
		}
		add(purpose, net.Member, -net.Amount)
		add(ledger.Settlement, net.Member, net.Amount)
	}
	return list
}
