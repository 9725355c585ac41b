package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"

	"tongma/switch/engine"
	"tongma/switch/journal"
)

// journalCommand looks after a journal that no switch has open.
type journalCommand struct {
	Verify journalVerifyCommand `cmd:"" help:"Read a whole journal and say what it holds and whether it is sound."`
}

type journalVerifyCommand struct {
	Directory string `arg:"" help:"The journal's directory." type:"path"`
	JSON      bool   `name:"json" help:"Print the report as JSON."`
}

// Run exits 0 where every block reads well, 1 otherwise.
func (c *journalVerifyCommand) Run() error {
	report, err := journal.Verify(c.Directory, engine.CheckBlock)
	if c.JSON {
		form := struct {
			journal.Report
			Fault string `json:"fault,omitempty"`
		}{Report: report}
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
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "switch: the journal is not sound:", err)
		return &exitError{code: 1}
	}
	return nil
}

func printReport(r *journal.Report) {
	fmt.Printf("shard %d: %d blocks (%d to %d, %d trimmed), %d epochs, %d records, %d bytes\n",
		r.Shard, r.Blocks, r.First, r.Last, r.Trimmed, r.Epochs, r.Records, r.Bytes)
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
