package payment

import (
	"os"
	"strings"
	"testing"
)

func TestEveryFailureHasCodeStatusAndSentence(t *testing.T) {
	seen := map[string]Failure{}
	for _, f := range Failures() {
		if f.Code() == "" || f.Sentence() == "" || !strings.HasSuffix(f.Sentence(), ".") {
			t.Errorf("failure %d has no code or no sentence: %q %q", f, f.Code(), f.Sentence())
		}
		if other, taken := seen[f.Code()]; taken {
			t.Errorf("%q is the code of %d and of %d", f.Code(), other, f)
		}
		seen[f.Code()] = f
		if status := f.HTTPStatus(); status != 200 && (status < 400 || status > 599) {
			t.Errorf("%s has HTTP status %d", f, status)
		}
		if back, ok := ParseFailure(f.Code()); !ok || back != f {
			t.Errorf("%s is read back as %s", f, back)
		}
		if f.Institutional() && f.HTTPStatus() != 200 {
			t.Errorf("%s is an institution's word and refuses requests", f)
		}
	}
	if _, ok := ParseFailure("nonsense"); ok {
		t.Error("a code that does not exist was read")
	}
	if Failure(255).Code() != InternalError.Code() {
		t.Errorf("an impossible failure says %q", Failure(255).Code())
	}
}

// The numbers of failures stand in journals: a line of the file is a number, for ever.
func TestFailuresKeepTheirNumbers(t *testing.T) {
	text, err := os.ReadFile("testdata/failures.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	if len(lines) != len(Failures()) {
		t.Errorf("%d failures, %d lines", len(Failures()), len(lines))
	}
	for i, code := range lines {
		if got := Failure(i + 1).Code(); got != code {
			t.Errorf("number %d is %s, was %s", i+1, got, code)
		}
	}
}

func TestIDs(t *testing.T) {
	id := MakeID(0xbeef, "01J0000000000000000000TEST")
	if id != "Pbeef01J0000000000000000000TEST" || id.Shard() != 0xbeef {
		t.Errorf("%q of shard %x", id, id.Shard())
	}
	if back, err := ParseID(string(id)); err != nil || back != id {
		t.Errorf("%q, %v", back, err)
	}
	if got, leg, err := ParseReference(id.Reference(1)); err != nil || got != id || leg != 1 {
		t.Errorf("%q leg %d, %v", got, leg, err)
	}
	for _, bad := range []string{"", "P", "Pbeef", "Xbeef01J0000000000000000000TEST", "PBEEF01J0000000000000000000TEST",
		"Pbeef01J0000000000000000000TES!", "Pbeef01J0000000000000000000TESTX"} {
		if _, err := ParseID(bad); err == nil {
			t.Errorf("%q was taken for an id", bad)
		}
	}
	for _, bad := range []string{"", string(id), string(id) + "-", string(id) + "-0", string(id) + "-99", string(id) + "_1"} {
		if _, _, err := ParseReference(bad); err == nil {
			t.Errorf("%q was taken for a reference", bad)
		}
	}
}

func TestAmounts(t *testing.T) {
	f := func(fen Fen, valid bool, yuan string) {
		t.Helper()
		if fen.Valid() != valid || fen.Yuan() != yuan {
			t.Errorf("%d: valid=%t, %s yuan, want %t, %s", fen, fen.Valid(), fen.Yuan(), valid, yuan)
		}
	}
	f(0, false, "0.00")
	f(-1, false, "-0.01")
	f(1, true, "0.01")
	f(2372, true, "23.72")
	f(AmountMax, true, "10000000000.00")
	f(AmountMax+1, false, "10000000000.01")
	f(-1<<63, false, "-92233720368547758.08")
}

func TestZeroValuesClaimNothing(t *testing.T) {
	var outcome Outcome
	var status Status
	var answer Answer
	if outcome != Unknown || status != StatusUnknown || status.Final() || answer.Outcome != Unknown {
		t.Error("a zero value claims an outcome")
	}
}

func TestWordsComeBack(t *testing.T) {
	for s := InStore; s <= CrossBorder; s++ {
		if back, ok := ParseScene(s.String()); !ok || back != s {
			t.Errorf("scene %s is read back as %s", s, back)
		}
	}
	for m := CustomerPresented; m <= MerchantPresented; m++ {
		if back, ok := ParseMode(m.String()); !ok || back != m {
			t.Errorf("mode %s is read back as %s", m, back)
		}
	}
	for kind := Debit; kind <= Resolve; kind++ {
		if got := kind.MovesMoney(); got != (kind == Debit || kind == Credit || kind == GiveBack || kind == TakeBack) {
			t.Errorf("%s moves money: %t", kind, got)
		}
	}
}
