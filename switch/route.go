package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"tongma/codec"
	"tongma/routing"
	"tongma/switch/payment"
)

// routeCommand is everything about routing tables: what can be asked of files, and what
// people do to the tables of a running switch.
type routeCommand struct {
	Check   routeCheckCommand   `cmd:"" help:"Check a table as it would be before activation; exit 1 if it has errors."`
	Explain routeExplainCommand `cmd:"" help:"Say where a code goes, and why not elsewhere."`
	Diff    routeDiffCommand    `cmd:"" help:"Say in words what a new table changes."`
	Schema  routeSchemaCommand  `cmd:"" help:"Print the JSON schema of a table or a register."`
	Replay  routeReplayCommand  `cmd:"" help:"Try a table on the payments that a journal recorded."`

	List     routeListCommand     `cmd:"" help:"List the tables of a running switch, or who did what."`
	Draft    routeDraftCommand    `cmd:"" help:"Send a table to a running switch."`
	Approve  routeApproveCommand  `cmd:"" help:"Approve what another person drafted."`
	Stage    routeStageCommand    `cmd:"" help:"Let a share of the requests go by an approved table."`
	Activate routeActivateCommand `cmd:"" help:"Let every request go by an approved table."`
	Rollback routeRollbackCommand `cmd:"" help:"End a trial, or put the table before back."`
}

// routeFiles are the files that every question needs.
type routeFiles struct {
	Table    string `required:"" type:"existingfile" help:"Routing table, YAML."`
	Register string `required:"" type:"existingfile" help:"Institution register, YAML."`
}

// load reads both files; the lists that the table names are looked for beside it.
func (f routeFiles) load() (*routing.Table, []routing.Finding, error) {
	register, err := routing.LoadRegisterFS(folderOf(f.Register))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.Register, err)
	}
	folder, name := folderOf(f.Table)
	table, findings, err := routing.LoadFS(folder, name, register)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.Table, err)
	}
	return table, findings, nil
}

// routeCheckCommand checks a table.
type routeCheckCommand struct {
	routeFiles
}

// Run prints every finding and the size of the table.
func (c routeCheckCommand) Run() error {
	table, findings, err := c.load()
	if err != nil {
		return err
	}
	for _, finding := range findings {
		fmt.Printf("%s: %s\n", c.Table, finding)
	}
	rules, entries := table.Size()
	faults := 0
	for _, finding := range findings {
		if finding.Severity == routing.Error {
			faults++
		}
	}
	fmt.Printf("table %s: %d rules, %d prefixes in lists, %d errors, %d warnings, digest %s\n",
		table.Version(), rules, entries, faults, len(findings)-faults, table.Digest())
	if table.Faulty() {
		return &exitError{code: 1}
	}
	return nil
}

// routeSchemaCommand prints what editors and other programs check files with.
type routeSchemaCommand struct {
	Noun string `arg:"" enum:"table,register" help:"table or register."`
}

// Run prints the schema.
func (c routeSchemaCommand) Run() error {
	schema, _ := routing.Schema(c.Noun)
	_, err := os.Stdout.Write(schema)
	return err
}

// routeExplainCommand explains one look-up.
type routeExplainCommand struct {
	routeFiles
	Caller    string `required:"" help:"Institution that scans the code, id of the register."`
	AmountFen int64  `help:"Amount in fen; 0 is not known yet."`
	Currency  string `help:"ISO 4217 number; the code's own, else 156."`
	Scene     string `default:"in_store" help:"Scene; in_store where a payment names none."`
	Payment   string `help:"Request id: decides whose share a payment falls to."`
	At        string `help:"Instant, RFC 3339 or a date in Asia/Shanghai; now if left out."`
	Rules     string `help:"Rule file of payment codes in place of the built-in one."`
	Code      string `arg:"" help:"The code's text."`
}

// Run decodes the code and prints what the table decides. A table with errors is
// explained too: that is how a finding of the check is looked at.
func (c routeExplainCommand) Run() error {
	table, _, err := c.load()
	if err != nil {
		return err
	}
	at := time.Now()
	if c.At != "" {
		if at, err = routing.ParseInstant(c.At); err != nil {
			return err
		}
	}
	if err := c.validate(); err != nil {
		return err
	}
	book, err := loadRules(c.Rules)
	if err != nil {
		return err
	}
	var code codec.Code
	if err := book.At(at).Decode(c.Code, &code); err != nil {
		return err
	}
	explanation := table.Explain(&routing.Query{
		Code: &code, Text: c.Code, Caller: c.Caller, Scene: c.Scene,
		AmountFen: c.AmountFen, Currency: c.Currency, At: at, Payment: c.Payment,
	})
	if err := explanation.Write(os.Stdout); err != nil {
		return err
	}
	if explanation.Refused != "" {
		return &exitError{code: 1}
	}
	return nil
}

// validate refuses what no request could hold.
func (c *routeExplainCommand) validate() error {
	if c.AmountFen < 0 {
		return fmt.Errorf("--amount-fen: got %d, want 0 or more", c.AmountFen)
	}
	if _, known := payment.ParseScene(c.Scene); !known {
		return fmt.Errorf("--scene: got %q, want in_store, touch, online, cash_on_delivery, offline or cross_border", c.Scene)
	}
	if c.Currency != "" && (len(c.Currency) != 3 || strings.Trim(c.Currency, "0123456789") != "") {
		return fmt.Errorf("--currency: got %q, want an ISO 4217 number, such as 156", c.Currency)
	}
	return nil
}
