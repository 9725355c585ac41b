package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tongma/switch/stage"
)

// TestPositions holds the statements of two real windows against a bank's own book: where
// both agree nothing is opened, and what was altered or lost in one window is named there.
func TestPositions(t *testing.T) {
	bank := &stage.Member{ID: "harbourbank", Extra: quick}
	net := staged(t, bank, &stage.Member{ID: "kitewallet", Extra: quick})
	lines, address := people(t, net.Directory, "li", "wang")
	lines += "\nfees:\n  rules: [{id: all, rate_ppm: 10000, shares: [{institution: issuer, ppm: 500000}]}]\n"
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	c := &clerk{t, net, address}
	client := net.Client("corneracquirer")
	folder := t.TempDir()
	rules, theirs := filepath.Join(folder, "rules.yaml"), filepath.Join(folder, "bank.csv")
	var rows []string
	told := map[string]bool{}
	var args []string
	for window := 1; window <= 2; window++ {
		for i := range 10 {
			code := []string{unionpayCode, wechatCode}[i%2]
			p, err := client.Pay(map[string]any{"request_id": fmt.Sprint(window, "-", i), "code": code, "amount_fen": 1000 * (i + 1)})
			if err != nil || p.Status != "approved" {
				t.Fatalf("%+v, %v", p, err)
			}
		}
		c.closeWindow()
		c.run(true, "li", "statements", fmt.Sprint(window))
		book, err := bank.Book()
		if err != nil {
			t.Fatal(err)
		}
		for reference, leg := range book {
			if !told[reference] {
				told[reference] = true // The bank gets half of the fee of one percent.
				rows = append(rows, fmt.Sprintf("%s,%d,%d,%d,debit", strings.TrimSuffix(reference, "-1"), leg.Amount, leg.Amount/200, window))
			}
		}
		found, err := filepath.Glob(filepath.Join(net.Directory, "*", fmt.Sprintf("window-%06d", window)))
		if err != nil || len(found) != 1 {
			t.Fatalf("statements of window %d are in %v, %v", window, found, err)
		}
		args = append(args, "--ours", found[0])
	}
	plan := "left: {shipped: position}\nright: {layout: {columns: {id: {index: 1}, amount: {index: 2}, fee: {index: 3}, batch: {index: 4}, kind: {index: 5}}}}\n" +
		"compare: [amount]\npositions: {out: [debit]}\nrules: [{name: id, key: [id]}]\n"
	if err := os.WriteFile(rules, []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(rows []string, args ...string) (string, int) {
		t.Helper()
		if err := os.WriteFile(theirs, []byte(strings.Join(rows, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		command := exec.Command(net.Binary, append([]string{"reconcile", "positions", "--rules", rules, "--theirs", "harbourbank=" + theirs}, args...)...)
		out, err := command.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out), command.ProcessState.ExitCode()
	}
	if out, code := run(rows, args...); code != 0 || out != "harbourbank settlement: agrees, 10 rows, net -497.50 yuan\n" {
		t.Errorf("equal books give exit code %d: %s", code, out)
	}
	altered := append([]string(nil), rows[:9]...) // The last payment, of window 2, is lost.
	for i, row := range altered {
		if strings.HasSuffix(row, ",1000,5,2,debit") {
			altered[i] = strings.Replace(row, ",1000,5,", ",1007,6,", 1)
		}
	}
	lost := strings.Split(rows[9], ",")
	out, code := run(altered, args...)
	for _, want := range []string{"  harbourbank window 1: agrees", "0 are unexplained", "short " + lost[0], "transaction of window 2", "fee of window 2"} {
		if code != exitDifferences || !strings.Contains(out, want) {
			t.Errorf("exit code %d, want %q: %s", code, want, out)
		}
	}
	if strings.Contains(out, "transaction of window 1") || strings.Count(out, ", 0 are unexplained") != 4 {
		t.Errorf("opened or explained is %s", out)
	}
	if out, code := run(append(rows, "broken"), args...); code != 1 || !strings.Contains(out, "bank.csv at byte") {
		t.Errorf("a broken file gives exit code %d: %s", code, out)
	}
	if out, code := run(rows, append(args, args[:2]...)...); code != 1 || !strings.Contains(out, "given twice") {
		t.Errorf("a window given twice: exit code %d: %s", code, out)
	}
	spoiled := filepath.Join(args[1], "harbourbank-detail.csv.gz")
	if err := os.Rename(filepath.Join(args[3], "harbourbank-detail.csv.gz"), spoiled); err != nil {
		t.Fatal(err)
	}
	if out, code := run(rows, args[:2]...); code != 1 || !strings.Contains(out, "is not what was sealed") {
		t.Errorf("a statement of another window gives exit code %d: %s", code, out)
	}
}
