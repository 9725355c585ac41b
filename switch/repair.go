package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"tongma/switch/admin"
	"tongma/switch/engine"
	"tongma/switch/payment"
	"tongma/switch/reconcile"
)

// reconcileRepairCommand has a running switch act on what a reconciliation found. What is
// done for a class stands in one table, reconcile/remedy.go.
type reconcileRepairCommand struct {
	adminFlags
	File        string   `arg:"" help:"discrepancies.jsonl of a reconciliation; - reads standard input."`
	Institution string   `help:"Whose files the other side's are. Without it, the rows' ids have to name legs, or payments with one leg."`
	Only        []string `placeholder:"CLASS" help:"Classes to act on; the others are passed over."`
	Action      string   `enum:"query,notify,adjust,record," default:"" help:"Instead of each class's first action: query, notify, adjust or record, where the class may."`
	WaitDays    int      `default:"1" help:"For how many days a row that may still come is waited for; 0 acts at once."`
	DryRun      bool     `help:"Say what would be done, and do nothing."`
	Again       bool     `help:"Ask institutions again that have answered before."`
	JSON        bool     `name:"json" help:"Print JSON lines."`
}

// repairLine is what became of one line of the file.
type repairLine struct {
	Line int `json:"line"`
	*admin.Repaired
	Error *admin.Refusal `json:"error,omitempty"`
}

// repairCount counts results and faults.
type repairCount struct {
	results map[string]int
	lines   int
	faults  int
}

// Run exits 0 where nothing is left to do, 3 where something is, 1 where a line could not be
// read or was refused. The lines after it are acted on all the same.
func (c *reconcileRepairCommand) Run() error {
	for _, class := range c.Only {
		if _, known := reconcile.ParseClass(class); !known {
			return fmt.Errorf("--only: %q is no class of differences", class)
		}
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	count := repairCount{results: map[string]int{}}
	err = reconcile.ReadCases(in, func(number int, one *reconcile.Case, fault error) error {
		if fault == nil && len(c.Only) > 0 && !slices.Contains(c.Only, one.Class) {
			return nil
		}
		line, err := c.act(client, number, one, fault)
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		count.add(line)
		return c.print(line)
	})
	count.print()
	if err != nil {
		return err
	}
	return count.exit()
}

// act has the switch act on one case. The error ends the run; what is wrong with the case, or
// refused, is the line's.
func (c *reconcileRepairCommand) act(client *admin.Client, number int, one *reconcile.Case, fault error) (*repairLine, error) {
	line := &repairLine{Line: number}
	var unread *reconcile.CaseError
	if errors.As(fault, &unread) {
		line.Error = &admin.Refusal{Code: admin.Code(unread.Code), Detail: unread.Detail}
		return line, nil
	}
	form := admin.Repair{Case: *one, Institution: c.Institution, Action: c.Action, WaitDays: c.WaitDays, DryRun: c.DryRun, Again: c.Again}
	for try := 0; ; try++ {
		var done admin.Repaired
		err := client.Do("POST", "/admin/v1/repairs", &form, &done)
		if err == nil {
			line.Repaired = &done
			return line, nil
		}
		if !errors.As(err, &line.Error) || line.Error.Code == admin.JournalRefused {
			return nil, err
		}
		metered := line.Error.Code == admin.QueriesSpent || line.Error.Code == admin.Busy
		if !metered || try == repairTries {
			return line, nil
		}
		line.Error = nil
		time.Sleep(repairPause)
	}
}

// How often, and after how long, an act is tried again that the meter refused.
const (
	repairTries = 5
	repairPause = 1100 * time.Millisecond // The meter counts by the second.
)

func (c *reconcileRepairCommand) print(line *repairLine) error {
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(line)
	}
	if line.Error != nil {
		_, err := fmt.Printf("line %d: refused: %s: %s\n", line.Line, line.Error.Code, line.Error.Detail)
		return err
	}
	d := line.Repaired
	var text strings.Builder
	fmt.Fprintf(&text, "line %d: %s: %s", line.Line, d.Class, d.Action)
	if d.Payment != "" {
		fmt.Fprintf(&text, " %s of %s", d.Payment, d.Institution)
	}
	fmt.Fprintf(&text, ": %s", d.Result)
	if d.Says != "" {
		fmt.Fprintf(&text, " (our books: %s, the institution: %s, the payment: %s)", d.Books, d.Says, d.Status)
	}
	if d.Detail != "" {
		text.WriteString(", " + d.Detail)
	}
	if d.Before {
		fmt.Fprintf(&text, ", done before by %s at %s", d.By, d.At.Format(time.RFC3339))
	}
	if d.Next != "" {
		text.WriteString("; next: " + d.Next)
	}
	_, err := fmt.Println(text.String())
	return err
}

func (n *repairCount) add(line *repairLine) {
	n.lines++
	if line.Error != nil {
		n.faults++
		return
	}
	n.results[line.Result]++
}

// print tells on standard error, so that standard output holds one line for each difference.
func (n *repairCount) print() {
	words := make([]string, 0, len(n.results)+1)
	for result, count := range n.results {
		words = append(words, fmt.Sprintf("%d %s", count, result))
	}
	slices.Sort(words)
	if n.faults > 0 {
		words = append(words, fmt.Sprintf("%d refused or unreadable", n.faults))
	}
	fmt.Fprintf(os.Stderr, "%d differences: %s\n", n.lines, strings.Join(words, ", "))
}

// exit is 0 where every difference is dealt with as far as the switch can.
func (n *repairCount) exit() error {
	if n.faults > 0 {
		return &exitError{code: 1}
	}
	for result := range n.results {
		if !slices.Contains(repairDone, result) {
			return &exitError{code: exitDifferences}
		}
	}
	return nil
}

// repairDone are the results after which nobody has to do anything.
var repairDone = []string{admin.RepairAgrees, admin.RepairOwed, admin.RepairRecorded, admin.RepairBooked, admin.RepairWould}

// repairs is what people have the switch do about discrepancies. Its questions are metered
// with those of the gateway, which is made after it.
type repairs struct {
	*engine.Engine
	assembly *assembly
}

// MayAsk is admin.Repairs'.
func (r repairs) MayAsk(institution string, id payment.ID) bool {
	return r.assembly.gateway.MayAsk(institution, id)
}
