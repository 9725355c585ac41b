package main

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"tongma/switch/admin"
	"tongma/switch/payment"
	"tongma/switch/settlement"
)

// The two persons of the demonstration.
const (
	demoOperator = "li.wei"
	demoApprover = "wang.fang"
)

// person is the admin client of one of them.
func (d *demonstration) person(name string) (*admin.Client, error) {
	text, err := os.ReadFile(filepath.Join(d.net.Directory, name+".key"))
	if err != nil {
		return nil, err
	}
	secret, err := hex.DecodeString(string(text))
	if err != nil {
		return nil, err
	}
	return admin.NewClient("http://"+d.admin, name, secret), nil
}

// traffic pays from several tills at once until stop is closed, and remembers every payment.
func (d *demonstration) traffic(stop <-chan struct{}) *sync.WaitGroup {
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := []string{"135112298638468293", "289431869362714645", "6229123456789012345", "6212345678901234567"}
	client := d.client("corneracquirer")
	for till, code := range codes {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(2 * time.Millisecond):
				}
				id := fmt.Sprintf("till-%d-%05d", till, n)
				p, err := client.Pay(map[string]any{"request_id": id, "code": code, "amount_fen": 100 + n%900})
				mu.Lock()
				d.owners[id] = client.ID
				if err == nil && p.Status == "approved" {
					d.payments = append(d.payments, p)
				} else {
					d.failed = errors.Join(d.failed, fmt.Errorf("%s is %q %s: %w", id, p.Status, p.Error.Code, err))
				}
				mu.Unlock()
			}
		})
	}
	return &wg
}

// settleWindows closes a window while the tills are paying and another one after them, and
// lets every institution prove its statements and hold them against its own book.
func (d *demonstration) settleWindows() error {
	operator, err1 := d.person(demoOperator)
	approver, err2 := d.person(demoApprover)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	var life settlement.Life
	closeWindow := func() error {
		return errors.Join(operator.Do("POST", "/admin/v1/windows/close", nil, &life),
			approver.Do("POST", "/admin/v1/windows/approve", nil, &life))
	}
	stop, first := make(chan struct{}), d.payments[0].ID
	wg := d.traffic(stop)
	time.Sleep(400 * time.Millisecond)
	err := errors.Join(closeWindow(), chargeBack(operator, approver, first))
	time.Sleep(300 * time.Millisecond)
	close(stop)
	wg.Wait()
	if err := errors.Join(err, d.failed, closeWindow()); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	fmt.Printf("\nwindows, the first closed by two persons while four tills were paying:\n")
	stated := map[string]int64{}
	for n := uint32(1); n <= 2; n++ {
		var s settlement.Seal
		var written admin.Statements
		path := "/admin/v1/windows/" + strconv.Itoa(int(n))
		if err := errors.Join(operator.Do("GET", path, nil, &s), operator.Do("POST", path+"/statements", nil, &written)); err != nil {
			return err
		}
		fmt.Printf("  window %d: outcomes %s to %s of the journal, %d payments and refunds, gross %s yuan, root %.16s\n",
			n, s.First, s.Last, s.Payments, s.Gross.Yuan(), s.Root)
		if n == 1 {
			printNets(&s)
		}
		if err := d.proveStatements(&written, stated); err != nil {
			return err
		}
	}
	return d.compareStatements(stated)
}

// chargeBack lets two persons give a part of a payment back to its payer's side. The window
// of the payment has closed: the money is in the one that is open. No institution is called.
func chargeBack(operator, approver *admin.Client, id string) error {
	entry, err := operator.ProposeEntry(admin.EntryProposal{Kind: "chargeback", Reason: "not_as_described",
		Payment: payment.ID(id), Amount: 500, Word: admin.Word{Evidence: "case 2026-0017 of the payer's side"}})
	if err != nil {
		return fmt.Errorf("chargeback: %w", err)
	}
	path := "/admin/v1/entries/" + string(entry.ID) + "/approve"
	if err := approver.Do("POST", path, map[string]any{"amount_fen": entry.Amount}, &entry); err != nil {
		return fmt.Errorf("chargeback: %w", err)
	}
	fmt.Printf("\ntwo persons, %s and %s: %s\n", entry.By, entry.DecidedBy, &entry)
	return nil
}

