package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tongma/switch/reconcile"
	"tongma/switch/stage"
)

// TestReconcileCommand runs the binary over the files of one day, one of them in GBK with
// totals, over equal files, and over one that is not of its layout.
func TestReconcileCommand(t *testing.T) {
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (out string, code int) {
		t.Helper()
		command := exec.Command(file, append([]string{"reconcile"}, args...)...)
		var text bytes.Buffer
		command.Stdout, command.Stderr = &text, &text
		if err := command.Run(); err != nil && command.ProcessState == nil {
			t.Fatal(err)
		}
		return text.String(), command.ProcessState.ExitCode()
	}
	day := filepath.Join("reconcile", "testdata", "day")
	rules, ours, theirs := filepath.Join(day, "rules.yaml"), filepath.Join(day, "switch.csv"), filepath.Join(day, "bank.csv")

	out := t.TempDir()
	text, code := run("--rules", rules, "--left", ours, "--right", theirs, "--out", out, "--pairs")
	if code != 3 {
		t.Errorf("differences gave exit code %d: %s", code, text)
	}
	var sum reconcile.Summary
	summary, err := os.ReadFile(filepath.Join(out, "summary.json"))
	if err == nil {
		err = json.Unmarshal(summary, &sum)
	}
	if err != nil {
		t.Fatal(err)
	}
	for class, want := range map[string]reconcile.Total{
		"amount": {Rows: 1, Amount: 2000}, "fee": {Rows: 1, Amount: 3000},
		"status": {Rows: 1, Amount: 4000}, "cut-off": {Rows: 1, Amount: 6000},
		"short": {Rows: 1, Amount: 1300}, "long": {Rows: 1, Amount: 1300},
		"duplicate-right": {Rows: 1, Amount: 1200}, "refund-without-original": {Rows: 2, Amount: 2200},
	} {
		if sum.Classes[class] != want {
			t.Errorf("class %s: got %+v, want %+v", class, sum.Classes[class], want)
		}
	}
	for rule, want := range map[string]reconcile.Total{"id": {Rows: 4, Amount: 4300},
		"reference": {Rows: 1, Amount: 5000}, "batch": {Rows: 2, Amount: 15000},
		"near in time": {Rows: 1, Amount: 9000}} {
		if sum.Rules[rule] != want {
			t.Errorf("rule %s: got %+v, want %+v", rule, sum.Rules[rule], want)
		}
	}
	if len(sum.Classes) != 8 || sum.Matched.Rows != 8 || len(sum.Rejects) != 0 {
		t.Errorf("summary is %s", summary)
	}
	lines := func(name string) int {
		text, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Error(err)
		}
		return bytes.Count(text, []byte("\n"))
	}
	if got := [3]int{lines("discrepancies.jsonl"), lines("discrepancies.csv"), lines("pairs.csv")}; got != [3]int{9, 10, 9} {
		t.Errorf("the files have %v lines, want 9, 10 and 9", got)
	}

	same := filepath.Join(t.TempDir(), "same.yaml")
	layout := "{layout: {header: true, columns: {id: {name: payment}, amount: {name: amount_fen}}}"
	if err := os.WriteFile(same, []byte("left: "+layout+"}\nright: "+layout+"}\nrules: [{name: id, key: [id]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, code = run("--rules", same, "--left", ours, "--right", ours); code != 0 {
		t.Errorf("a file against itself gave exit code %d: %s", code, text)
	}
	if text, code = run("--rules", same, "--left", ours, "--right", theirs); code != 1 || !strings.Contains(text, `no column "amount_fen"`) {
		t.Errorf("a file of another layout gave exit code %d: %s", code, text)
	}
}

// TestReconcileJournal pays through a network of real processes, and holds the switch's
// journal against a bank's own book, from which a row is gone and one was changed.
func TestReconcileJournal(t *testing.T) {
	net := network(t, "", &stage.Member{ID: "harbourbank", Extra: quick}, &stage.Member{ID: "kitewallet", Extra: quick})
	client := net.Client("corneracquirer")
	for i := range 20 {
		code := []string{unionpayCode, wechatCode}[i%2]
		p, err := client.Pay(map[string]any{"request_id": fmt.Sprint("r", i), "code": code, "amount_fen": 100 + i})
		if err != nil || p.Status != "approved" {
			t.Fatalf("payment %d: %+v, %v", i, p, err)
		}
	}
	book, err := net.Members[0].Book()
	if err != nil {
		t.Fatal(err)
	}
	if err := net.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	references := slices.Sorted(maps.Keys(book))
	if len(references) != 10 {
		t.Fatalf("the bank has %d legs, want 10", len(references))
	}
	var rows strings.Builder
	for i, reference := range references[1:] {
		amount := book[reference].Amount
		if i == 0 {
			amount++
		}
		fmt.Fprintf(&rows, "%s,%d,%s\n", reference, amount, book[reference].State)
	}
	folder := t.TempDir()
	theirs, rules := filepath.Join(folder, "bank.csv"), filepath.Join(folder, "rules.yaml")
	plan := "left: {shipped: journal}\nright:\n  layout:\n" +
		"    columns: {id: {index: 1}, amount: {index: 2}, status: {index: 3}}\n" +
		"compare: [amount, status]\nrules: [{name: leg, key: [id]}]\n"
	if err := errors.Join(os.WriteFile(theirs, []byte(rows.String()), 0o600), os.WriteFile(rules, []byte(plan), 0o600)); err != nil {
		t.Fatal(err)
	}
	journal := "journal:" + filepath.Join(net.Directory, "journal")
	out, err := exec.Command(net.Binary, "reconcile", "--json", "--rules", rules,
		"--left", journal+"@harbourbank", "--right", theirs).Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Fatalf("got %v: %s", err, out)
	}
	var sum reconcile.Summary
	if err := json.Unmarshal(out, &sum); err != nil {
		t.Fatal(err)
	}
	if sum.Left.Rows != 10 || sum.Matched.Rows != 8 || sum.Classes["short"].Rows != 1 || sum.Classes["amount"].Rows != 1 {
		t.Errorf("got %s", out)
	}
	twice := strings.Replace(plan, "right:\n  layout:\n    columns: {id: {index: 1}, amount: {index: 2}, status: {index: 3}}",
		"right: {name: copy, shipped: journal}", 1)
	if err := os.WriteFile(rules, []byte(twice), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(net.Binary, "reconcile", "--rules", rules, "--left", journal, "--right", journal).CombinedOutput(); err != nil {
		t.Errorf("a journal against itself: %v: %s", err, out)
	}
}
