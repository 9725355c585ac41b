package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"

	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
	"tongma/switch/settlement"
)

// journalCommand looks after a journal that no switch has open.
type journalCommand struct {
	Verify journalVerifyCommand `cmd:"" help:"Read a whole journal and say what it holds and whether it is sound."`
}

type journalVerifyCommand struct {
	Directory string `arg:"" help:"The journal's directory." type:"path"`
	JSON      bool   `name:"json" help:"Print the report as JSON."`
}

// Run exits 0 where every block reads well, 2 where there is no journal or a process has it open, 1 otherwise.
func (c *journalVerifyCommand) Run() error {
	audit, windows := engine.NewAudit(), settlement.NewAudit()
	block := func(b *journal.Block) error {
		if err := audit.Block(b); err != nil {
			return err
		}
		return windows.Block(b)
	}
	report, err := journal.Verify(c.Directory, journal.Checks{Block: block, Snapshot: audit.Snapshot, View: audit.View})
	if errors.Is(err, journal.ErrNotRead) {
		return &exitError{code: 2, message: err.Error()}
	}
	closed, sealed := windows.Windows()
	if c.JSON {
		form := struct {
			journal.Report
			Balances map[string]payment.Fen `json:"balances"` // By account, fen.
			Windows  int                    `json:"windows"`  // Closed.
			Sealed   int                    `json:"sealed"`   // Of them, sealed as they fold.
			Fault    string                 `json:"fault,omitempty"`
		}{Report: report, Balances: map[string]payment.Fen{}, Windows: closed, Sealed: sealed}
		for _, line := range audit.Book().Lines() {
			form.Balances[line.Account.String()] = line.Balance
		}
		if err != nil {
			form.Fault = err.Error()
		}
		text, encodeErr := json.MarshalIndent(form, "", "  ")
		if encodeErr != nil {
			return encodeErr
		}
		fmt.Println(string(text))
	} else {
		printReport(&report)
		printBalances(audit.Book())
		fmt.Printf("%d windows closed, %d of them sealed as the blocks fold\n", closed, sealed)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, program()+": the journal is not sound:", err)
		return &exitError{code: 1}
	}
	if !c.JSON {
		fmt.Println(verdict(&report))
	}
	return nil
}

// verdict is the last word on a journal without a fault.
func verdict(r *journal.Report) string {
	if r.Marked == 0 {
		return "sound as far as it goes: without its file TAIL nothing tells whether newer blocks are gone"
	}
	return "sound"
}

// printBalances prints what the journal's postings sum to. A position above zero is owed
// to the institution, one below zero by it.
func printBalances(book *ledger.Book) {
	for _, line := range book.Lines() {
		fmt.Printf("  %-40s %16s yuan\n", line.Account, line.Balance.Yuan())
	}
}

func printReport(r *journal.Report) {
	fmt.Printf("shard %d: %d blocks (%d to %d, %d trimmed), %d epochs, %d records, %d bytes\n",
		r.Shard, r.Blocks, r.First, r.Last, r.Trimmed, r.Epochs, r.Records, r.Bytes)
	if r.Blocks == 0 {
		return
	}
	fmt.Printf("from %s to %s, head %s\n", r.From.Format("2006-01-02T15:04:05.000Z"), r.To.Format("2006-01-02T15:04:05.000Z"), r.Head)
	kinds := make([]int, 0, len(r.Kinds))
	for kind := range r.Kinds {
		kinds = append(kinds, int(kind))
	}
	sort.Ints(kinds)
	for _, kind := range kinds {
		fmt.Printf("  %-9s %d\n", engine.RecordName(uint8(kind)), r.Kinds[uint8(kind)])
	}
	fmt.Printf("snapshots of blocks %v\n", r.Snapshots)
}
