package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tongma/switch/reconcile"
)

// taken lists the files that a store has taken, in their order.
func taken(t *testing.T, store string) (paths [2][]string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(store, "*", "cycle-*", "state.json"))
	if err != nil || len(names) != 1 {
		t.Fatalf("the store has the cycles %v, %v, want one", names, err)
	}
	text, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Files [2][]reconcile.TakenFile `json:"files"`
	}
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	for side := range state.Files {
		for _, file := range state.Files[side] {
			paths[side] = append(paths[side], file.Path)
		}
	}
	return paths
}

// summaryOf runs the binary, which has to find differences, and reads its summary.
func summaryOf(t *testing.T, binary string, args ...string) (sum reconcile.Summary) {
	t.Helper()
	out, err := exec.Command(binary, append([]string{"reconcile"}, args...)...).Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitDifferences {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	if err := json.Unmarshal(out, &sum); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return sum
}

const fileRules = "left: {layout: {trailer: {prefix: T}, columns: {id: {index: 1}, amount: {index: 2}}}}\n" +
	"right: {layout: {columns: {id: {index: 1}, amount: {index: 2}}}}\ncompare: [amount]\nrules: [{name: id, key: [id]}, {name: amount, key: [amount]}]\n"

// TestFollowIsKilled follows a day whose files come while the process is killed again and
// again: what it finds in the end is what one run over all files finds.
func TestFollowIsKilled(t *testing.T) {
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := errors.Join(os.WriteFile(path+".part", []byte(text), 0o600), os.Rename(path+".part", path)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"left", "right"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("rules.yaml", fileRules)
	rules, store := filepath.Join(folder, "rules.yaml"), filepath.Join(folder, "store")
	args := []string{"follow", "--rules", rules, "--left", filepath.Join(folder, "left"), "--right", filepath.Join(folder, "right"),
		"--store", store, "--day", "2026-11-24", "--every", "5ms", "--settle", "10ms"}
	begin := func() *exec.Cmd {
		command := exec.Command(file, append([]string{"reconcile"}, args...)...)
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		return command
	}
	command := begin()
	random := rand.New(rand.NewPCG(7, 7))
	const rows = 40_000
	for i := range 20 {
		var text [2]strings.Builder
		for n := range rows / 20 {
			id := i*rows/20 + n
			fmt.Fprintf(&text[0], "A%d,%d\n", id, 100+id%7)
			if other := (id + 3000) % rows; other%997 != 0 { // In another file than its partner.
				fmt.Fprintf(&text[1], "A%d,%d\n", other, 100+other%7+other%1499/1498)
			}
			if id%9973 == 0 {
				fmt.Fprintf(&text[1], "A%d,%d\n", id, 100+id%7) // Twice.
			}
		}
		write(fmt.Sprintf("right/%02d.csv", i), text[1].String())
		half := filepath.Join(folder, "left", fmt.Sprintf("%02d.csv", i))
		if err := os.WriteFile(half, []byte(text[0].String()), 0o600); err != nil { // Without its trailer yet.
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond)
		if random.IntN(3) > 0 {
			_ = command.Process.Kill()
			_ = command.Wait()
			command = begin()
		}
		if err := os.WriteFile(half, []byte(text[0].String()+"T\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(200 * time.Millisecond)
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("SIGTERM ends it with %v", err)
	}
	got := summaryOf(t, file, append(args, "--close", "--json", "--out", filepath.Join(folder, "out"))...)
	match := []string{"--json", "--rules", rules}
	paths := taken(t, store)
	for _, path := range paths[0] {
		match = append(match, "--left", path)
	}
	for _, path := range paths[1] {
		match = append(match, "--right", path)
	}
	want := summaryOf(t, file, match...)
	if got.Digest != want.Digest || got.Left.Rows != rows || len(paths[0]) != 20 || len(paths[1]) != 20 || got.Classes["short"].Rows == 0 {
		t.Errorf("followed: %+v\nin one run: %+v\nof %d and %d files", got, want, len(paths[0]), len(paths[1]))
	}
	text, err := os.ReadFile(filepath.Join(folder, "out", "discrepancies.jsonl"))
	if err != nil || int64(bytes.Count(text, []byte("\n"))) != classRows(&got) || bytes.Contains(text, []byte("store/")) {
		t.Errorf("%v, discrepancies are %s", err, text)
	}
	if again := summaryOf(t, file, append(args, "--close", "--json")...); again.Digest != got.Digest {
		t.Errorf("closed again it finds %+v", again)
	}
}

func classRows(sum *reconcile.Summary) (rows int64) {
	for _, total := range sum.Classes {
		rows += total.Rows
	}
	return rows
}

// TestFollowTheJournal follows the journal of a running switch while it pays, over a kill of
// either, and closes the day against the bank's files.
func TestFollowTheJournal(t *testing.T) {
	s := newRepairStage(t)
	inbox := filepath.Join(s.folder, "inbox")
	if err := os.Mkdir(inbox, 0o700); err != nil {
		t.Fatal(err)
	}
	store, out := filepath.Join(s.folder, "store"), filepath.Join(s.folder, "day")
	args := []string{"follow", "--rules", s.write("rules.yaml", bankPlan), "--right", inbox, "--store", store, "--day", "2026-11-24",
		"--settle", "10ms", "--admin", "http://" + s.address, "--as", "li", "--key-file", filepath.Join(s.Directory, "li.key"), "--institution", "harbourbank"}
	once := func() reconcile.Standing {
		t.Helper()
		command := exec.Command(s.Binary, append(append([]string{"reconcile"}, args...), "--once", "--json")...)
		command.Stderr = os.Stderr
		text, err := command.Output()
		var standing reconcile.Standing
		if err := errors.Join(err, json.Unmarshal(text, &standing)); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return standing
	}
	told := map[string]bool{}
	bankFile := func(name string, lose int) {
		t.Helper()
		book, err := s.bank.Book()
		if err != nil {
			t.Fatal(err)
		}
		var rows strings.Builder
		for reference, leg := range book {
			if told[reference] {
				continue
			}
			if told[reference] = true; lose > 0 {
				lose--
				continue
			}
			fmt.Fprintf(&rows, "%s,%d,%s\n", reference, leg.Amount, leg.State)
		}
		path := filepath.Join(inbox, name)
		if err := errors.Join(os.WriteFile(path+".tmp", []byte(rows.String()), 0o600), os.Rename(path+".tmp", path)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	client := s.Client("corneracquirer")
	pay := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			p, err := client.Pay(map[string]any{"request_id": fmt.Sprint("f", i), "code": unionpayCode, "amount_fen": 100 + i})
			if err != nil || p.Status != "approved" {
				t.Fatalf("payment %d: %+v, %v", i, p, err)
			}
		}
		client.Rest()
	}
	pay(0, 10)
	if st := once(); st.Open[0].Rows != 10 || st.Rows[0].Rows != 10 {
		t.Errorf("after ten payments: %+v", st)
	}
	bankFile("1.csv", 0)
	if st := once(); st.Open[0].Rows+st.Open[1].Rows != 0 {
		t.Errorf("after the bank's file: %+v", st)
	}
	pay(10, 15)
	s.Switch.Kill()
	s.start()
	pay(15, 20)
	bankFile("2.csv", 1)
	if st := once(); st.Open[0].Rows != 1 || st.Rows[0].Rows != 20 || st.Rows[1].Rows != 19 {
		t.Errorf("after the second file: %+v", st)
	}
	sum := summaryOf(t, s.Binary, append(args, "--close", "--json", "--out", out)...)
	if sum.Left.Rows != 20 || sum.Matched.Rows != 19 || sum.Classes["short"].Rows != 1 {
		t.Errorf("the day is %+v", sum)
	}
	lines, code := s.repair("li", filepath.Join(out, "discrepancies.jsonl"), "--wait-days", "0")
	if got := says(lines); got != "1 query agrees" || code != 0 {
		t.Errorf("the repair says %s, exit code %d", got, code)
	}
}