// printNets shows what takes the place of all payments of a window.
func printNets(s *settlement.Seal) {
	for _, i := range s.Instructions() {
		verb := "pays in"
		if i.Direction != "pay" {
			verb = "is paid"
		}
		fmt.Printf("    %-16s %s %12s yuan\n", i.Member, verb, i.Amount.Yuan())
	}
}

// proveStatements verifies every file with nothing but it and the sealed close, and adds
// up what others' payments moved at each institution.
func (d *demonstration) proveStatements(written *admin.Statements, stated map[string]int64) error {
	text, err := os.ReadFile(filepath.Join(written.Directory, settlement.CloseFile))
	if err != nil {
		return err
	}
	var sealed settlement.Close
	if err := json.Unmarshal(text, &sealed); err != nil {
		return err
	}
	keys, err := d.keys()
	if err == nil {
		err = keys.Verify(&sealed)
	}
	if err != nil {
		return err
	}
	rows := uint64(0)
	for _, f := range written.Files {
		packed, err := os.ReadFile(filepath.Join(written.Directory, f.Name))
		if err != nil {
			return err
		}
		v, err := settlement.Verify(strings.NewReader(string(packed)), &sealed)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		rows += v.Rows
		if f.Kind == settlement.StatementDetail {
			if err := addStated(strings.NewReader(string(packed)), f.Member, stated); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
	}
	fmt.Printf("    %d statements with %d rows: each proved complete and unaltered by itself and the signed close\n", len(written.Files), rows)
	return nil
}

// addStated adds up, for one institution, the rows that others asked for: its own book
// knows these by the calls that it got.
func addStated(packed io.Reader, member string, stated map[string]int64) error {
	text, err := gzip.NewReader(packed)
	if err != nil {
		return err
	}
	r := csv.NewReader(text)
	r.FieldsPerRecord = -1
	for {
		f, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if f[0] != "D" || f[6] == member {
			continue
		}
		amount, err := strconv.ParseInt(f[11], 10, 64)
		if err != nil {
			return err
		}
		if f[9] == member {
			amount = -amount
		}
		stated[member] += amount
	}
}

// compareStatements holds the statements against the institutions' own books. What was
// paid in e-CNY is in the books and in no statement: it was settled as it was paid.
func (d *demonstration) compareStatements(stated map[string]int64) error {
	ecny := map[string]bool{}
	for _, p := range d.payments {
		ecny[p.ID] = strings.HasPrefix(p.Scheme, "ecny")
	}
	var differences []string
	legs, settled := 0, 0
	for _, m := range d.net.Members {
		book, err := m.Book()
		if err != nil {
			return err
		}
		sum := int64(0)
		for reference, leg := range book {
			id, _, _ := strings.Cut(reference, "-")
			if leg.State != "approved" {
				continue
			}
			if ecny[id] {
				settled++
				continue
			}
			legs++
			if leg.Kind == "debit" || leg.Kind == "take_back" {
				sum -= leg.Amount
			} else {
				sum += leg.Amount
			}
		}
		if sum != stated[m.ID] {
			differences = append(differences, fmt.Sprintf("%s: its book says %d fen, its statements %d", m.ID, sum, stated[m.ID]))
		}
	}
	if len(differences) > 0 {
		return fmt.Errorf("statements and books do not agree:\n%s", strings.Join(differences, "\n"))
	}
	fmt.Printf("  statements and the institutions' own books agree on %d legs to the fen; %d e-CNY legs were final as they were paid\n", legs, settled)
	return nil
}

// admit writes the list of people and returns the configuration's lines.
func (d *demonstration) admit() (string, error) {
	var err error
	if d.admin, err = d.net.Admit(demoOperator, demoApprover); err != nil {
		return "", err
	}
	err = settlement.MakeKey(filepath.Join(d.net.Directory, demoKey))
	return fmt.Sprintf("admin: {listen: %q, people: people.yaml}\nsettlement: {key: %s}\n", d.admin, demoKey), err
}

// demoKey is the file of the key that the switch signs its sealed closes with.
const demoKey = "settlement.key"

// keys are the public keys that institutions hold sealed closes against.
func (d *demonstration) keys() (settlement.Keys, error) {
	signer, err := settlement.LoadSigner(filepath.Join(d.net.Directory, demoKey))
	if err != nil {
		return nil, err
	}
	text, err := signer.Public()
	if err != nil {
		return nil, err
	}
	return settlement.ReadKeys(text)
}
