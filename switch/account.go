package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"tongma/switch/admin"
)

// accountCommand looks into the ledger of a running switch.
type accountCommand struct {
	List    accountListCommand    `cmd:"" help:"List what every account stands at, now or after any record of the journal."`
	Balance accountBalanceCommand `cmd:"" help:"Print what one account stands at."`
	History accountHistoryCommand `cmd:"" help:"Print an account's postings, page by page."`
}

// accountPlace says after which record of the journal.
type accountPlace struct {
	At string `help:"Position in the journal: SEQUENCE for the end of a block, SEQUENCE.OFFSET for one of its records; the newest if left out."`
}

// accountName names an account.
type accountName struct {
	Account string `arg:"" help:"The account, such as position/commercial/harbourbank."`
}

// Validate is kong's.
func (a accountName) Validate() error {
	if strings.Count(a.Account, "/") != 2 {
		return fmt.Errorf("account %q: want purpose/medium/owner, such as position/commercial/harbourbank; see account list", a.Account)
	}
	return nil
}

type accountListCommand struct {
	adminFlags
	accountPlace
}

// Run prints the accounts that do not stand at zero.
func (c accountListCommand) Run() error {
	var list admin.AccountList
	if err := c.do("GET", "/admin/v1/accounts?at="+url.QueryEscape(c.At), nil, &list); err != nil {
		return err
	}
	fmt.Printf("after %s:\n", list.At)
	for _, a := range list.Accounts {
		fmt.Printf("  %-40s %16s yuan\n", a.Account, a.Balance.Yuan())
	}
	return nil
}

type accountBalanceCommand struct {
	adminFlags
	accountName
	accountPlace
}

// Run prints one balance.
func (c accountBalanceCommand) Run() error {
	var a admin.AccountAt
	if err := c.do("GET", "/admin/v1/accounts/"+c.Account+"?at="+url.QueryEscape(c.At), nil, &a); err != nil {
		return err
	}
	fmt.Printf("%s after %s: %s yuan\n", a.Account, a.At, a.Balance.Yuan())
	return nil
}

type accountHistoryCommand struct {
	adminFlags
	accountName
	Oldest bool   `help:"The oldest first."`
	Beyond string `help:"Begin beyond this position: what the page before named as next."`
	Limit  int    `default:"100" help:"Postings of a page, 1 to 10000."`
}

// Run prints one page and how to ask for the next.
func (c accountHistoryCommand) Run() error {
	query := url.Values{"beyond": {c.Beyond}, "limit": {strconv.Itoa(c.Limit)}}
	if c.Oldest {
		query.Set("order", "oldest")
	}
	var page admin.HistoryPage
	if err := c.do("GET", "/admin/v1/accounts/"+c.Account+"/history?"+query.Encode(), nil, &page); err != nil {
		return err
	}
	for i := range page.Lines {
		l := &page.Lines[i]
		by := string(l.Payment)
		if by == "" {
			by = l.Act
		}
		fmt.Printf("%-14s %s %16s %16s  %s\n", l.At, l.Time.Format("2006-01-02T15:04:05.000Z"), l.Amount.Yuan(), l.Balance.Yuan(), by)
	}
	if page.Next != "" {
		fmt.Printf("next page: --beyond %s\n", page.Next)
	}
	return nil
}
