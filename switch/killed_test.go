package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tongma/switch/reconcile"
)

const killedRules = `
left: {name: ours, layout: {columns: {id: {index: 1}, amount: {index: 2}, party: {index: 3}}}}
right: {name: theirs, layout: {columns: {id: {index: 1}, amount: {index: 2}, party: {index: 3}}}}
compare: [amount, party]
rules: [{name: id, key: [id]}]
`

// killedRows is how many rows each side has; all amounts differ, so that joining takes a
// while: each pair is read again.
const killedRows = 120_000

// killedRun starts the binary over a work directory.
type killedRun struct {
	t    *testing.T
	file string
	args []string
	work string
}

// until starts a run and kills it once enough of the files that match have that many
// bytes; false when the run was over before.
func (k *killedRun) until(pattern string, bytesAtLeast int64) bool {
	k.t.Helper()
	command := exec.Command(k.file, k.args...)
	if err := command.Start(); err != nil {
		k.t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		_ = command.Wait() // It is killed.
		close(over)
	}()
	for k.size(pattern) < bytesAtLeast {
		select {
		case <-over:
			return false
		case <-time.After(time.Millisecond):
		}
	}
	if err := command.Process.Signal(syscall.SIGKILL); err != nil {
		k.t.Fatal(err)
	}
	<-over
	return !command.ProcessState.Exited()
}

func (k *killedRun) size(pattern string) (sum int64) {
	names, err := filepath.Glob(filepath.Join(k.work, pattern))
	if err != nil {
		k.t.Fatal(err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// finish runs to the end, and returns the summary and what is said on standard error.
func (k *killedRun) finish() (sum reconcile.Summary, told string) {
	k.t.Helper()
	command := exec.Command(k.file, k.args...)
	var out, fault bytes.Buffer
	command.Stdout, command.Stderr = &out, &fault
	_ = command.Run() // The exit code tells of differences.
	if err := json.Unmarshal(out.Bytes(), &sum); err != nil {
		k.t.Fatalf("%v: %s", err, fault.Bytes())
	}
	return sum, fault.String()
}

// TestKilledRunsAreTakenUp kills the binary while it reads and at three moments while it
// joins, and starts it again: nothing that it had written down is done a second time, and
// it writes down each stretch that it has read and each set that it has joined.
func TestKilledRunsAreTakenUp(t *testing.T) {
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	var left, right bytes.Buffer
	for i := range killedRows {
		fmt.Fprintf(&left, "P%09d,%d,lantern\n", i, i+1)
		fmt.Fprintf(&right, "P%09d,%d,lantern\n", (i*7919+5)%killedRows, i+killedRows*8)
	}
	for name, text := range map[string][]byte{"left": left.Bytes(), "right": right.Bytes(), "rules": []byte(killedRules)} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"reconcile", "--json", "--threads", "2", "--rules", filepath.Join(folder, "rules"),
		"--left", filepath.Join(folder, "left"), "--right", filepath.Join(folder, "right")}
	whole, _ := (&killedRun{t: t, file: file, args: args}).finish()
	if whole.Left.Rows != killedRows || whole.Matched.Rows != 0 {
		t.Fatalf("got %+v", whole)
	}
	const findings = killedRows * 24 // Bytes of what is found, about.
	for pattern, sizes := range map[string][]int64{"*.run": {1 << 20}, "*.tally": {findings / 10, findings / 2, findings * 9 / 10}} {
		for _, size := range sizes {
			work := t.TempDir()
			run := &killedRun{t: t, file: file, work: work, args: append(slices.Clone(args), "--work", work)}
			if !run.until(pattern, size) {
				t.Fatalf("the run was over before %d bytes of %s could be seen", size, pattern)
			}
			done, err := reconcile.WorkDone(work)
			if err != nil {
				t.Fatal(err)
			}
			sum, told := run.finish()
			var taken, all, sets, joined int64
			if _, err := fmt.Sscanf(told[max(strings.Index(told, "taken up"), 0):], "taken up: %d of %d rows were read and %d of %d sets",
				&taken, &all, &sets, &joined); err != nil {
				t.Fatalf("killed at %d bytes of %s, started again, it said %q", size, pattern, told)
			}
			t.Logf("killed at %d bytes of %s: %d of %d rows, %d of %d sets not done again", size, pattern, taken, all, sets, joined)
			if sum.Digest != whole.Digest {
				t.Errorf("killed at %d bytes of %s: another digest", size, pattern)
			}
			if taken != done.RowsTaken || sets != done.SetsTaken || all != 2*killedRows {
				t.Errorf("killed at %d bytes of %s: it took up %d of %d rows and %d sets, want %+v",
					size, pattern, taken, all, sets, done)
			}
			if pattern == "*.tally" && (taken != all || sets*findings < (size*joined-3*findings)*9/10) {
				t.Errorf("killed at %d of %d bytes of findings, it had %d of %d sets joined", size, findings, sets, joined)
			}
			if pattern == "*.run" && taken == 0 {
				t.Error("nothing of what was read was kept")
			}
			if rest, _ := filepath.Glob(filepath.Join(work, "*")); len(rest) > 0 {
				t.Errorf("a finished run left %v", rest)
			}
		}
	}
}
