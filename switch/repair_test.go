package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tongma/institutions/seal"
	"tongma/switch/admin"
	"tongma/switch/stage"
)

// repairStage is a network whose switch can be asked to repair, and the files of a day.
type repairStage struct {
	*stage.Stage
	t        *testing.T
	bank     *stage.Member
	shop     *stage.Member
	settings string
	address  string
	folder   string
}

func newRepairStage(t *testing.T) *repairStage {
	s := &repairStage{t: t, bank: &stage.Member{ID: "harbourbank", Extra: quick}, folder: t.TempDir(),
		shop: &stage.Member{ID: "corneracquirer", Extra: "    outcomes: true\n"}}
	s.Stage = staged(t, s.bank, s.shop)
	s.settings, s.address = people(t, s.Directory, "li", "wang")
	s.start()
	return s
}

func (s *repairStage) start() {
	s.t.Helper()
	if err := s.StartSwitch(s.settings); err != nil {
		s.t.Fatal(err)
	}
}

func (s *repairStage) pay(count int) {
	s.t.Helper()
	client := s.Client("corneracquirer")
	for i := range count {
		p, err := client.Pay(map[string]any{"request_id": fmt.Sprint("r", i), "code": unionpayCode, "amount_fen": 1000 + i})
		if err != nil || p.Status != "approved" {
			s.t.Fatalf("payment %d: %+v, %v", i, p, err)
		}
	}
	client.Rest()
}

func (s *repairStage) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// reconcile holds the journal of the stopped switch against a file and gives the differences.
func (s *repairStage) reconcile(plan, left, right string) string {
	s.t.Helper()
	out := filepath.Join(s.folder, fmt.Sprint("out", time.Now().UnixNano()))
	text, err := exec.Command(s.Binary, "reconcile", "--rules", s.write("rules.yaml", plan), "--out", out,
		"--left", "journal:"+filepath.Join(s.Directory, "journal")+left, "--right", right).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitDifferences {
		s.t.Fatalf("reconcile: %v\n%s", err, text)
	}
	return filepath.Join(out, "discrepancies.jsonl")
}

// repair runs the command and gives its lines and its exit code.
func (s *repairStage) repair(who, file string, args ...string) ([]repairLine, int) {
	s.t.Helper()
	command := exec.Command(s.Binary, append([]string{"reconcile", "repair", "--json", "--admin", "http://" + s.address, "--as", who,
		"--key-file", filepath.Join(s.Directory, who+".key"), file}, args...)...)
	var out, complaints bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaints
	if err := command.Run(); err != nil && command.ProcessState == nil {
		s.t.Fatal(err)
	}
	var lines []repairLine
	for in := json.NewDecoder(&out); ; {
		var line repairLine
		err := in.Decode(&line)
		if errors.Is(err, io.EOF) {
			return lines, command.ProcessState.ExitCode()
		}
		if err != nil {
			s.t.Fatalf("%v: %s", err, complaints.String())
		}
		lines = append(lines, line)
	}
}

