package main

import (
	"fmt"
	"net/url"
	"time"

	"tongma/switch/admin"
)

// paymentCommand looks after payments that the switch could not bring to an end.
type paymentCommand struct {
	Open    paymentOpenCommand    `cmd:"" help:"List the payments whose outcome is open, the oldest first."`
	Propose paymentProposeCommand `cmd:"" help:"Say what became of a payment that is in people's hands."`
	Decide  paymentDecideCommand  `cmd:"" help:"Say the second person's word: the payment ends."`
}

type paymentOpenCommand struct {
	adminFlags
}

// Run prints the queue.
func (c paymentOpenCommand) Run() error {
	var lines []admin.OpenLine
	if err := c.do("GET", "/admin/v1/payments/open", nil, &lines); err != nil {
		return err
	}
	for i := range lines {
		printOpen(&lines[i])
	}
	fmt.Printf("%d payments are open\n", len(lines))
	return nil
}

func printOpen(o *admin.OpenLine) {
	next := "people decide"
	if !o.NextAction.IsZero() {
		next = "next at " + o.NextAction.Local().Format(time.TimeOnly)
	}
	fmt.Printf("%s %s of %s, request %s, %d fen: %s, %s at %s, %s old, %d queries, %s\n", o.ID, o.Kind, o.Caller, o.RequestID,
		o.AmountFen, o.Status, o.Doing, o.Institution, time.Duration(o.AgeSeconds)*time.Second, o.Queries, next)
	for _, leg := range o.Legs {
		fmt.Printf("    %s at %s under %s: %s, cancelled %t\n", leg.Kind, leg.Institution, leg.Reference, leg.Outcome, leg.Cancelled)
	}
	if p := o.Proposal; p != nil {
		fmt.Printf("    %s proposed %s: %s\n", p.By, p.Outcome, p.Evidence)
	}
}

// outcomeArguments are a payment and what became of it.
type outcomeArguments struct {
	ID      string `arg:"" help:"Id of the payment."`
	Outcome string `arg:"" enum:"moved,nothing" help:"moved: all of it took place; nothing: none of it did, or it was undone."`
}

func (a outcomeArguments) path(verb string) string {
	return "/admin/v1/payments/" + url.PathEscape(a.ID) + verb
}

type paymentProposeCommand struct {
	adminFlags
	Evidence string `required:"" help:"How you know: who of which institution said so, a file, a ticket; 8 bytes or more."`
	outcomeArguments
}

// Run keeps the first person's word.
func (c paymentProposeCommand) Run() error {
	var p admin.Proposal
	if err := c.do("POST", c.path("/propose"), map[string]string{"outcome": c.Outcome, "evidence": c.Evidence}, &p); err != nil {
		return err
	}
	fmt.Printf("%s proposed %s; another person has to decide\n", p.By, p.Outcome)
	return nil
}

type paymentDecideCommand struct {
	adminFlags
	outcomeArguments
}

// Run says the second person's word.
func (c paymentDecideCommand) Run() error {
	var d admin.Decided
	if err := c.do("POST", c.path("/decide"), map[string]string{"outcome": c.Outcome}, &d); err != nil {
		return err
	}
	fmt.Printf("%s is %s\n", d.ID, d.Status)
	return nil
}
