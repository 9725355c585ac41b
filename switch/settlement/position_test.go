package settlement

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tongma/switch/payment"
)

// TestPositionsAreThoseOfTheLedger: what a member's statements say that it is owed is what the
// payments posted to its accounts, payment by payment once; and what is not as it was sealed
// says nothing.
func TestPositionsAreThoseOfTheLedger(t *testing.T) {
	for seed := range uint64(10) {
		s, b, list := sealed(t, seed, 40)
		directory := write(t, s, list)
		text, err := json.Marshal(&s.Close)
		if err == nil {
			err = os.WriteFile(filepath.Join(directory, CloseFile), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range s.Names {
			var net payment.Fen
			seen := map[payment.ID]bool{}
			c, err := ReadPosition(directory, name, func(r *PositionRow) error {
				if seen[r.Payment] || r.Counterparty == "" || r.Counterparty == name || r.Window != s.Window {
					t.Errorf("row %+v of %s", r, name)
				}
				seen[r.Payment] = true
				net += r.Amount + r.Fee
				return nil
			})
			if err != nil || c.Digest != s.Digest || net != b.own[name] {
				t.Errorf("seed %d: %s is owed %d by its statements, %d by the ledger: %v", seed, name, net, b.own[name], err)
			}
		}
		detail, fee := filepath.Join(directory, "alder-detail.csv.gz"), filepath.Join(directory, "alder-fee.csv.gz")
		if err := os.Rename(fee, detail); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPosition(directory, "alder", func(*PositionRow) error { return nil }); !errors.Is(err, ErrSeal) {
			t.Errorf("another statement under its name: %v", err)
		}
	}
}
