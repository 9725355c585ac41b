package routing

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestCleanTable checks a table of two hundred realistic rules: nothing is found. Then
// each of a list of slips, as people make them, is found: the silence means something.
func TestCleanTable(t *testing.T) {
	read := func(name string) []byte {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	register, err := LoadRegister(read("cleanregister.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	clean := string(read("clean.yaml"))
	kinds := func(text string) (kinds []Kind) {
		t.Helper()
		table, findings, err := Load([]byte(text), register)
		if err != nil {
			t.Fatal(err)
		}
		if rules, _ := table.Size(); rules < 199 {
			t.Fatalf("%d rules, want 200", rules)
		}
		for _, f := range findings {
			kinds = append(kinds, f.Kind)
		}
		return kinds
	}
	if found := kinds(clean); len(found) > 0 {
		t.Fatalf("the clean table has %v", found)
	}
	f := func(want Kind, old, changed string) {
		t.Helper()
		text := strings.Replace(clean, old, changed, 1)
		if text == clean {
			t.Fatalf("%q is not in the table", old)
		}
		if found := kinds(text); !slices.Contains(found, want) {
			t.Errorf("%q for %q: found %v, want %s", changed, old, found, want)
		}
	}
	f(UnlicensedTarget, "{institution: riverbank}, {", "{institution: sparrowaggregator}, {")
	f(UnlicensedTarget, "targets: [{institution: jadewallet}]", "targets: [{institution: sparrowaggregator}]")
	f(UnknownTarget, "targets: [{institution: kitewallet}]", "targets: [{institution: kitewalet}]")
	f(Gap, `prefix: ["10", "11", "12", "13", "14", "15"], length: 18}`, `prefix: ["10", "11", "12", "13", "15"], length: 18}`)
	f(Gap, "match: {standard: link, host: qr.95516.com}", "match: {standard: link, host: qr.95516.com, caller: [kitewallet]}")
	f(DateHole, "- id: up-rest\n", "- id: up-rest\n    from: 2026-03-01\n")
	f(ShadowedRule, "- id: up-rest\n", "- id: up-rest\n    precedence: 1\n")
	f(Overlap, `path: "/1001"`, `path: "/1002"`)
	f(DuplicateRule, "- id: up-rest-large\n", "- id: up-rest\n")
	f(RuleNoAgreement, "limit_fen: 5000000, from: 2024-01-01", "limit_fen: 5000000, until: 2024-01-01")
	f(StandbyCycle, "standby:\n", "standby:\n  - {institution: harbourbank, standby: lanternbank}\n")
	f(AgreementEmpty, "agreements:\n", "agreements:\n  - {id: idle, caller: kitewallet, institution: glacierbank, until: 2020-01-01}\n")
}
