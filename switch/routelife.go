package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"

	"tongma/institutions/seal"
	"tongma/routing"
	"tongma/switch/admin"
	"tongma/switch/journal"
)

// adminFlags say whom to talk to, and as whom.
type adminFlags struct {
	Admin   string `required:"" help:"Address of the admin API, such as http://127.0.0.1:8081."`
	As      string `required:"" help:"Your name in the list of people."`
	KeyFile string `required:"" type:"existingfile" help:"File with your secret, hex."`
}

// do asks the admin API. A refusal is printed and ends with exit code 1.
func (f adminFlags) do(method, path string, body, answer any) error {
	client, err := f.client()
	if err != nil {
		return err
	}
	return client.Do(method, path, body, answer)
}

func (f adminFlags) client() (*admin.Client, error) {
	secret, err := seal.ReadSecret(f.KeyFile)
	if err != nil {
		return nil, err
	}
	return admin.NewClient(f.Admin, f.As, secret), nil
}

// change asks for something that answers with how the tables then stand.
func (f adminFlags) change(path string, body any) error {
	var life admin.Life
	if err := f.do("POST", path, body, &life); err != nil {
		return err
	}
	printLife(&life)
	return nil
}

func tablePath(digest, verb string) string {
	return "/admin/v1/tables/" + url.PathEscape(digest) + verb
}

type routeListCommand struct {
	adminFlags
	Acts bool `help:"List who did what and when instead."`
}

// Run prints all tables, or all acts.
func (c routeListCommand) Run() error {
	if !c.Acts {
		var life admin.Life
		if err := c.do("GET", "/admin/v1/tables", nil, &life); err != nil {
			return err
		}
		printLife(&life)
		return nil
	}
	var acts []admin.ActLine
	if err := c.do("GET", "/admin/v1/acts", nil, &acts); err != nil {
		return err
	}
	for _, a := range acts {
		outcome := "done"
		if a.Refused != "" {
			outcome = "refused: " + a.Refused
		}
		fmt.Printf("%s %s %s %.12s %s %s\n", a.Time, a.Who, a.What, a.Subject, outcome, a.Detail)
	}
	return nil
}

func printLife(life *admin.Life) {
	for i := range life.Tables {
		e := &life.Tables[i]
		state := string(e.State)
		if e.State == admin.Staged {
			state = fmt.Sprintf("staged, %d %%", life.Percent)
		}
		fmt.Printf("%.12s %s: %s, %d errors, %d warnings, drafted by %s", e.Digest, e.Version, state,
			e.Errors, e.Warnings, e.DraftedBy)
		if e.ApprovedBy != "" {
			fmt.Printf(", approved by %s", e.ApprovedBy)
		}
		fmt.Println()
	}
}

type routeDraftCommand struct {
	adminFlags
	Table string `arg:"" type:"existingfile" help:"Routing table, YAML; its lists stand beside it."`
}

// Run sends a table with its lists and prints what the check found.
func (c routeDraftCommand) Run() error {
	bundle, err := routing.Bundle(folderOf(c.Table))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Table, err)
	}
	var d admin.Drafted
	if err := c.do("POST", "/admin/v1/tables", bundle, &d); err != nil {
		return err
	}
	for _, finding := range d.Findings {
		fmt.Println(finding)
	}
	fmt.Printf("%s %s: %s, %d errors, %d warnings\n", d.Digest, d.Version, d.State, d.Errors, d.Warnings)
	if d.Errors > 0 {
		return &exitError{code: 1}
	}
	return nil
}

// tableArgument names a table that the switch keeps.
type tableArgument struct {
	Digest string `arg:"" help:"Digest of the table, or its first 8 or more characters."`
}

type routeApproveCommand struct {
	adminFlags
	tableArgument
}

// Run says the second person's word.
func (c routeApproveCommand) Run() error { return c.change(tablePath(c.Digest, "/approve"), nil) }

type routeStageCommand struct {
	adminFlags
	Percent int `required:"" help:"Of the requests, 1 to 99."`
	tableArgument
}

// Run lets a share of the requests go by the table.
func (c routeStageCommand) Run() error {
	return c.change(tablePath(c.Digest, "/stage"), map[string]int{"percent": c.Percent})
}

type routeActivateCommand struct {
	adminFlags
	tableArgument
}

// Run lets every request go by the table.
func (c routeActivateCommand) Run() error { return c.change(tablePath(c.Digest, "/activate"), nil) }

type routeRollbackCommand struct {
	adminFlags
}

// Run ends a trial, or puts the table before back.
func (c routeRollbackCommand) Run() error { return c.change("/admin/v1/rollback", nil) }

// routeReplayCommand tries a table on what a journal recorded; the switch that writes
// the journal must have ended. A running one is asked by its admin API.
type routeReplayCommand struct {
	routeFiles
	Since   string `help:"From this instant or date on; all that is kept if left out."`
	On      string `help:"Move every payment to this day, at its own time of day."`
	JSON    bool   `name:"json" help:"Print the report as JSON."`
	Journal string `arg:"" type:"existingdir" help:"The journal's directory."`
}

// Run prints what would go elsewhere.
func (c routeReplayCommand) Run() error {
	table, _, err := c.load()
	if err != nil {
		return err
	}
	options := journal.DefaultOptions()
	options.Directory, options.ReadOnly = c.Journal, true
	store, err := journal.Open(options)
	if err != nil {
		return err
	}
	report, err := admin.Replay(context.Background(), store, table, admin.Window{Since: c.Since, On: c.On})
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	if c.JSON {
		printJSON(os.Stdout, report)
		return nil
	}
	return report.Write(os.Stdout)
}
