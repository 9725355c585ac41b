package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tongma/institutions/paper"
	"tongma/switch/stage"
)

// binary is the real switch, built once for the tests that start it.
var binary = sync.OnceValues(func() (string, error) {
	directory, err := os.MkdirTemp("", "tongma-test-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(directory, "switch")
	out, err := exec.Command("go", "build", "-o", file, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cannot build: %w\n%s", err, out)
	}
	return file, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if file, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(file))
	}
	os.Exit(code)
}

// network is a stage with institutions and a switch.
func network(t *testing.T, configuration string, members ...*stage.Member) *stage.Stage {
	t.Helper()
	net := staged(t, members...)
	if err := net.StartSwitch(configuration); err != nil {
		t.Fatal(err)
	}
	return net
}

// staged is a stage with institutions, and no switch yet.
func staged(t *testing.T, members ...*stage.Member) *stage.Stage {
	t.Helper()
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	net := stage.New(t.TempDir(), file)
	net.Stderr = os.Stderr
	t.Cleanup(func() {
		if err := net.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, m := range members {
		if err := net.Add(m, nil); err != nil {
			t.Fatal(err)
		}
	}
	return net
}

// ledgerline is what a caller remembers of one request.
type ledgerline struct {
	fields map[string]any
	id     string
	status string // The last final status that the switch answered; empty before.
}

// caller sends requests of its own and remembers them.
type caller struct {
	client *stage.Client
	codes  []string
	mu     sync.Mutex
	lines  map[string]*ledgerline
}

func newCaller(net *stage.Stage, institution string, codes ...string) *caller {
	return &caller{client: net.Client(institution), codes: codes, lines: map[string]*ledgerline{}}
}

// load sends payments from several goroutines until stop is closed.
func (c *caller) load(round, goroutines int, stop <-chan struct{}) *sync.WaitGroup {
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("r%d-%d-%d", round, g, i)
				c.send(id, map[string]any{
					"request_id": id, "code": c.codes[(g+i)%len(c.codes)], "amount_fen": 100 + i%900,
				})
			}
		})
	}
	return &wg
}

// waitFor waits until n requests were sent, and fails after thirty seconds.
func (c *caller) waitFor(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); c.sent() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests after 30 s, want %d", c.sent(), n)
		}
	}
}

// sent is how many requests were.
func (c *caller) sent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines)
}

// send asks once and remembers what was answered; no answer is remembered too.
func (c *caller) send(id string, fields map[string]any) {
	line := &ledgerline{fields: fields}
	c.mu.Lock()
	c.lines[id] = line
	c.mu.Unlock()
	p, err := c.client.Pay(fields)
	if err != nil {
		time.Sleep(5 * time.Millisecond)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	line.id = p.ID
	if p.Final() {
		line.status = p.Status
	}
}

// settle sends every request once more until it has a final status, and holds each
// answer against the one before. It returns the payments by id.
func (c *caller) settle(t *testing.T, within time.Duration) map[string]stage.Payment {
	t.Helper()
	deadline := time.Now().Add(within)
	payments := map[string]stage.Payment{}
	for id, line := range c.lines {
		for {
			p, err := c.client.Pay(line.fields)
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			if line.id != "" && p.ID != line.id {
				t.Errorf("%s was payment %s and is now %s", id, line.id, p.ID)
			}
			if p.Final() {
				if line.status != "" && line.status != p.Status {
					t.Errorf("%s was answered %s and is now %s", id, line.status, p.Status)
				}
				line.id, line.status = p.ID, p.Status
				payments[p.ID] = p
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s has no end: %s %s", id, p.Status, p.Error.Code)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return payments
}

// compareBooks holds every institution's book against the payments, leg by leg.
func compareBooks(t *testing.T, net *stage.Stage, payments map[string]stage.Payment) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range net.Members {
		book, err := m.Book()
		if err != nil {
			t.Fatal(err)
		}
		for reference, leg := range book {
			id, _, _ := strings.Cut(reference, "-")
			p, known := payments[id]
			seen[id] = true
			checkLeg(t, m.ID, &leg, &p, known)
		}
	}
	for id, p := range payments {
		if p.Status == "approved" && !seen[id] {
			t.Errorf("%s is approved and in no book", id)
		}
	}
}

func checkLeg(t *testing.T, institution string, leg *paper.Leg, p *stage.Payment, known bool) {
	t.Helper()
	switch {
	case !known:
		t.Errorf("%s has leg %s of a payment that the switch did not answer for", institution, leg.Reference)
	case leg.Moved > 1:
		t.Errorf("%s moved money %d times under %s", institution, leg.Moved, leg.Reference)
	case (leg.State == "approved") != (p.Status == "approved"):
		t.Errorf("%s: %s is %s, the switch says %s", institution, leg.Reference, leg.State, p.Status)
	case leg.State == "approved" && leg.Amount != p.Amount:
		t.Errorf("%s: %s is of %d fen, the switch says %d", institution, leg.Reference, leg.Amount, p.Amount)
	}
}

// verifyJournal runs the command on the journal of a switch that has ended, and returns
// the balances that it proves, in fen by account.
func verifyJournal(t *testing.T, net *stage.Stage) map[string]int64 {
	t.Helper()
	out, err := exec.Command(net.Binary, "journal", "verify", "--json", filepath.Join(net.Directory, "journal")).CombinedOutput()
	if err != nil {
		t.Errorf("journal verify: %v\n%s", err, out)
	}
	var report struct{ Balances map[string]int64 }
	if err := json.Unmarshal(out, &report); err != nil {
		t.Errorf("journal verify: %v\n%s", err, out)
	}
	return report.Balances
}

// quick makes unknown outcomes end within a test's patience.
const quick = "    deadline: 300ms\n    dial_timeout: 200ms\n    query_deadline: 400ms\n    retries_max: 0\n" +
	"    breaker_open: 200ms\n" +
	"    plan: {send_max: 500ms, first_query: 50ms, spacing: 100ms, queries_max: 4, resolve_max: 30s, cancel: true}\n"

const (
	unionpayCode = "6212345678901234567" // To harbourbank.
	wechatCode   = "135112298638468293"  // To kitewallet.
)
