package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tongma/switch/reconcile"
)

// reconcileCommand finds differences, and has them repaired.
type reconcileCommand struct {
	Match     reconcileMatchCommand     `cmd:"" default:"withargs" help:"Match two sides' files and explain every difference; exit 3 if there are any. The word may be left out."`
	Follow    reconcileFollowCommand    `cmd:"" help:"Match the files of a day as they come into two directories, and close it with --close."`
	Positions reconcilePositionsCommand `cmd:"" help:"Hold institutions' positions by sealed windows against their own statements, totals first; exit 3 if any differs."`
	Repair    reconcileRepairCommand    `cmd:"" help:"Have a running switch act on a list of differences: ask, notify again, propose; exit 3 if any needs people."`
}

// reconcileMatchCommand matches two sides' files. It needs no running switch.
type reconcileMatchCommand struct {
	Rules   string    `required:"" type:"existingfile" help:"Rules file, YAML: layouts, what is compared, matching keys."`
	Left    []string  `required:"" placeholder:"FILE" help:"File of our side; may be repeated. *.gz and *.zst are unpacked; journal:DIR and journal:DIR@INSTITUTION are a journal."`
	Right   []string  `required:"" placeholder:"FILE" help:"File of the other side; may be repeated."`
	Out     string    `placeholder:"DIR" help:"Directory for summary.json, discrepancies.csv and .jsonl, pairs.csv."`
	Pairs   bool      `help:"Also write every match to pairs.csv; needs --out."`
	JSON    bool      `name:"json" help:"Print the summary as JSON."`
	Memory  string    `default:"2GiB" help:"What the rows may take in memory; the rest goes to disk."`
	Threads int       `help:"Workers; one for each core by default."`
	Work    string    `placeholder:"DIR" help:"Directory in which a run that was killed is taken up again."`
	Carry   string    `placeholder:"DIR" help:"Store of open rows across days; needs --day."`
	Day     string    `help:"Business day of the files, such as 2026-11-24."`
	Cycle   int       `help:"Number of the run within the day, from 1, where files are taken as they come."`
	Since   time.Time `help:"First moment of decision that is taken from a journal, RFC 3339."`
	Until   time.Time `help:"Moment of decision before which a journal is taken, RFC 3339."`
}

// exitDifferences is the exit code of a run that found any.
const exitDifferences = 3

// Run exits 0 where both sides agree in full, 3 where they differ, 1 where it failed.
func (c *reconcileMatchCommand) Run() error {
	plan, options, err := c.read()
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(options.Memory) // Garbage is collected before it goes beyond.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var output *reconcile.Output
	emit := func(*reconcile.Discrepancy) error { return nil }
	if c.Out != "" {
		if output, err = reconcile.NewOutput(c.Out, c.Pairs); err != nil {
			return err
		}
		emit = output.Discrepancy
		if c.Pairs {
			options.Pairs = output.Pair
		}
	}
	journals := newJournalSides(c.Since, c.Until)
	defer journals.remove()
	left, errLeft := journals.export(c.Left)
	right, errRight := journals.export(c.Right)
	if err := errors.Join(errLeft, errRight); err != nil {
		return err
	}
	var worked reconcile.Worked
	options.Worked = func(w reconcile.Worked) { worked = w }
	finish := showProgress(&options)
	sum, err := reconcile.Run(ctx, reconcile.Side{Name: plan.Left.Name, Paths: left, Layout: plan.Left.Layout},
		reconcile.Side{Name: plan.Right.Name, Paths: right, Layout: plan.Right.Layout}, plan, options, emit)
	finish()
	if output != nil {
		err = errors.Join(err, output.Close(sum))
	}
	if err != nil {
		return err
	}
	if worked.RowsTaken+worked.SetsTaken > 0 {
		fmt.Fprintln(os.Stderr, takenUp(worked))
	}
	return c.tell(sum, plan)
}

// takenUp says how much of a run that was killed was not done again.
func takenUp(w reconcile.Worked) string {
	return fmt.Sprintf("taken up: %d of %d rows were read and %d of %d sets joined by the run before",
		w.RowsTaken, w.RowsTaken+w.RowsRead, w.SetsTaken, w.SetsTaken+w.SetsJoined)
}

// read reads the rules and turns flags into options.
func (c *reconcileMatchCommand) read() (plan *reconcile.Plan, options reconcile.Options, err error) {
	text, err := os.ReadFile(c.Rules)
	if err != nil {
		return nil, options, err
	}
	if plan, err = reconcile.ParsePlan(text); err != nil {
		return nil, options, fmt.Errorf("%s: %w", c.Rules, err)
	}
	options = reconcile.Options{Threads: c.Threads, Work: c.Work}
	if options.Memory, err = parseBytes(c.Memory); err != nil {
		return nil, options, fmt.Errorf("--memory: %w", err)
	}
	if c.Pairs && c.Out == "" {
		return nil, options, errors.New("--pairs needs --out")
	}
	if (c.Carry == "") != (c.Day == "") {
		return nil, options, errors.New("--carry and --day go together")
	}
	if c.Carry != "" {
		day, err := reconcile.ParseDay(c.Day)
		if err != nil {
			return nil, options, err
		}
		options.Carry = &reconcile.Carry{Directory: c.Carry, Day: day, Cycle: c.Cycle}
	}
	if c.Cycle < 0 || c.Cycle > reconcile.CyclesMax || c.Cycle > 0 && c.Carry == "" {
		return nil, options, fmt.Errorf("--cycle: got %d, want 1 to %d, with --carry", c.Cycle, reconcile.CyclesMax)
	}
	return plan, options, nil
}

// tell prints the summary and chooses the exit code.
func (c *reconcileMatchCommand) tell(sum *reconcile.Summary, plan *reconcile.Plan) error {
	if c.JSON {
		text, err := json.MarshalIndent(sum, "", "  ")
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	} else if err := sum.Print(os.Stdout, plan.Left.Name, plan.Right.Name); err != nil {
		return err
	}
	if c.Out != "" && !c.JSON {
		fmt.Println("written to", filepath.Clean(c.Out))
	}
	if !sum.Clean() {
		return &exitError{code: exitDifferences}
	}
	return nil
}

// parseBytes reads a size such as 512MiB or 2GiB.
func parseBytes(text string) (int64, error) {
	for suffix, shift := range map[string]uint{"KiB": 10, "MiB": 20, "GiB": 30} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseFloat(number, 64)
			if err != nil || n <= 0 || n > 1<<20 {
				return 0, fmt.Errorf("got %q, want a size such as 512MiB or 2GiB", text)
			}
			return int64(n * float64(int64(1)<<shift)), nil
		}
	}
	return 0, fmt.Errorf("got %q, want a size such as 512MiB or 2GiB", text)
}
