package main

import (
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"tongma/codec"
	"tongma/switch/admin"
	"tongma/switch/payment"
	"tongma/switch/stage"
)

// TestRefunds refunds a card's payment and one in e-CNY in parts to exactly the rest, before
// and after the window closed and across a kill: the money goes back on the same medium, both
// institutions' books, the statements, which prove themselves against the switch's key, and
// the accounts say so, and no window holds e-CNY.
func TestRefunds(t *testing.T) {
	net := staged(t, &stage.Member{ID: "harbourbank", Extra: quick}, &stage.Member{ID: "jadewallet", Extra: quick})
	lines, address := people(t, net.Directory, "li", "wang")
	lines += "\nfees:\n  rules: [{id: all, rate_ppm: 10000, shares: [{institution: issuer, ppm: 500000}]}]\n" +
		"settlement: {key: seal.pem}\n"
	if err := net.StartSwitch(lines); err == nil {
		t.Fatal("the switch starts without the key that its configuration names")
	}
	for _, name := range []string{"seal", "other"} {
		public, err := exec.Command(net.Binary, "key", "make", filepath.Join(net.Directory, name+".pem")).Output()
		if err == nil {
			err = os.WriteFile(filepath.Join(net.Directory, name+".pub"), public, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	clerk, li := &clerk{t, net, address}, person(t, net, address, "li")
	client := net.Client("corneracquirer")
	wallet, err := codec.Default().NewPayCode("ecny", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pay := func(id, code string, amount int) string {
		t.Helper()
		p, err := client.Pay(map[string]any{"request_id": id, "code": code, "amount_fen": amount})
		if err != nil || p.Status != "approved" {
			t.Fatalf("%+v, %v", p, err)
		}
		return p.ID
	}
	sent := 0
	refund := func(of string, amount int, want string) string {
		t.Helper()
		sent++
		p, err := client.Call("POST", "/v1/payments/"+of+"/refunds", map[string]any{"request_id": fmt.Sprint("f", sent), "amount_fen": amount})
		if got := p.Status + p.Error.Code; err != nil || got != want {
			t.Errorf("refund of %d: %s, %v, want %s", amount, got, err, want)
		}
		return p.ID
	}
	card, ecny := pay("card", unionpayCode, 1000), pay("ecny", wallet, 900)
	early := refund(card, 400, "approved")
	refund(ecny, 300, "approved")
	clerk.closeWindow()
	net.Switch.Kill()
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	for _, of := range []struct {
		id    string
		parts []int
	}{{card, []int{350, 250}}, {ecny, []int{599, 1}}} {
		refund(of.id, 601, "refund_exceeds")
		for _, part := range of.parts {
			refund(of.id, part, "approved")
		}
		refund(of.id, 1, "refund_exceeds")
		if p, err := client.Find(of.id); err != nil || p.Refunded != p.Amount || p.Status != "approved" {
			t.Errorf("%+v, %v, want all of it refunded", p, err)
		}
	}
	clerk.closeWindow()

	one, two := clerk.seal(1), clerk.seal(2)
	if one.Payments != 2 || one.Gross != 1400 || two.Payments != 2 || two.Gross != 600 || two.After != one.At {
		t.Errorf("windows %+v and %+v", one.Close, two.Close)
	}
	sums := map[string]payment.Fen{}
	for _, s := range [][]string{{"1", "1000", "-400"}, {"2", "-350", "-250"}} {
		rows := details(t, clerk, s[0], "harbourbank")
		for i, row := range rows {
			kind, original := "refund", card
			if s[0] == "1" && i == 0 {
				kind, original = "pay", ""
			}
			if row["kind"] != kind || row["original"] != original || row["amount_fen"] != strings.TrimPrefix(s[i+1], "-") ||
				(row["payer"] == "harbourbank") != (kind == "pay") {
				t.Errorf("window %s, row %d of harbourbank's statement: %v, want a %s of %s fen", s[0], i, row, kind, s[i+1])
			}
		}
		if len(rows) != len(s)-1 || s[0] == "1" && rows[1]["payment"] != early {
			t.Errorf("window %s: %d rows in harbourbank's statement", s[0], len(rows))
		}
		if rows := details(t, clerk, s[0], "jadewallet"); len(rows) != 0 {
			t.Errorf("window %s: jadewallet's statement has %v: e-CNY is settled as it is paid", s[0], rows)
		}
	}
	for _, net := range append(one.Nets(), two.Nets()...) {
		sums[net.Member] += net.Amount
	}
	for name, sum := range sums {
		if sum != 0 {
			t.Errorf("%s: windows sum to %d when all was refunded, fees too", name, sum)
		}
	}
	holdBook(t, net.Members[0], card, 1000, 3)
	holdBook(t, net.Members[1], ecny, 900, 3)
	holdAccounts(t, li)
	if err := net.Switch.Stop(); err != nil {
		t.Error(err)
	}
	for account, balance := range verifyJournal(t, net) {
		if balance != 0 {
			t.Errorf("%s stands at %d when all was refunded", account, balance)
		}
	}
}

// details lets a member's detail statement of a window prove itself and reads its rows by
// the names of their columns.
func details(t *testing.T, c *clerk, window, member string) []map[string]string {
	t.Helper()
	directory := filepath.Dir(strings.SplitN(c.run(true, "li", "statements", window), ":", 2)[0])
	files, err := filepath.Glob(filepath.Join(directory, member+"*detail*.gz"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v, want one detail statement of %s", files, err, member)
	}
	verify := func(key, want string) {
		t.Helper()
		out, _ := exec.Command(c.net.Binary, "statement", "verify", files[0], "--key", filepath.Join(c.net.Directory, key)).CombinedOutput()
		if !strings.Contains(string(out), want) {
			t.Errorf("with %s: %s, want %q", key, out, want)
		}
	}
	verify("seal.pub", "complete and unaltered, signed by the switch")
	verify("other.pub", "signed with another key, or was altered")
	file, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(text)
	r.FieldsPerRecord = -1
	var rows []map[string]string
	columns := []string{"row", "sequence", "offset", "payment", "kind", "original", "institution", "request_id",
		"decided", "payer", "payee", "amount_fen"}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		if fields[0] != "D" {
			continue
		}
		row := map[string]string{}
		for i, name := range columns {
			row[name] = fields[i]
		}
		rows = append(rows, row)
	}
}

// holdBook holds that an institution took amount once and gave all of it back in parts.
func holdBook(t *testing.T, m *stage.Member, id string, amount int64, parts int) {
	t.Helper()
	book, err := m.Book()
	if err != nil {
		t.Fatal(err)
	}
	back, count := int64(0), 0
	for _, leg := range book {
		switch {
		case leg.State != "approved" || leg.Moved != 1:
			t.Errorf("%s: %+v", m.ID, leg)
		case leg.Kind == "give_back" && leg.Original == id+"-1":
			back += leg.Amount
			count++
		case leg.Kind != "debit" || leg.Amount != amount:
			t.Errorf("%s: %+v, want one debit of %d and what was given back of it", m.ID, leg, amount)
		}
	}
	if back != amount || count != parts || len(book) != parts+1 {
		t.Errorf("%s gave %d back in %d parts, want %d in %d", m.ID, back, count, amount, parts)
	}
}

// holdAccounts holds that e-CNY went back as e-CNY: what stands in the wallet operator's and
// the acquirer's e-CNY positions, and that the operator has no commercial one.
func holdAccounts(t *testing.T, li *admin.Client) {
	t.Helper()
	history := func(account string) (string, error) {
		var page admin.HistoryPage
		err := li.Do("GET", "/admin/v1/accounts/"+account+"/history?order=oldest", nil, &page)
		text := ""
		for _, l := range page.Lines {
			text += fmt.Sprintf("%d:%d ", l.Amount, l.Balance)
		}
		return text, err
	}
	if got, err := history("position/ecny/jadewallet"); err != nil || got != "-900:-900 300:-600 599:-1 1:0 " {
		t.Errorf("jadewallet in e-CNY: %s, %v", got, err)
	}
	if got, err := history("position/ecny/corneracquirer"); err != nil || got != "900:900 -300:600 -599:1 -1:0 " {
		t.Errorf("corneracquirer in e-CNY: %s, %v", got, err)
	}
	for _, account := range []string{"position/commercial/jadewallet", "position/ecny/harbourbank", "fee/ecny/switch"} {
		if got, err := history(account); err == nil || !strings.Contains(err.Error(), "account_unknown") {
			t.Errorf("%s: %s, %v", account, got, err)
		}
	}
	var all admin.AccountList
	if err := li.Do("GET", "/admin/v1/accounts", nil, &all); err != nil || len(all.Accounts) != 0 {
		t.Errorf("%+v, %v, want no account that does not stand at zero", all, err)
	}
}
