package routing

import (
	"errors"
	"testing"
	"time"

	"tongma/codec"
)

func TestPermit(t *testing.T) {
	register, err := LoadRegister([]byte(`institutions:
  - {id: wallet, name: Wallet, licence: {number: "1", kind: payment}}
  - {id: bank, name: Bank, licence: {number: "2", kind: bank}}
  - {id: other, name: Other, licence: {number: "3", kind: bank}}
  - {id: lapsed, name: Lapsed, licence: {number: "4", kind: bank}, status: suspended}
`))
	if err != nil {
		t.Fatal(err)
	}
	table, findings, err := Load([]byte(`version: "1"
rules:
  - id: all
    match: {standard: emv-mpm}
    targets: [{institution: bank}]
agreements:
  - {id: a, caller: wallet, institution: bank, limit_fen: 1000}
`), register)
	if err != nil {
		t.Fatal(err, findings)
	}
	f := func(caller, institution string, amount int64, want Code) {
		t.Helper()
		got := Code("")
		var refusal *Refusal
		err := table.Permit(institution, &Query{Code: &codec.Code{}, Caller: caller, AmountFen: amount, At: time.Now()})
		if errors.As(err, &refusal) {
			got = refusal.Code
		}
		if got != want {
			t.Errorf("%s at %s for %d: %q, want %q", caller, institution, amount, got, want)
		}
	}
	f("wallet", "bank", 1000, "")
	f("wallet", "bank", 1001, OverAgreementLimit)
	f("wallet", "other", 1, NoAgreement)
	f("bank", "other", 1, NoAgreement)
	f("wallet", "lapsed", 1, TargetUnlicensed)
	f("wallet", "nobody", 1, TargetUnlicensed)
	f("nobody", "bank", 1, InstitutionUnknown)
}
