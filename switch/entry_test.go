package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tongma/switch/stage"
)

const ecnyCode = "0112345678901234567" // To jadewallet.

// entryStage is a network with two persons who book entries through the command.
type entryStage struct {
	clerk
	client *stage.Client
	lines  string
	sent   int
}

func newEntryStage(t *testing.T) *entryStage {
	net := staged(t, &stage.Member{ID: "harbourbank", Extra: quick}, &stage.Member{ID: "jadewallet", Extra: quick})
	lines, address := people(t, net.Directory, "li", "wang")
	lines += "\nfees:\n  rules: [{id: all, rate_ppm: 10000, shares: [{institution: issuer, ppm: 500000}]}]\n" +
		"ledger:\n  caps: [{institution: corneracquirer, medium: commercial, cap_fen: 500}]\n"
	s := &entryStage{clerk: clerk{t, net, address}, lines: lines}
	s.start()
	return s
}

func (s *entryStage) start() {
	s.t.Helper()
	if err := s.net.StartSwitch(s.lines); err != nil {
		s.t.Fatal(err)
	}
	s.client = s.net.Client("corneracquirer")
}

// entry runs an entry command as who; what it prints holds want.
func (s *entryStage) entry(want, who string, args ...string) string {
	s.t.Helper()
	var verbs []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		verbs, args = append(verbs, args[0]), args[1:]
	}
	line := append(append([]string{"entry"}, verbs...), "--admin", "http://"+s.address, "--as", who,
		"--key-file", filepath.Join(s.net.Directory, who+".key"))
	out, err := exec.Command(s.net.Binary, append(line, args...)...).CombinedOutput()
	if !strings.Contains(string(out), want) {
		s.t.Fatalf("entry %v as %s: %v\n%s, want %q", verbs, who, err, out, want)
	}
	return string(out)
}

var entryID = regexp.MustCompile(`(?m)^P[0-9a-f]{4}[0-9A-Z]{26}`)

// book proposes an entry as one person and approves it as another.
func (s *entryStage) book(amount string, propose ...string) string {
	s.t.Helper()
	id := entryID.FindString(s.entry("another person has to approve", "li", append([]string{"propose"}, propose...)...))
	s.entry(id+" booked", "wang", "approve", id, amount)
	return id
}

func (s *entryStage) pay(code string, amount int) stage.Payment {
	s.t.Helper()
	s.sent++
	p, err := s.client.Pay(map[string]any{"request_id": fmt.Sprint("e", s.sent), "code": code, "amount_fen": amount})
	if err != nil || p.Status != "approved" {
		s.t.Fatalf("%+v, %v", p, err)
	}
	return p
}

// rows verifies every statement of a window that has rows, and gives the detail of member.
func (s *entryStage) rows(window int, member string) (detail, fees string) {
	s.t.Helper()
	out := s.run(true, "li", "statements", fmt.Sprint(window))
	directory := filepath.Dir(strings.SplitN(out, ":", 2)[0])
	files, err := filepath.Glob(filepath.Join(directory, "*.gz"))
	if err != nil || len(files) == 0 {
		s.t.Fatalf("%d statements, %v", len(files), err)
	}
	for _, name := range files {
		if id := filepath.Base(name); strings.HasPrefix(id, "harbourbank") || strings.HasPrefix(id, "corneracquirer") || strings.HasPrefix(id, "jadewallet") {
			if out, err := exec.Command(s.net.Binary, "statement", "verify", name).CombinedOutput(); err != nil {
				s.t.Errorf("%v\n%s", err, out)
			}
		}
	}
	return unpackedStatement(s.t, directory, member+"-detail"), unpackedStatement(s.t, directory, member+"-fee")
}

