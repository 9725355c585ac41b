package main

import (
	"fmt"
	"net/url"
	"time"

	"tongma/switch/admin"
	"tongma/switch/payment"
)

// entryCommand looks after what people book themselves: chargebacks and adjustments. Each
// takes two persons.
type entryCommand struct {
	List     entryListCommand     `cmd:"" help:"List the entries that wait for a second word; with --all, all of them, the newest first."`
	Propose  entryProposeCommand  `cmd:"" help:"Say the first person's word on a chargeback or an adjustment."`
	Approve  entryApproveCommand  `cmd:"" help:"Say the second person's word: the money moves."`
	Reject   entryRejectCommand   `cmd:"" help:"Say no to an entry that was proposed."`
	Withdraw entryWithdrawCommand `cmd:"" help:"Take back an entry that was proposed."`
	Reasons  entryReasonsCommand  `cmd:"" help:"List the reasons that an entry can have."`
}

type entryListCommand struct {
	adminFlags
	All bool `help:"Those that were booked, rejected or withdrawn too."`
}

// Run prints the entries.
func (c entryListCommand) Run() error {
	path := "/admin/v1/entries"
	if c.All {
		path += "?all=true"
	}
	var list []admin.EntryProposal
	if err := c.do("GET", path, nil, &list); err != nil {
		return err
	}
	for i := range list {
		printEntry(&list[i])
	}
	fmt.Printf("%d entries\n", len(list))
	return nil
}

func printEntry(p *admin.EntryProposal) {
	fmt.Printf("%s %s: %s\n    %s proposed it at %s: %s\n", p.ID, p.State, p, p.By, p.At.Local().Format(time.DateTime), p.Evidence)
	if p.DecidedBy != "" {
		fmt.Printf("    %s by %s at %s\n", p.State, p.DecidedBy, p.DecidedAt.Local().Format(time.DateTime))
	}
}

// entryProposeCommand says which kind of entry is wanted.
type entryProposeCommand struct {
	Chargeback chargebackCommand `cmd:"" help:"Money back to the payer's side, all of a payment or a part."`
	Adjustment adjustmentCommand `cmd:"" help:"Money from one institution to another, to put right what went wrong."`
}

// entryFlags are what every proposal says.
type entryFlags struct {
	adminFlags
	Reason    string `required:"" help:"A code of the closed list; see entry reasons."`
	Evidence  string `required:"" help:"How you know: a case, a file, a ticket, who said so; 8 bytes or more."`
	Reference string `help:"Your own number of the matter: proposed twice under it is proposed once."`
}

func (f *entryFlags) propose(p admin.EntryProposal) error {
	p.Reason, p.Reference, p.Word.Evidence = f.Reason, f.Reference, f.Evidence
	client, err := f.client()
	if err != nil {
		return err
	}
	kept, err := client.ProposeEntry(p)
	if err != nil {
		return err
	}
	printEntry(&kept)
	if kept.State == admin.EntryProposed {
		fmt.Printf("another person has to approve %s of %d fen\n", kept.ID, kept.Amount)
	}
	return nil
}

type chargebackCommand struct {
	entryFlags
	Payment   string `arg:"" help:"Id of the payment."`
	AmountFen int64  `arg:"" help:"Amount in fen, at most what refunds and chargebacks have left."`
}

// Run keeps the first person's word.
func (c chargebackCommand) Run() error {
	return c.propose(admin.EntryProposal{Kind: payment.Chargeback.String(), Payment: payment.ID(c.Payment), Amount: payment.Fen(c.AmountFen)})
}

type adjustmentCommand struct {
	entryFlags
	Debited   string `arg:"" help:"Id of the institution that gives."`
	Credited  string `arg:"" help:"Id of the institution that gets."`
	AmountFen int64  `arg:"" help:"Amount in fen."`
	Medium    string `default:"commercial" enum:"commercial,ecny" help:"The kind of money: commercial or ecny."`
	Payment   string `help:"Id of the payment that it puts right; of the chargeback, where that was won back."`
}

// Run keeps the first person's word.
func (c adjustmentCommand) Run() error {
	return c.propose(admin.EntryProposal{Kind: payment.Adjustment.String(), Payment: payment.ID(c.Payment), Amount: payment.Fen(c.AmountFen),
		Debited: c.Debited, Credited: c.Credited, Medium: c.Medium})
}

func entryPath(id, verb string) string { return "/admin/v1/entries/" + url.PathEscape(id) + verb }

type entryApproveCommand struct {
	adminFlags
	ID        string `arg:"" help:"Id of the entry."`
	AmountFen int64  `arg:"" help:"Its amount in fen, once more."`
}

// Run says the second person's word.
func (c entryApproveCommand) Run() error {
	return c.decideEntry(entryPath(c.ID, "/approve"), map[string]any{"amount_fen": c.AmountFen})
}

type entryRejectCommand struct {
	adminFlags
	ID       string `arg:"" help:"Id of the entry."`
	Evidence string `help:"Why."`
}

// Run says no.
func (c entryRejectCommand) Run() error {
	return c.decideEntry(entryPath(c.ID, "/reject"), map[string]any{"evidence": c.Evidence})
}

type entryWithdrawCommand struct {
	adminFlags
	ID       string `arg:"" help:"Id of the entry."`
	Evidence string `help:"Why."`
}

// Run takes the proposal back.
func (c entryWithdrawCommand) Run() error {
	return c.decideEntry(entryPath(c.ID, "/withdraw"), map[string]any{"evidence": c.Evidence})
}

func (f adminFlags) decideEntry(path string, body any) error {
	var p admin.EntryProposal
	if err := f.do("POST", path, body, &p); err != nil {
		return err
	}
	printEntry(&p)
	return nil
}

type entryReasonsCommand struct{}

// Run prints the closed list.
func (entryReasonsCommand) Run() error {
	for _, kind := range []payment.Kind{payment.Chargeback, payment.Adjustment} {
		for _, reason := range payment.Reasons(kind) {
			fmt.Printf("%-10s %-26s %s\n", kind, reason, reason.Sentence())
		}
	}
	return nil
}
