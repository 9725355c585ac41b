package payment

import (
	"os"
	"strings"
	"testing"
)

func TestEveryReasonHasCodeKindAndSentence(t *testing.T) {
	text, err := os.ReadFile("testdata/reasons.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text)) // A line of the file is a number, for ever.
	if len(lines) != int(reasonCount)-1 {
		t.Errorf("%d reasons, %d lines", reasonCount-1, len(lines))
	}
	for i, code := range lines {
		r := Reason(i + 1)
		if r.Code() != code || r.String() != code {
			t.Errorf("number %d is %s, was %s", i+1, r, code)
		}
		if back, ok := ParseReason(code); !ok || back != r {
			t.Errorf("%s is read back as %s", r, back)
		}
		if r.Fits(Chargeback) == r.Fits(Adjustment) || r.Fits(Pay) || r.Fits(Refund) || r.Fits(Cancel) {
			t.Errorf("%s fits no kind, or several", r)
		}
		if !strings.HasSuffix(r.Sentence(), ".") {
			t.Errorf("%s says %q", r, r.Sentence())
		}
	}
	if len(Reasons(Chargeback))+len(Reasons(Adjustment)) != len(lines) || len(Reasons(Pay)) != 0 {
		t.Error("the lists by kind are not the whole list")
	}
	for _, word := range []string{"", "nonsense"} {
		if _, ok := ParseReason(word); ok {
			t.Errorf("%q was taken for a reason", word)
		}
	}
	if NoReason.Fits(Chargeback) || NoReason.Fits(Adjustment) || !NoReason.Fits(Refund) || Reason(255).Fits(Adjustment) {
		t.Error("no reason, or one that does not exist, was taken")
	}
	if Reason(255).Code() != "" || Reason(255).Sentence() != "" {
		t.Error("a reason that does not exist has words")
	}
}

func TestKindsComeBack(t *testing.T) {
	for k := Pay; k <= Adjustment; k++ {
		if back, ok := ParseKind(k.String()); !ok || back != k {
			t.Errorf("kind %s is read back as %s", k, back)
		}
		if want := k == Refund || k == Cancel || k == Chargeback; k.Turns() != want {
			t.Errorf("%s turns its original round: %t", k, k.Turns())
		}
	}
}
