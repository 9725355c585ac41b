package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tongma/switch/reconcile"
	"tongma/switch/settlement"
)

// reconcilePositionsCommand holds institutions' positions by the sealed statements of windows
// against their own statements, totals first.
type reconcilePositionsCommand struct {
	Rules  string   `required:"" type:"existingfile" help:"Rules file: the right side is how the institutions write, with the window as batch where they say it; left is {shipped: position}."`
	Ours   []string `required:"" placeholder:"DIR" help:"Statements of a window, as the switch wrote them; may be repeated. Each is proved against its sealed close first."`
	Theirs []string `required:"" placeholder:"INSTITUTION=FILE" help:"File of an institution; may be repeated."`
	Out    string   `placeholder:"DIR" help:"Directory for discrepancies.jsonl and .csv, of all institutions."`
	JSON   bool     `name:"json" help:"Print the levels as JSON lines."`
	Memory string   `default:"1GiB" help:"What the rows may take in memory; the rest goes to disk."`
}

// Run exits 0 where every position agrees, 3 where one differs, 1 where it failed.
func (c *reconcilePositionsCommand) Run() error {
	plan, files, options, err := c.read()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	emit := func(*reconcile.Discrepancy) error { return nil }
	if c.Out != "" {
		output, err := reconcile.NewOutput(c.Out, false)
		if err != nil {
			return err
		}
		defer output.Close(nil)
		emit = output.Discrepancy
	}
	agrees := true
	for _, institution := range slices.Sorted(maps.Keys(files)) {
		levels, err := c.compare(ctx, institution, files[institution], plan, options, emit)
		if err != nil {
			return fmt.Errorf("%s: %w", institution, err)
		}
		agrees = agrees && levels[0].Agrees
		for i := range levels {
			if err := c.print(&levels[i]); err != nil {
				return err
			}
		}
	}
	if !agrees {
		return &exitError{code: exitDifferences}
	}
	return nil
}

// read reads the rules, and sorts the files by institution.
func (c *reconcilePositionsCommand) read() (plan *reconcile.Plan, files map[string][]string, options reconcile.Options, err error) {
	text, err := os.ReadFile(c.Rules)
	if err != nil {
		return nil, nil, options, err
	}
	if plan, err = reconcile.ParsePlan(text); err != nil {
		return nil, nil, options, fmt.Errorf("%s: %w", c.Rules, err)
	}
	if options.Memory, err = parseBytes(c.Memory); err != nil {
		return nil, nil, options, fmt.Errorf("--memory: %w", err)
	}
	files = map[string][]string{}
	for _, word := range c.Theirs {
		institution, file, ok := strings.Cut(word, "=")
		if !ok || institution == "" || file == "" {
			return nil, nil, options, fmt.Errorf("--theirs: got %q, want INSTITUTION=FILE", word)
		}
		files[institution] = append(files[institution], file)
	}
	return plan, files, options, nil
}

func (c *reconcilePositionsCommand) compare(ctx context.Context, institution string, files []string, plan *reconcile.Plan,
	options reconcile.Options, emit func(*reconcile.Discrepancy) error) (levels []reconcile.PositionLevel, err error) {
	folder, err := os.MkdirTemp("", "positions-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	p := reconcile.NewPosition(institution, folder, plan)
	seen := map[uint32]bool{}
	for _, directory := range c.Ours {
		window, err := settlement.ReadPosition(directory, institution, func(r *settlement.PositionRow) error {
			return p.Ours(positionRow(r, filepath.Join(directory, institution)))
		})
		if err != nil {
			return nil, err
		}
		if seen[window.Window] {
			return nil, fmt.Errorf("window %d is given twice", window.Window)
		}
		seen[window.Window] = true
	}
	if err := p.Theirs(ctx, files); err != nil {
		return nil, err
	}
	return p.Compare(ctx, options, emit)
}

// shanghai is the wall clock of business.
var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

func positionRow(r *settlement.PositionRow, file string) *reconcile.PositionRow {
	return &reconcile.PositionRow{Window: strconv.FormatUint(uint64(r.Window), 10), ID: string(r.Payment), Reference: r.RequestID,
		Amount: int64(r.Amount), Fee: int64(r.Fee), Kind: r.Kind.String(), Time: r.Decided.In(shanghai).Format("20060102150405"),
		Party: r.Counterparty, Original: string(r.Original), File: file}
}

// print prints a level; the deeper it is, the further it stands in.
func (c *reconcilePositionsCommand) print(l *reconcile.PositionLevel) error {
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(l)
	}
	indent := map[string]string{reconcile.LevelWindow: "  ", reconcile.LevelTransaction: "    ", reconcile.LevelFee: "    "}[l.Level]
	name := l.Level
	if l.Window != "" {
		name += " of window " + l.Window
		if l.Level == reconcile.LevelWindow {
			name = "window " + l.Window
		}
	}
	if l.Agrees && l.Count == 0 {
		_, err := fmt.Printf("%s%s %s: agrees, %d rows, net %s yuan\n", indent, l.Institution, name, l.Ours.Rows, reconcile.Yuan(l.Ours.Net()))
		return err
	}
	fmt.Printf("%s%s %s: differs by %d fen; ours %d rows, %s and fees %s, theirs %d rows, %s and fees %s; %d differences explain %d fen, %d are unexplained\n",
		indent, l.Institution, name, l.Difference, l.Ours.Rows, reconcile.Yuan(l.Ours.Amount), reconcile.Yuan(l.Ours.Fee),
		l.Theirs.Rows, reconcile.Yuan(l.Theirs.Amount), reconcile.Yuan(l.Theirs.Fee), l.Count, l.Explained, l.Unexplained)
	for i := range l.Items {
		d := &l.Items[i]
		fmt.Printf("%s  %s %s: ours %d fen, theirs %d, %+d (%s byte %d)\n", indent, d.Class, d.ID, d.Ours, d.Theirs, d.Theirs-d.Ours, d.File, d.Offset)
	}
	if more := l.Count - int64(len(l.Items)); more > 0 && len(l.Items) > 0 {
		fmt.Printf("%s  ... and %d more\n", indent, more)
	}
	return nil
}
