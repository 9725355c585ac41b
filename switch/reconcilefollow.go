package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tongma/institutions/seal"
	"tongma/switch/admin"
	"tongma/switch/reconcile"
)

// reconcileFollowCommand matches the files of one business day as they come. What is open
// stands in the store after each cycle, so that it may be stopped or killed at any instant.
type reconcileFollowCommand struct {
	Rules string `required:"" type:"existingfile" help:"Rules file, as for match. The first rule must have a plain key."`
	Left  string `placeholder:"DIR" help:"Directory into which our side's files come; with --admin, where the legs of the journal are written."`
	Right string `required:"" type:"existingdir" placeholder:"DIR" help:"Directory into which the other side's files come. A file is taken once it is whole: written under another name (.part, .tmp, a leading dot) and renamed; with its trailer, where the layout has one; else after it was left alone for --settle."`
	Store string `required:"" placeholder:"DIR" help:"Where it is kept what was taken and what is open, with a directory for each day."`
	Day   string `required:"" help:"Business day of the files, such as 2026-11-24."`
	Carry string `placeholder:"DIR" help:"Store of open rows across days, used and written by --close."`

	Once   bool          `help:"Take what is complete, and end."`
	Close  bool          `help:"Take what is complete, close the day, and explain what is open: as match over all files would."`
	Out    string        `placeholder:"DIR" help:"With --close: directory for summary.json, discrepancies.csv and .jsonl."`
	JSON   bool          `name:"json" help:"Print the standing, or with --close the summary, as JSON."`
	Every  time.Duration `default:"2s" help:"How often to look for files."`
	Settle time.Duration `default:"2s" help:"For how long a file whose end does not show must not have changed."`

	Memory  string `default:"1GiB" help:"What the rows may take in memory; the rest goes to disk."`
	Threads int    `help:"Workers; one for each core by default."`

	Admin       string `help:"Address of a running switch's admin API: its journal is our side, as it grows."`
	As          string `help:"Your name in the list of people."`
	KeyFile     string `type:"existingfile" help:"File with your secret, hex."`
	Institution string `help:"Only legs at this institution are taken from the journal."`
}

// Run exits 0 where it was stopped or nothing is wrong, 3 where the closed day has
// differences or a file was refused, 1 where it failed.
func (c *reconcileFollowCommand) Run() error {
	f, plan, err := c.open()
	if err != nil {
		return err
	}
	defer f.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w := &follow{command: c, follower: f, inboxes: [2]reconcile.Inbox{
		{Directory: c.Left, Layout: &plan.Left.Layout, Settle: c.Settle}, {Directory: c.Right, Layout: &plan.Right.Layout, Settle: c.Settle}}}
	if c.Admin != "" {
		if w.tap, err = newJournalTap(c); err != nil {
			return err
		}
		w.inboxes[0].Settle = time.Nanosecond // What the tap has renamed is whole.
	}
	if !f.Standing().Closed {
		err = w.run(ctx)
	}
	switch {
	case ctx.Err() != nil: // Asked to stop: what was taken is kept.
		return nil
	case err != nil:
		return err
	case c.Close:
		return c.finish(ctx, f, plan)
	}
	return w.tell()
}

// open reads the rules and opens the day's store.
func (c *reconcileFollowCommand) open() (*reconcile.Follower, *reconcile.Plan, error) {
	if c.Left == "" && c.Admin != "" {
		c.Left = filepath.Join(c.Store, "journal")
	}
	if _, err := reconcile.ParseDay(c.Day); err != nil {
		return nil, nil, err
	}
	if c.Left == "" || c.Admin != "" && (c.As == "" || c.KeyFile == "") || c.Out != "" && !c.Close {
		return nil, nil, errors.New("want --left or --admin; --admin needs --as and --key-file; --out needs --close")
	}
	if c.Admin != "" {
		if err := os.MkdirAll(c.Left, 0o700); err != nil {
			return nil, nil, err
		}
	}
	rules, err := os.ReadFile(c.Rules)
	if err != nil {
		return nil, nil, err
	}
	plan, err := reconcile.ParsePlan(rules)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", c.Rules, err)
	}
	options := reconcile.Options{Threads: c.Threads}
	if options.Memory, err = parseBytes(c.Memory); err != nil {
		return nil, nil, fmt.Errorf("--memory: %w", err)
	}
	debug.SetMemoryLimit(options.Memory)
	f, err := reconcile.OpenFollower(filepath.Join(c.Store, c.Day), rules, plan, options)
	return f, plan, err
}

// follow is one process that follows.
type follow struct {
	command  *reconcileFollowCommand
	follower *reconcile.Follower
	inboxes  [2]reconcile.Inbox
	tap      *journalTap // Nil where both sides come as files.
	told     string
}