func unpackedStatement(t *testing.T, directory, name string) string {
	t.Helper()
	file, err := os.Open(filepath.Join(directory, name+".csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wantRow holds that rows has a line that begins and ends like that, with id in it.
func wantRow(t *testing.T, rows, begin, id, end string) {
	t.Helper()
	for line := range strings.Lines(rows) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, begin) && strings.Contains(line, ","+id+",") && strings.HasSuffix(line, end) {
			return
		}
	}
	t.Errorf("no row %s of %s that ends with %s in\n%s", begin, id, end, rows)
}

// TestEntries books chargebacks and adjustments with the real binary: proposed by one person,
// approved by another, in the window that is open then, in no window for e-CNY, told by the API
// and in proven statements, there after a kill, and proved by the journal.
func TestEntries(t *testing.T) {
	s := newEntryStage(t)
	first, cash := s.pay(unionpayCode, 1000), s.pay(ecnyCode, 700)
	s.closeWindow()
	evidence := []string{"--evidence", "case 4711 of the scheme", "--reason"}
	with := func(reason string, args ...string) []string { return append(append(args, evidence...), reason) }

	propose := func(want, who string, args ...string) string {
		t.Helper()
		return entryID.FindString(s.entry(want, who, append([]string{"propose"}, args...)...))
	}
	propose("reason_invalid", "li", with("late_outcome", "chargeback", first.ID, "400")...)
	propose("chargeback_exceeds", "li", with("fraud", "chargeback", first.ID, "1001")...)
	propose("payment_unknown", "li", with("fraud", "chargeback", "P1", "1")...)
	id := propose("another person has to approve", "li", with("goods_not_received", "chargeback", first.ID, "400")...)
	s.entry("same_person", "li", "approve", id, "400")
	s.entry("proposal_changed", "wang", "approve", id, "401")
	s.entry("chargeback of 4.00 yuan, goods_not_received, of "+first.ID, "wang", "list")
	s.net.Switch.Kill()
	s.start()
	s.entry(id+" booked", "wang", "approve", id, "400")
	s.net.Switch.Kill()
	s.start()
	s.entry(id+" booked", "wang", "approve", id, "400") // Its answer was lost: the same again.
	s.entry("entry_decided", "li", "withdraw", id)

	// The window of the payment was closed before: this stands in the one that is open. The
	// payment in e-CNY was never in a window, nor is its chargeback.
	token := s.book("700", with("fraud", "chargeback", cash.ID, "700")...)
	propose("chargeback_exceeds", "li", with("fraud", "chargeback", cash.ID, "1")...)
	moved := s.book("90", with("reconciliation_difference", "adjustment", "harbourbank", "corneracquirer", "90", "--payment", first.ID, "--reference", "day 1 row 7")...)
	s.entry(moved+" booked", "li", append([]string{"propose"}, with("reconciliation_difference",
		"adjustment", "harbourbank", "corneracquirer", "90", "--payment", first.ID, "--reference", "day 1 row 7")...)...)
	won := s.book("150", append(with("representment", "adjustment", "harbourbank", "corneracquirer", "150"), "--payment", id)...)
	off := propose("another person has to approve", "li", with("switch_error", "adjustment", "harbourbank", "jadewallet", "5")...)
	s.entry(off+" rejected", "wang", "reject", off, "--evidence", "it was none")

	// The acquirer has 1000 - 5 of the payment, its fee, and what moved since, and a cap of 500.
	over := propose("another person", "li", with("switch_error", "adjustment", "corneracquirer", "harbourbank", "2000")...)
	s.entry("liquidity_short", "wang", "approve", over, "2000")
	s.entry(over+" proposed", "wang", "list")

	if p, err := s.client.Find(first.ID); err != nil || p.ChargedBack != 400 || p.Refunded != 0 {
		t.Errorf("the payment: %+v, %v", p, err)
	}
	if p, err := s.client.Find(id); err != nil || p.Kind != "chargeback" || p.Reason != "goods_not_received" || p.Original != first.ID || p.Refunded != 150 {
		t.Errorf("the chargeback: %+v, %v", p, err)
	}
	if p, err := s.net.Client("harbourbank").Find(id); err != nil || p.Amount != 400 || p.Status != "approved" {
		t.Errorf("the chargeback as the payer's side finds it: %+v, %v", p, err)
	}
	if p, err := s.net.Client("jadewallet").Find(moved); err != nil || p.Error.Code != "not_a_party" {
		t.Errorf("an adjustment of others: %+v, %v", p, err)
	}
	if r, err := s.client.Call("POST", "/v1/payments/"+first.ID+"/refunds", map[string]any{"request_id": "f1", "amount_fen": 601}); err != nil || r.Error.Code != "refund_exceeds" {
		t.Errorf("a refund of more than is left: %+v, %v", r, err)
	}
	s.closeWindow()
	two := s.seal(2)
	if two.Payments != 3 || two.Gross != 400+90+150 || two.Fees != 4 {
		t.Errorf("window 2: %+v, want the three entries in commercial money and the fee that went back", two.Close)
	}
	detail, fees := s.rows(2, "harbourbank")
	wantRow(t, detail, "C,", id, ",corneracquirer,harbourbank,400,goods_not_received")
	wantRow(t, detail, "A,", moved, ",harbourbank,corneracquirer,90,reconciliation_difference")
	wantRow(t, detail, "A,", won, ",harbourbank,corneracquirer,150,representment")
	wantRow(t, fees, "F,", id, ",harbourbank,corneracquirer,2")
	if detail, _ := s.rows(2, "jadewallet"); strings.Contains(detail, token) {
		t.Error("a chargeback in e-CNY stands in a window")
	}
	if err := s.net.Switch.Stop(); err != nil {
		t.Error(err)
	}
	want := map[string]int64{
		"position/commercial/harbourbank": -1000 + 5 + 400 - 2 - 90 - 150, "position/commercial/corneracquirer": 1000 - 10 - 400 + 4 + 90 + 150,
		"fee/commercial/switch": 5 - 2,
	}
	if got := fmt.Sprint(verifyJournal(t, s.net)); got != fmt.Sprint(want) {
		t.Errorf("balances %s, want %s", got, fmt.Sprint(want))
	}
	s.reconciled(id, moved)
}

// reconciled holds that the journal as a side of a reconciliation has the entries, as kinds of
// their own.
func (s *entryStage) reconciled(chargeback, adjustment string) {
	s.t.Helper()
	file, err := os.CreateTemp(s.t.TempDir(), "*.csv")
	if err != nil {
		s.t.Fatal(err)
	}
	sides := &journalSides{}
	if err := sides.writeLegs(file, filepath.Join(s.net.Directory, "journal"), "harbourbank"); err != nil {
		s.t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, want := range []string{chargeback + ",harbourbank,,chargeback,", adjustment + ",harbourbank,,adjustment,"} {
		if strings.Count(string(text), want) != 1 {
			s.t.Errorf("the journal's side has not one row of %s:\n%s", want, text)
		}
	}
}
