package main

import (
	"fmt"
	"net/url"

	"tongma/switch/admin"
)

// limitCommand looks after what institutions may owe: what they have deposited and their
// net debit caps. Changes take two persons.
type limitCommand struct {
	List    limitListCommand    `cmd:"" help:"List every side's position, what is held, deposit, cap and what is left."`
	Propose limitProposeCommand `cmd:"" help:"Say the first person's word on a deposit, a withdrawal or a cap."`
	Approve limitApproveCommand `cmd:"" help:"Say the second person's word: the change stands."`
}

type limitListCommand struct{ adminFlags }

// Run prints the sides.
func (c limitListCommand) Run() error {
	var lines []admin.LimitLine
	if err := c.do("GET", "/admin/v1/limits", nil, &lines); err != nil {
		return err
	}
	for i := range lines {
		l := &lines[i]
		fmt.Printf("%-16s %-10s position %s, held %s, deposit %s", l.Institution, l.Medium, l.Position.Yuan(), l.Held.Yuan(), l.Deposit.Yuan())
		if l.Limited {
			fmt.Printf(", cap %s, available %s, %d.%02d %% used", l.Cap.Yuan(), l.Available.Yuan(), l.UsedPPM/10_000, l.UsedPPM%10_000/100)
		} else {
			fmt.Print(", without limit")
		}
		fmt.Println()
		if p := l.Proposal; p != nil {
			fmt.Printf("    %s proposed %s of %s yuan: %s\n", p.By, p.Change, p.Amount.Yuan(), p.Evidence)
		}
	}
	return nil
}

// limitArguments are whose limit is changed, and how.
type limitArguments struct {
	Institution string `arg:"" help:"Id of the institution."`
	Change      string `arg:"" enum:"deposit,withdraw,cap" help:"deposit, withdraw or cap."`
	AmountFen   int64  `arg:"" help:"Amount in fen; of a cap, the new one."`
	Medium      string `default:"commercial" enum:"commercial,ecny" help:"The kind of money: commercial or ecny."`
}

func (a limitArguments) path(verb string) string {
	return "/admin/v1/limits/" + url.PathEscape(a.Institution) + "/" + a.Medium + verb
}

type limitProposeCommand struct {
	adminFlags
	Evidence string `required:"" help:"Why: the bank's advice, a decision, a ticket; 8 bytes or more."`
	limitArguments
}

// Run keeps the first person's word.
func (c limitProposeCommand) Run() error {
	var p admin.LimitProposal
	body := map[string]any{"change": c.Change, "amount_fen": c.AmountFen, "evidence": c.Evidence}
	if err := c.do("POST", c.path("/propose"), body, &p); err != nil {
		return err
	}
	fmt.Printf("%s proposed %s of %s yuan; another person has to approve\n", p.By, p.Change, p.Amount.Yuan())
	return nil
}

type limitApproveCommand struct {
	adminFlags
	limitArguments
}

// Run says the second person's word.
func (c limitApproveCommand) Run() error {
	var p admin.LimitProposal
	if err := c.do("POST", c.path("/approve"), map[string]any{"change": c.Change, "amount_fen": c.AmountFen}, &p); err != nil {
		return err
	}
	fmt.Printf("%s of %s yuan stands\n", p.Change, p.Amount.Yuan())
	return nil
}