func (s *repairStage) acts() []admin.ActLine {
	s.t.Helper()
	secret, err := seal.ReadSecret(filepath.Join(s.Directory, "li.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	var acts []admin.ActLine
	if err := admin.NewClient("http://"+s.address, "li", secret).Do("GET", "/admin/v1/acts", nil, &acts); err != nil {
		s.t.Fatal(err)
	}
	return acts
}

// says is what became of the lines, for comparison.
func says(lines []repairLine) string {
	var words []string
	for _, line := range lines {
		switch {
		case line.Error != nil:
			words = append(words, fmt.Sprintf("%d %s", line.Line, line.Error.Code))
		case line.Before:
			words = append(words, fmt.Sprintf("%d %s %s before", line.Line, line.Action, line.Result))
		default:
			words = append(words, fmt.Sprintf("%d %s %s", line.Line, line.Action, line.Result))
		}
	}
	return strings.Join(words, ", ")
}

const bankPlan = "left: {shipped: journal}\nright:\n  layout:\n    columns: {id: {index: 1}, amount: {index: 2}, status: {index: 3}}\n" +
	"compare: [amount, status]\nrules: [{name: leg, key: [id]}]\n"

// TestRepairAsksTheInstitution: a bank's file lacks a payment. Asked, the bank says so or says
// otherwise; the switch keeps its word and changes nothing, and asks once however often it
// is told to, over a kill too.
func TestRepairAsksTheInstitution(t *testing.T) {
	s := newRepairStage(t)
	s.pay(6)
	book, err := s.bank.Book()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	before := verifyJournal(t, s.Stage)
	var rows strings.Builder
	references := slices.Sorted(maps.Keys(book))
	for i, reference := range references {
		state := book[reference].State
		switch i {
		case 0:
			continue // Lost.
		case 1:
			state = "declined"
		}
		fmt.Fprintf(&rows, "%s,%d,%s\n", reference, book[reference].Amount, state)
	}
	rows.WriteString("P00000000000000000000000000NONE-1,77,approved\n") // Of no payment of ours.
	differences := s.reconcile(bankPlan, "@harbourbank", s.write("bank.csv", rows.String()))
	s.start()

	lines, code := s.repair("li", differences)
	if got := says(lines); got != "1 wait waits, 2 query agrees, 3 payment_unknown" || code != 1 {
		t.Errorf("at first: %s, exit code %d", got, code)
	}
	lines, code = s.repair("li", differences, "--only", "short", "--wait-days", "0", "--dry-run")
	if got := says(lines); got != "1 query would" || code != 0 {
		t.Errorf("dry run: %s, exit code %d", got, code)
	}
	if err := s.bank.Set("/paper/faults", "contradict=1000::query"); err != nil {
		t.Fatal(err)
	}
	lines, code = s.repair("li", differences, "--only", "short", "--wait-days", "0", "--institution", "harbourbank")
	if got := says(lines); got != "1 query denied" || code != exitDifferences || lines[0].Next != "adjust" ||
		lines[0].Books != "moved" || lines[0].Says != "declined_by_institution" || lines[0].Status != "approved" || lines[0].Reference != references[0] {
		t.Errorf("the bank denies: %s, %+v, exit code %d", got, lines[0].Repaired, code)
	}
	s.Switch.Kill()
	s.start()
	if err := s.bank.Set("/paper/faults", "garbage=1000::query"); err != nil {
		t.Fatal(err)
	}
	lines, code = s.repair("wang", differences, "--only", "short,status", "--wait-days", "0")
	if got := says(lines); got != "1 query denied before, 2 query agrees before" || code != exitDifferences || lines[0].By != "li" {
		t.Errorf("after a kill: %s, exit code %d", got, code)
	}
	lines, _ = s.repair("wang", differences, "--only", "short", "--wait-days", "0", "--again")
	if got := says(lines); got != "1 query unanswered" {
		t.Errorf("without an answer: %s", got)
	}
	if err := s.bank.Set("/paper/faults", ""); err != nil {
		t.Fatal(err)
	}
	lines, code = s.repair("wang", differences, "--only", "short", "--wait-days", "0", "--again")
	if got := says(lines); got != "1 query agrees" || code != 0 || lines[0].By != "wang" {
		t.Errorf("asked again: %s, exit code %d", got, code)
	}
	var words []string
	for _, a := range s.acts() {
		words = append(words, a.Who+" "+a.What+" "+a.Refused)
	}
	// What is asked, then what it came to; what was refused; nothing for what was done before.
	want := "li repair.query , li repair.query , li repair payment_unknown, li repair.query , li repair.query , " +
		"wang repair.query , wang repair.query , wang repair.query "
	if got := strings.Join(words, ", "); !strings.HasSuffix(got, want) {
		t.Errorf("the acts are %s, want %s", got, want)
	}
	if err := s.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	if after := verifyJournal(t, s.Stage); !maps.Equal(before, after) {
		t.Errorf("balances are %v, before the repair %v", after, before)
	}
	report, err := exec.Command(s.Binary, "journal", "verify", filepath.Join(s.Directory, "journal")).Output()
	if err != nil || !strings.Contains(string(report), "  note      4\n") {
		t.Errorf("the journal keeps not four answers as evidence: %v\n%s", err, report)
	}
}

// TestRepairNotifiesTheCaller: the caller's own file lacks a payment. It is told the outcome
// once more, not twice. What is hostile, foreign or unknown is refused line by line.
func TestRepairNotifiesTheCaller(t *testing.T) {
	s := newRepairStage(t)
	s.pay(3)
	if err := s.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	plan := "left:\n  layout: {header: true, utc: true, columns: {id: {name: request_id}, amount: {name: amount_fen}}}\n" +
		"right:\n  layout:\n    columns: {id: {index: 1}, amount: {index: 2}}\ncompare: [amount]\nrules: [{name: request, key: [id]}]\n"
	differences := s.reconcile(plan, "", s.write("shop.csv", "r0,1000\nr2,1002\nr9,5\n"))
	s.start()
	text, err := os.ReadFile(differences)
	if err != nil {
		t.Fatal(err)
	}
	hostile := s.write("hostile.jsonl", "not JSON\n"+string(text)+`{"class":"strange","left":{"id":"r1"}}`+"\n"+
		strings.Repeat("x", 3<<20)+"\n\n"+`{"class":"short","amount":9e99}`+"\n"+`{"class":"long","left":{"id":"r1"}}`+"\n\xff\xfe\n"+
		strings.Replace(strings.Split(string(text), "\n")[0], `"short"`, `"batch"`, 1))
	wants := func(lines []repairLine, code int, want string, wantCode int) {
		t.Helper()
		if got := says(lines); got != want || code != wantCode {
			t.Errorf("got %s, exit code %d, want %s, %d", got, code, want, wantCode)
		}
	}
	lines, code := s.repair("li", hostile, "--institution", "corneracquirer", "--wait-days", "0")
	wants(lines, code, "1 malformed, 2 notify owed, 3 payment_unknown, 4 class_unknown, 5 line_too_long, 7 malformed, 8 case_invalid, 9 malformed, 10 ask people", 1)
	lines, code = s.repair("wang", differences, "--only", "short", "--institution", "corneracquirer", "--wait-days", "0")
	wants(lines, code, "1 notify owed before", 0)
	lines, code = s.repair("li", differences, "--only", "short", "--wait-days", "0")
	wants(lines, code, "1 payment_unclear", 1)
	lines, code = s.repair("li", differences, "--only", "short", "--institution", "corneracquirer", "--action", "record")
	wants(lines, code, "1 action_foreign", 1)
	lines, code = s.repair("li", differences, "--only", "short", "--institution", "harbourbank", "--wait-days", "0")
	wants(lines, code, "1 payment_unknown", 1)
	heard := func() string {
		response, err := http.Get("http://" + s.shop.Process.Address + "/paper/outcomes")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return string(text)
	}
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(heard(), `"request_id":"r1"`); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the caller heard %q", heard())
		}
	}
	time.Sleep(300 * time.Millisecond) // Time for a second telling, and for the acknowledgement.
	if text := heard(); strings.Count(text, "payment_id") != 1 || !strings.Contains(text, `"status":"approved"`) {
		t.Errorf("the caller heard %s", text)
	}
	if err := s.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	verifyJournal(t, s.Stage)
}

