package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tongma/switch/admin"
	"tongma/switch/stage"
)

const (
	// patient never trips a breaker: nothing but plan and limiter holds the questions back.
	patient        = "    breaker_min: 1000000\n    queries_max: 8\n"
	planQueries    = 4 // As in quick.
	linkQuestions  = 8 // As in patient: questions at once.
	questionsLast  = 400 * time.Millisecond
	unknownAnswers = "engine: {answer_max: 250ms}\ngateway: {queries_per_payment: 2, queries_per_second: 50}\n"
)

// TestUnknown makes two institutions silent, then contradictory, then late, while payments
// flow and callers ask without end how these stand. One institution can cancel; the other
// cannot, and leaves some of its payments to people. In the end every payment has an end,
// money moved at most once for each, all books agree, nothing is held, and neither was asked
// more often than its plan and its limiter allow.
func TestUnknown(t *testing.T) {
	net := network(t, "",
		&stage.Member{ID: "harbourbank", Pipeline: true, Extra: quick + patient},
		&stage.Member{ID: "kitewallet", Extra: impatient + patient})
	if err := net.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	lines, address := people(t, net.Directory, "li", "wang")
	if err := net.StartSwitch(lines + "\n" + unknownAnswers); err != nil {
		t.Fatal(err)
	}
	li, wang := person(t, net, address, "li"), person(t, net, address, "wang")
	c := newCaller(net, "corneracquirer", unionpayCode, wechatCode)
	faults := func(text string) {
		t.Helper()
		for _, m := range net.Members {
			if err := m.Set("/paper/faults", text); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop := make(chan struct{})
	flood := c.flood(net, stop)
	began, silence := time.Now(), silence{}
	for round, phase := range []struct {
		fault string
		lasts time.Duration
	}{
		{"", 300 * time.Millisecond},
		{"silent=1000", 2 * time.Second},
		{"contradict=400:450ms:debit contradict=1000::cancel", 1500 * time.Millisecond},
		{"late=700:500ms:debit", 1500 * time.Millisecond},
		{"", 500 * time.Millisecond},
	} {
		if faults(phase.fault); phase.fault == "silent=1000" {
			silence.from = time.Now()
		}
		end := make(chan struct{})
		wg := c.load(round, 8, end)
		time.Sleep(phase.lasts)
		if phase.fault == "silent=1000" {
			silence.to = time.Now()
		}
		close(end)
		wg.Wait()
	}
	took := time.Since(began)
	byHand := decideOpen(t, net, li, wang)
	payments := c.settle(t, time.Minute)
	close(stop)
	asked := flood()
	count := map[string]int{}
	for _, p := range payments {
		count[p.Status]++
	}
	t.Logf("%d payments: %v, %d of them by hand; callers asked %d times in %s", len(payments), count, byHand, asked, took.Round(time.Millisecond))
	if byHand == 0 || count["approved"] == 0 || count["cancelled"] == 0 || asked < 1000 {
		t.Error("not every end was reached")
	}
	compareBooks(t, net, payments)
	for _, m := range net.Members {
		holdQuestions(t, m, silence)
	}
	var limits []admin.LimitLine
	if err := li.Do("GET", "/admin/v1/limits", nil, &limits); err != nil {
		t.Fatal(err)
	}
	for _, l := range limits {
		if l.Held != 0 {
			t.Errorf("%s holds %d fen of %s and nothing is at work", l.Institution, l.Held, l.Medium)
		}
	}
	if len(limits) < 3 {
		t.Errorf("%d sides have a standing, want all three", len(limits))
	}
	if err := net.Switch.Stop(); err != nil {
		t.Error(err)
	}
	comparePositions(t, net, verifyJournal(t, net))
	if notes := kindsOf(t, net)["7"]; notes == 0 {
		t.Error("no answer that changed nothing was kept: nobody contradicted anything")
	}
}

// flood asks how payments stand, from two connections without a pause, until stop is closed.
// The function that it returns waits for the end and says how many questions were answered.
func (c *caller) flood(net *stage.Stage, stop <-chan struct{}) (asked func() int64) {
	var wg sync.WaitGroup
	var total atomic.Int64
	for range 2 {
		wg.Go(func() {
			client := net.Client("corneracquirer")
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, id := range c.openNow() {
					if p, err := client.Find(id); err == nil && p.ID == id {
						total.Add(1)
					}
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	return func() int64 {
		wg.Wait()
		return total.Load()
	}
}

// openNow is some of the payments of which the caller does not know the end.
func (c *caller) openNow() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []string
	for _, line := range c.lines {
		if line.id != "" && line.status == "" && len(ids) < 50 {
			ids = append(ids, line.id)
		}
	}
	return ids
}

// decideOpen waits until what is open is in people's hands, who look into the institution's
// book and decide, two of them. It returns how many they decided.
func decideOpen(t *testing.T, net *stage.Stage, li, wang *admin.Client) int {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var open []admin.OpenLine
		if err := li.Do("GET", "/admin/v1/payments/open", nil, &open); err != nil {
			t.Fatal(err)
		}
		working := 0
		for i := range open {
			if open[i].Doing != "manual" {
				working++
			}
		}
		if working == 0 {
			for i := range open {
				decideAsBook(t, net, li, wang, &open[i])
			}
			return len(open)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d payments are still at work", working)
		}
	}
}

func decideAsBook(t *testing.T, net *stage.Stage, li, wang *admin.Client, o *admin.OpenLine) {
	t.Helper()
	outcome := admin.Nothing
	for _, m := range net.Members {
		book, err := m.Book()
		if err != nil {
			t.Fatal(err)
		}
		for reference, leg := range book {
			if id, _, _ := strings.Cut(reference, "-"); id == string(o.ID) && leg.State == "approved" {
				outcome = admin.Moved
			}
		}
	}
	path := "/admin/v1/payments/" + string(o.ID)
	word := map[string]string{"outcome": outcome, "evidence": "the institution's own book"}
	var p admin.Proposal
	var decided any
	if err := li.Do("POST", path+"/propose", word, &p); err != nil {
		t.Fatal(err)
	}
	if err := li.Do("POST", path+"/decide", word, &decided); err == nil || !strings.Contains(err.Error(), "same_person") {
		t.Errorf("one person alone decided %s: %v", o.ID, err)
	}
	if err := wang.Do("POST", path+"/decide", word, &decided); err != nil {
		t.Fatal(err)
	}
}

// silence is when no question was answered: each lasted until its deadline.
type silence struct{ from, to time.Time }

// holdQuestions holds the switch to the plan's count for each leg, and to the limiter's number
// of questions at once while the institution is silent.
func holdQuestions(t *testing.T, m *stage.Member, s silence) {
	t.Helper()
	list, err := m.Questions()
	if err != nil {
		t.Fatal(err)
	}
	// A late answer is worth one question more, and a refused cancel begins the plan anew.
	allowed := planQueries + 1
	if m.ID == "harbourbank" {
		allowed += planQueries
	}
	queries, most, cancels := map[string]int{}, 0, 0
	for i := range list {
		if list[i].Kind == "cancel" {
			cancels++
			continue
		}
		n := queries[list[i].Reference] + 1
		queries[list[i].Reference], most = n, max(most, n)
	}
	// One place of the limiter lets two in within that time: one as it begins, one as it ends.
	first, peak := 0, 0
	for i := range list {
		if list[i].At.Before(s.from) || list[i].At.After(s.to) {
			first = i + 1
			continue
		}
		for list[i].At.Sub(list[first].At) > questionsLast*3/4 {
			first++
		}
		peak = max(peak, i+1-first)
	}
	t.Logf("%s: %d queries about %d legs, at most %d about one; %d cancels; at most %d came together",
		m.ID, len(list)-cancels, len(queries), most, cancels, peak)
	if len(queries) == 0 || most > allowed || peak > 2*linkQuestions {
		t.Errorf("%s: want %d queries about one leg at most, and %d questions together", m.ID, allowed, 2*linkQuestions)
	}
}

// kindsOf counts the journal's records by their kind's number.
func kindsOf(t *testing.T, net *stage.Stage) map[string]int {
	t.Helper()
	out, err := exec.Command(net.Binary, "journal", "verify", "--json", filepath.Join(net.Directory, "journal")).Output()
	var report struct{ Kinds map[string]int }
	if err == nil {
		err = json.Unmarshal(out, &report)
	}
	if err != nil {
		t.Fatal(err)
	}
	return report.Kinds
}
