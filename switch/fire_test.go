package main

import (
	"encoding/csv"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"tongma/switch/admin"
	"tongma/switch/payment"
	"tongma/switch/settlement"
	"tongma/switch/stage"
)

var fireWindows = flag.Int("fire-windows", 4, "windows that are closed under load with kills in between; the whole proof takes 30")

// person is an admin client of the real binary's list of people.
func person(t *testing.T, net *stage.Stage, address, name string) *admin.Client {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(net.Directory, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := hex.DecodeString(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return admin.NewClient("http://"+address, name, secret)
}

// TestCutOffUnderFire closes windows at random instants under load and kills the real
// binary around the closes: before, while and after the cut is written, sealed or
// answered. In the end the sum over windows, the sum over payments and what each
// institution's own book says are the same to the fen, and no payment is in two windows or
// in none.
func TestCutOffUnderFire(t *testing.T) {
	net := network(t, "",
		&stage.Member{ID: "harbourbank", Pipeline: true, Extra: quick},
		&stage.Member{ID: "kitewallet", Extra: quick})
	if err := net.Switch.Stop(); err != nil {
		t.Fatal(err)
	}
	lines, address := people(t, net.Directory, "li", "wang")
	lines += "\nengine: {snapshot_blocks: 50}\nsettlement: {keep_blocks: 30}\n" +
		"fees:\n  rules: [{id: all, rate_ppm: 3800, min_fen: 1, shares: [{institution: issuer, ppm: 450000}]}]\n"
	if err := net.StartSwitch(lines); err != nil {
		t.Fatal(err)
	}
	li, wang := person(t, net, address, "li"), person(t, net, address, "wang")
	c := newCaller(net, "corneracquirer", unionpayCode, wechatCode)
	var life settlement.Life
	kills, rounds := 0, 0
	for ; len(life.Windows) <= *fireWindows; rounds++ {
		stop := make(chan struct{})
		wg := c.load(rounds, 8, stop)
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		fired := make(chan struct{})
		go func() {
			defer close(fired)
			// Either may meet a dead switch: what then stands is seen after the next start.
			_ = li.Do("POST", "/admin/v1/windows/close", nil, &life)
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			_ = wang.Do("POST", "/admin/v1/windows/approve", nil, &life)
		}()
		if rand.IntN(3) == 0 {
			<-fired
		}
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		if rand.IntN(4) > 0 {
			net.Switch.Kill()
			kills++
			<-fired
			close(stop)
			wg.Wait()
			if err := net.StartSwitch(lines); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-stop:
		default:
			<-fired
			close(stop)
			wg.Wait()
		}
		if err := li.Do("GET", "/admin/v1/windows", nil, &life); err != nil {
			t.Fatal(err)
		}
	}
	payments := c.settle(t, time.Minute)
	compareBooks(t, net, payments)
	if err := errors.Join(li.Do("POST", "/admin/v1/windows/close", nil, &life), wang.Do("POST", "/admin/v1/windows/approve", nil, &life)); err != nil {
		t.Fatal(err)
	}
	w := collect(t, li, len(life.Windows)-1)
	t.Logf("%d windows, %d kills, %d rounds, %d payments, %s yuan", w.windows, kills, rounds, len(w.found), payment.Fen(w.gross).Yuan())
	w.compare(t, net, payments)
	if len(payments) < 20**fireWindows {
		t.Errorf("only %d payments: the load was too thin to prove anything", len(payments))
	}
	if err := net.Switch.Stop(); err != nil {
		t.Error(err)
	}
	balances := verifyJournal(t, net)
	for name, net := range w.nets {
		account := "position/commercial/" + name
		if name == "switch" {
			account = "fee/commercial/switch"
		}
		if balances[account] != int64(net) {
			t.Errorf("%s stands at %d, the windows sum to %d", account, balances[account], net)
		}
	}
}

// windowSums is what all windows come to.
type windowSums struct {
	windows  int
	payments uint64
	gross    payment.Fen
	nets     map[string]payment.Fen
	details  map[string]payment.Fen // Without fees, by member.
	found    map[string]int         // Window by payment.
}

// collect reads every seal, lets every statement prove itself and notes where each payment is.
func collect(t *testing.T, li *admin.Client, windows int) *windowSums {
	t.Helper()
	w := &windowSums{windows: windows, nets: map[string]payment.Fen{}, details: map[string]payment.Fen{}, found: map[string]int{}}
	after := "0.0"
	for n := 1; n <= windows; n++ {
		var s settlement.Seal
		path := fmt.Sprintf("/admin/v1/windows/%d", n)
		if err := li.Do("GET", path, nil, &s); err != nil {
			t.Fatalf("window %d: %v", n, err)
		}
		if err := s.Check(); err != nil || int(s.Window) != n || s.After != after {
			t.Errorf("window %d is %d, after %s, want after %s: %v", n, s.Window, s.After, after, err)
		}
		after = s.At
		w.payments += s.Payments
		w.gross += s.Gross
		for _, net := range s.Nets() {
			w.nets[net.Member] += net.Amount
		}
		for _, p := range s.List {
			w.details[p.A] += p.Detail.BtoA - p.Detail.AtoB
			w.details[p.B] += p.Detail.AtoB - p.Detail.BtoA
		}
		var written admin.Statements
		if err := li.Do("POST", path+"/statements", nil, &written); err != nil {
			t.Fatal(err)
		}
		for _, f := range written.Files {
			w.statement(t, filepath.Join(written.Directory, f.Name), &s.Close, f)
		}
	}
	return w
}

func (w *windowSums) statement(t *testing.T, name string, c *settlement.Close, f settlement.StatementFile) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if v, err := settlement.Verify(file, c); err != nil || v.Rows != f.Rows {
		t.Errorf("%s: %+v, %v", name, v, err)
	}
	if f.Member != "corneracquirer" || f.Kind != settlement.StatementDetail {
		return
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(text)
	r.FieldsPerRecord = -1
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if fields[0] != "D" {
			continue
		}
		if before := w.found[fields[3]]; before != 0 {
			t.Errorf("%s is in window %d and in window %d", fields[3], before, c.Window)
		}
		w.found[fields[3]] = int(c.Window)
	}
}

// compare holds the windows against the payments as they were answered and against the
// institutions' own books.
func (w *windowSums) compare(t *testing.T, net *stage.Stage, payments map[string]stage.Payment) {
	t.Helper()
	approved, sum := 0, int64(0)
	for id, p := range payments {
		if (p.Status == "approved") != (w.found[id] != 0) {
			t.Errorf("%s is %s and stands in window %d", id, p.Status, w.found[id])
		}
		if p.Status == "approved" {
			approved++
			sum += p.Amount
		}
	}
	if int(w.payments) != approved || len(w.found) != approved || int64(w.gross) != sum {
		t.Errorf("windows hold %d payments of %d fen, statements %d; answered were %d of %d fen",
			w.payments, w.gross, len(w.found), approved, sum)
	}
	for _, m := range net.Members {
		book, err := m.Book()
		if err != nil {
			t.Fatal(err)
		}
		paid := int64(0)
		for reference, leg := range book {
			if leg.State != "approved" {
				continue
			}
			paid += int64(leg.Amount)
			if id, _, _ := strings.Cut(reference, "-"); w.found[id] == 0 {
				t.Errorf("%s is in the book of %s and in no window", id, m.ID)
			}
		}
		if int64(w.details[m.ID]) != -paid {
			t.Errorf("%s: windows sum to %d fen, its own book says it paid %d", m.ID, w.details[m.ID], paid)
		}
	}
}
