package ledger

import (
	"fmt"
	"strings"

	"tongma/switch/payment"
)

// Purpose says what an account is for.
type Purpose string

// The purposes of accounts.
const (
	Position   Purpose = "position"   // What an institution is owed by the others since it was last settled.
	Deposit    Purpose = "deposit"    // What an institution has prefunded.
	Reserve    Purpose = "reserve"    // The counterpart of the deposits: the money at the settlement bank.
	Fee        Purpose = "fee"        // What was earned from fees.
	Suspense   Purpose = "suspense"   // What people have yet to assign.
	Settlement Purpose = "settlement" // The counterpart of positions that a settled window took out.
)

var purposes = []Purpose{Position, Deposit, Reserve, Fee, Suspense, Settlement}

// Account names one account: purpose, medium and owner, as in "position/ecny/icbc". The
// currency stands in the posting.
type Account struct {
	Purpose Purpose
	Medium  payment.Medium
	Owner   string // An institution's id; "switch" for what has no other owner.
}

// Switch owns the accounts that belong to no institution.
const Switch = "switch"

// String is the account's name in postings and files.
func (a Account) String() string {
	return string(a.Purpose) + "/" + a.Medium.String() + "/" + a.Owner
}

// ParseAccount is the inverse of Account.String.
func ParseAccount(name string) (Account, error) {
	purpose, rest, _ := strings.Cut(name, "/")
	word, owner, ok := strings.Cut(rest, "/")
	medium, known := payment.ParseMedium(word)
	if !ok || !known || owner == "" || strings.Contains(owner, "/") {
		return Account{}, fmt.Errorf("ledger: account %q, want purpose/medium/owner", name)
	}
	for _, p := range purposes {
		if string(p) == purpose {
			return Account{p, medium, owner}, nil
		}
	}
	return Account{}, fmt.Errorf("ledger: account %q has no known purpose", name)
}
