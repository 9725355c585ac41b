// Command switch is the barcode payment interconnection switch: one binary that
// serves, demonstrates, decodes, explains and verifies.
//
// This folder is package main and holds commands and wiring only. Everything that
// can be imported lives one level below under its own noun.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"
)

// commands is the command line. Each command is a struct in a file of its own name,
// with the flags as fields and a Run method; Run returns an exitError to choose the
// process's exit code.
type commands struct {
	Demo        demoCommand        `cmd:"" help:"Start a network of real processes, pay across it in every mode, compare all books."`
	Init        initCommand        `cmd:"" help:"Write a small network to start from: configuration, register, table, people, fresh keys."`
	Serve       serveCommand       `cmd:"" help:"Run the switch."`
	Call        callCommand        `cmd:"" help:"Send one sealed request to a switch, as an institution: pay, ask, refund, cancel."`
	Institution institutionCommand `cmd:"" help:"Run an institution made of memory, with faults if wanted."`
	Journal     journalCommand     `cmd:"" help:"Look after a journal."`
	Limit       limitCommand       `cmd:"" help:"Deposits and net debit caps of a running switch: list, change by two persons."`
	Account     accountCommand     `cmd:"" help:"Look into the ledger of a running switch: balances at any position, an account's history."`
	Entry       entryCommand       `cmd:"" help:"Chargebacks and adjustments: list, propose, approve by two persons."`
	Window      windowCommand      `cmd:"" help:"Close and settle the windows of a running switch."`
	Key         keyCommand         `cmd:"" help:"The key that signs sealed windows: make it once, print its public half."`
	Statement   statementCommand   `cmd:"" help:"Check a statement of a window."`
	Route       routeCommand       `cmd:"" help:"Check a routing table, explain where a code goes."`
	Payment     paymentCommand     `cmd:"" help:"Payments without an end: list them, decide by two persons."`
	Decode      decodeCommand      `cmd:"" help:"Say what a payment code is."`
	Draw        drawCommand        `cmd:"" help:"Draw a payment code as QR or Code 128."`
	Reconcile   reconcileCommand   `cmd:"" help:"Match two sides' files, explain every difference, have them repaired."`
	Version     versionCommand     `cmd:"" help:"Print the version of this build."`
}

// exitError carries the exit code that a script can act on. A command that has
// already printed what went wrong leaves message empty.
type exitError struct {
	code    int
	message string
}

func (e *exitError) Error() string { return e.message }

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name(program()),
		kong.Description("Tongma: a switch between payment apps, banks and wallets. "+
			"Start with the command: demo"),
		kong.ShortUsageOnError(),
		kong.Vars{"faults": faultNames(), "config": configFile},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, "switch: cannot build the command line:", err)
		return 1
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		parser.FatalIfErrorf(err)
	}
	return exitCode(ctx.Run())
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var exit *exitError
	if errors.As(err, &exit) { // The command line wraps what a command returns.
		if exit.message != "" {
			fmt.Fprintln(os.Stderr, program()+":", exit.message)
		}
		return exit.code
	}
	fmt.Fprintln(os.Stderr, program()+":", err)
	return 1
}
