package reconcile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	matching "tongma/switch/reconcile"
)

// child is what a process came to.
type child struct {
	seconds     float64
	cpu         float64 // Processor seconds: other work on the machine changes them little.
	system      float64 // Of them, in the kernel: reading and first touches of memory.
	peakMiB     float64 // Private memory, sampled.
	residentMiB float64 // All that was resident at once, files too.
	output      []byte
	told        string // On standard error.
	code        int
	sum         matching.Summary
}

const sampleEvery = 20 * time.Millisecond

// runChild runs a process to its end, and looks at its private memory on the way.
func runChild(command *exec.Cmd) (*child, error) {
	var out, fault bytes.Buffer
	command.Stdout, command.Stderr = &out, &fault
	start := time.Now()
	if err := command.Start(); err != nil {
		return nil, err
	}
	c := &child{}
	over, sampled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		for {
			c.peakMiB = max(c.peakMiB, privateMiB(command.Process.Pid))
			select {
			case <-over:
				return
			case <-time.After(sampleEvery):
			}
		}
	}()
	err := command.Wait()
	c.seconds = time.Since(start).Seconds()
	close(over)
	<-sampled
	if usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.residentMiB = float64(usage.Maxrss) / 1024
	}
	c.system = command.ProcessState.SystemTime().Seconds()
	c.cpu = (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
	c.output, c.told, c.code = out.Bytes(), fault.String(), command.ProcessState.ExitCode()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || c.code == 1 || c.code == 2 {
		return c, fmt.Errorf("bench: %s: %w\n%s", filepath.Base(command.Path), err, fault.Bytes())
	}
	return c, nil
}

// privateMiB reads the anonymous resident memory of a process; 0 where the system does
// not tell.
func privateMiB(pid int) float64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			return kib / 1024
		}
	}
	return 0
}

func (b *bench) command(args ...string) *exec.Cmd {
	return exec.Command(b.binary, append([]string{"reconcile", "--json", "--rules", b.rules,
		"--left", b.left, "--right", b.right}, args...)...)
}

// matcher runs switch reconcile, and holds what it found against the truth.
func (b *bench) matcher(args ...string) (*child, error) {
	c, err := runChild(b.command(args...))
	if err != nil {
		return nil, err
	}
	if c.code != 3 {
		return nil, fmt.Errorf("bench: exit code %d, want 3: there are differences", c.code)
	}
	if err := json.Unmarshal(c.output, &c.sum); err != nil {
		return nil, err
	}
	t := b.truth
	for name, pair := range map[string][2]total{
		"left": {total(c.sum.Left), t.Left}, "right": {total(c.sum.Right), t.Right},
		"matched": {total(c.sum.Matched), t.Matched}} {
		if pair[0] != pair[1] {
			return nil, fmt.Errorf("bench: %s is %+v, want %+v", name, pair[0], pair[1])
		}
	}
	if len(c.sum.Classes) != len(t.Classes) || len(c.sum.Rejects) > 0 {
		return nil, fmt.Errorf("bench: found %+v, want %+v", c.sum.Classes, t.Classes)
	}
	for name, want := range t.Classes {
		if got := total(c.sum.Classes[name]); got != want {
			return nil, fmt.Errorf("bench: %s is %+v, want %+v", name, got, want)
		}
	}
	if b.digest != "" && c.sum.Digest != b.digest {
		return nil, fmt.Errorf("bench: digest %s, want %s", c.sum.Digest, b.digest)
	}
	return c, nil
}
