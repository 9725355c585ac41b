package routing

import (
	"fmt"
	"strings"
	"testing"

	"tongma/codec"
)

// notDecoded are the families that the decoder's own rules do not read.
var notDecoded = map[string]string{
	"jd-paycode":      "known from one source only: its rule is switched off",
	"bestpay-paycode": "known from one source only: its rule is switched off",
}

// TestFamiliesAreTheDecoders writes a code of every family that is built in and has the
// decoder say what it is: the check must not reason about codes that nobody can scan.
func TestFamiliesAreTheDecoders(t *testing.T) {
	table := demoTable(t)
	in := &inspection{table: table, callers: make(bitset, len(table.register.institutions)/64+1), horizon: always}
	in.callers.set(0)
	for i := range builtInFamilies {
		f := &builtInFamilies[i]
		for _, whole := range in.regions(f) {
			w, ok := table.pick(&whole)
			if !ok {
				t.Errorf("%s: no code can be written", f.id)
				continue
			}
			var code codec.Code
			if err := codec.Default().Decode(w.example.Text, &code); err != nil && notDecoded[f.id] == "" {
				t.Errorf("%s: %s: %v", f.id, w.example.Text, err)
				continue
			} else if err != nil {
				continue
			}
			if code.Standard != f.standard || code.Mode != f.mode() || f.scheme != "" && code.Scheme != f.scheme {
				t.Errorf("%s: %s is a %s of %s, %s", f.id, w.example.Text, code.Standard, code.Scheme, code.Mode)
			}
			if m := &w.code.Merchant; code.Issuer != w.code.Issuer || code.Merchant.Country != m.Country ||
				code.Merchant.Acquirer != m.Acquirer || code.Currency != w.code.Currency {
				t.Errorf("%s: %s names %q %q %q %q, the check thought %q %q %q %q", f.id, w.example.Text, code.Issuer,
					code.Merchant.Country, code.Merchant.Acquirer, code.Currency, w.code.Issuer, m.Country, m.Acquirer, w.code.Currency)
			}
		}
	}
}

// TestPayFamiliesAreComplete tries all beginnings of two digits in all lengths: what the
// decoder takes for a payment code, and nothing else, is in the family of its scheme.
func TestPayFamiliesAreComplete(t *testing.T) {
	familyOf := func(text string) string {
		longest, scheme := 0, ""
		for _, f := range builtInFamilies {
			if f.standard != codec.PayCode || !f.lengths.has(len(text)) || notDecoded[f.id] != "" {
				continue
			}
			for _, prefix := range f.prefixes {
				if strings.HasPrefix(text, prefix) && len(prefix) > longest {
					longest, scheme = len(prefix), f.scheme
				}
			}
		}
		return scheme
	}
	known := 0
	starts := []string{"28100", "28101", "28102", "28103", "25100102", "25100103"}
	for start := range 100 {
		starts = append(starts, fmt.Sprintf("%02d", start))
	}
	for _, start := range starts {
		for length := len(start); length <= 40; length++ {
			text := start + strings.Repeat("0", length-len(start))
			var code codec.Code
			scheme := ""
			if err := codec.Default().Decode(text, &code); err == nil && code.Standard == codec.PayCode {
				scheme = code.Scheme
				known++
			}
			if want := familyOf(text); scheme != want {
				t.Errorf("%s: the decoder says %q, the families say %q", text, scheme, want)
			}
		}
	}
	if known < 10 {
		t.Errorf("the decoder knows %d forms: too few to prove anything", known)
	}
}