// run takes files until ctx is done, or once.
func (w *follow) run(ctx context.Context) error {
	began, every := time.Now(), w.command.Every
	if w.command.Close {
		every = min(every, w.command.Settle)
	}
	for {
		waiting, err := w.cycle(ctx)
		if err != nil {
			return err
		}
		w.status(waiting)
		switch {
		case w.command.Once, w.command.Close && waiting == 0:
			return nil
		case w.command.Close && time.Since(began) > 2*w.command.Settle+time.Second:
			return fmt.Errorf("%d files are not whole: the day stays open", waiting)
		}
		timer := time.NewTimer(every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// cycle takes what is complete, and counts the files that are not.
func (w *follow) cycle(ctx context.Context) (waiting int, err error) {
	if w.tap != nil {
		if err := w.tap.draw(); err != nil {
			if w.command.Once || w.command.Close {
				return 0, err
			}
			fmt.Fprintln(os.Stderr, "switch: the journal is not there just now:", err)
		}
	}
	var paths [2][]string
	for side := range paths {
		var n int
		if paths[side], n, err = w.inboxes[side].Complete(time.Now()); err != nil {
			return 0, err
		}
		waiting += n
	}
	_, err = w.follower.Take(ctx, paths[0], paths[1])
	return waiting, err
}

// status prints a line whenever something has changed.
func (w *follow) status(waiting int) {
	s := w.follower.Standing()
	line := fmt.Sprintf("cycle %d: %d and %d files, %d and %d rows, open %d (%s yuan) and %d (%s yuan), rejected %d, refused files %d, waiting %d",
		s.Cycle, s.Files[0], s.Files[1], s.Rows[0].Rows, s.Rows[1].Rows, s.Open[0].Rows, reconcile.Yuan(s.Open[0].Amount),
		s.Open[1].Rows, reconcile.Yuan(s.Open[1].Amount), s.Rejects[0]+s.Rejects[1], s.Refused[0]+s.Refused[1], waiting)
	if line == w.told {
		return
	}
	w.told = line
	fmt.Fprintln(os.Stderr, line)
}

// tell prints how the day stands and which files were refused.
func (w *follow) tell() error {
	s := w.follower.Standing()
	if w.command.JSON {
		if err := json.NewEncoder(os.Stdout).Encode(&s); err != nil {
			return err
		}
	}
	return refusedFiles(w.follower)
}

// refusedFiles names them; exit code 3 says that the day is not whole.
func refusedFiles(f *reconcile.Follower) error {
	count := 0
	for side := range 2 {
		for _, file := range f.Refused(side) {
			fmt.Fprintf(os.Stderr, "refused: %s: %s\n", file.Path, file.Reason)
			count++
		}
	}
	if count > 0 {
		return &exitError{code: exitDifferences}
	}
	return nil
}

// finish closes the day and tells what match would.
func (c *reconcileFollowCommand) finish(ctx context.Context, f *reconcile.Follower, plan *reconcile.Plan) error {
	var carry *reconcile.Carry
	if c.Carry != "" {
		day, err := reconcile.ParseDay(c.Day)
		if err != nil {
			return err
		}
		carry = &reconcile.Carry{Directory: c.Carry, Day: day}
	}
	var output *reconcile.Output
	emit := func(*reconcile.Discrepancy) error { return nil }
	if c.Out != "" {
		var err error
		if output, err = reconcile.NewOutput(c.Out, false); err != nil {
			return err
		}
		emit = output.Discrepancy
	}
	sum, err := f.Finish(ctx, carry, emit)
	if output != nil {
		err = errors.Join(err, output.Close(sum))
	}
	if err != nil {
		return err
	}
	told := (&reconcileMatchCommand{JSON: c.JSON, Out: c.Out}).tell(sum, plan)
	if refused := refusedFiles(f); told == nil {
		told = refused
	}
	return told
}

// journalTap draws the legs of a running switch's journal into files, as they end. A file is
// named by the stretch of blocks that it is of, so that after a kill it goes on behind the
// newest; nothing is drawn twice.
type journalTap struct {
	client      *admin.Client
	folder      string
	institution string
	after       uint64
}

const tapPrefix = "journal-"

func newJournalTap(c *reconcileFollowCommand) (*journalTap, error) {
	secret, err := seal.ReadSecret(c.KeyFile)
	if err != nil {
		return nil, err
	}
	t := &journalTap{client: admin.NewClient(c.Admin, c.As, secret), folder: c.Left, institution: c.Institution}
	entries, err := os.ReadDir(t.folder)
	for _, entry := range entries {
		name, ok := strings.CutPrefix(strings.TrimSuffix(entry.Name(), ".csv"), tapPrefix)
		_, to, parted := strings.Cut(name, "-")
		if n, err := strconv.ParseUint(to, 10, 64); ok && parted && err == nil {
			t.after = max(t.after, n)
		}
	}
	return t, err
}

// draw draws up to the journal's end.
func (t *journalTap) draw() error {
	for {
		var l admin.Legs
		path := "/admin/v1/legs?after=" + strconv.FormatUint(t.after, 10) + "&institution=" + url.QueryEscape(t.institution)
		if err := t.client.Do("GET", path, nil, &l); err != nil {
			return err
		}
		if l.Rows > 0 {
			if err := t.write(&l); err != nil {
				return err
			}
		}
		if t.after = l.To; l.To >= l.Tail {
			return nil
		}
	}
}

// write writes a stretch under another name, and renames it when it is durable.
func (t *journalTap) write(l *admin.Legs) error {
	name := filepath.Join(t.folder, fmt.Sprintf("%s%020d-%020d.csv", tapPrefix, t.after+1, l.To))
	file, err := os.Create(name + ".part")
	if err != nil {
		return err
	}
	_, err = file.WriteString(l.CSV)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(name+".part", name)
}