// TestRepairProposesAnAdjustment: the bank's book has another amount, and denies a payment.
// Nothing moves until a second person approves; proposed again, over a kill, it is one
// proposal, and what was rejected stays so.
func TestRepairProposesAnAdjustment(t *testing.T) {
	s := newRepairStage(t)
	s.pay(3)
	book, err := s.bank.Book()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	before := verifyJournal(t, s.Stage)
	references := slices.Sorted(maps.Keys(book))
	rows := fmt.Sprintf("%s,%d,approved\n%s,%d,approved\n", references[0], book[references[0]].Amount-30, references[1], book[references[1]].Amount+7)
	differences := s.reconcile(bankPlan, "@harbourbank", s.write("bank.csv", rows))
	s.start()
	if err := s.bank.Set("/paper/faults", "contradict=1000::query"); err != nil {
		t.Fatal(err)
	}
	wants := func(lines []repairLine, code int, want string, wantCode int) {
		t.Helper()
		if got := says(lines); got != want || code != wantCode {
			t.Errorf("got %s, exit code %d, want %s, %d: %+v", got, code, want, wantCode, lines)
		}
	}
	lines, code := s.repair("li", differences, "--wait-days", "0", "--dry-run")
	wants(lines, code, "1 adjust would, 2 adjust would, 3 query would", 0)
	lines, code = s.repair("li", differences, "--wait-days", "0")
	wants(lines, code, "1 adjust proposed, 2 adjust proposed, 3 query denied", exitDifferences)
	for i, want := range []string{"adjustment of 0.30 yuan, reconciliation_difference, from corneracquirer to harbourbank in commercial money, of ",
		"adjustment of 0.07 yuan, reconciliation_difference, from harbourbank to corneracquirer in commercial money, of "} {
		if !strings.HasPrefix(lines[i].Detail, want) {
			t.Errorf("proposed is %s, want %s", lines[i].Detail, want)
		}
	}
	less, more := string(lines[0].Entry), string(lines[1].Entry)
	lines, code = s.repair("li", differences, "--only", "short", "--action", "adjust")
	wants(lines, code, "3 adjust proposed", exitDifferences)
	denied := string(lines[0].Entry)
	s.Switch.Kill()
	s.start()
	lines, code = s.repair("wang", differences, "--only", "short,amount", "--action", "adjust")
	wants(lines, code, "1 adjust proposed before, 2 adjust proposed before, 3 adjust proposed before", exitDifferences)
	entry := func(wantOK bool, who string, args ...string) string {
		t.Helper()
		args = append(append([]string{"entry"}, args...), "--admin", "http://"+s.address, "--as", who, "--key-file", filepath.Join(s.Directory, who+".key"))
		out, err := exec.Command(s.Binary, args...).CombinedOutput()
		if (err == nil) != wantOK {
			t.Fatalf("%v as %s: %v\n%s", args, who, err, out)
		}
		return string(out)
	}
	if out := entry(true, "wang", "list"); !strings.Contains(out, "3 entries") || !strings.Contains(out, "bank.csv byte") {
		t.Errorf("what waits is %s", out)
	}
	if err := s.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	if after := verifyJournal(t, s.Stage); !maps.Equal(before, after) {
		t.Errorf("balances are %v before anybody approved, were %v", after, before)
	}
	s.start()
	if out := entry(false, "li", "approve", less, "30"); !strings.Contains(out, "same_person") {
		t.Errorf("who proposed it approves it: %s", out)
	}
	entry(true, "wang", "approve", less, "30")
	entry(true, "wang", "approve", denied, "1002")
	entry(true, "wang", "reject", more, "--evidence", "the bank has put its book right, ticket 9")
	lines, code = s.repair("li", differences, "--only", "short,amount", "--action", "adjust")
	wants(lines, code, "1 adjust booked before, 2 adjust rejected before, 3 adjust booked before", exitDifferences)
	lines, code = s.repair("li", differences, "--only", "short", "--action", "adjust")
	wants(lines, code, "3 adjust booked before", 0)
	if err := s.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	after := verifyJournal(t, s.Stage)
	for account, want := range map[string]int64{"position/commercial/harbourbank": 1032, "position/commercial/corneracquirer": -1032} {
		if got := after[account] - before[account]; got != want {
			t.Errorf("%s moved by %d, want %d: %v", account, got, want, after)
		}
	}
	altered := s.write("altered.jsonl", fmt.Sprintf(`{"class":"amount","left":{"text":"x","id":%q,"amount":5},"right":{"text":"y","amount":500000}}`, references[0]))
	s.start()
	lines, code = s.repair("li", altered)
	wants(lines, code, "1 case_invalid", 1)
}
