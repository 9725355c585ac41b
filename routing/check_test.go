package routing

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var wantMark = regexp.MustCompile(`# want ([a-z_]+)`)

// TestSeededFaults holds one faulty table for each kind of finding against the check:
// the mark in the table's text says which kind is to be found on that very line.
func TestSeededFaults(t *testing.T) {
	text, err := os.ReadFile("testdata/faults.txt")
	if err != nil {
		t.Fatal(err)
	}
	register := faultRegister(t)
	seen := make(map[Kind]bool)
	for _, section := range strings.Split("\n"+string(text), "\n-- ")[1:] {
		name, table, _ := strings.Cut(section, " --\n")
		t.Run(name, func(t *testing.T) {
			for _, kind := range checkFault(t, register, table) {
				seen[kind] = true
			}
		})
	}
	seen[EmptyList], seen[DuplicateEntry], seen[ShadowedEntry] = true, true, true // TestListFindings.
	seen[CheckIncomplete] = true                                                  // Not seeded: it takes stepsMax comparisons.
	for kind := range severities {
		if !seen[kind] {
			t.Errorf("no seeded fault shows %s", kind)
		}
	}
}

func faultRegister(t testing.TB) *Register {
	t.Helper()
	text, err := os.ReadFile("testdata/register.yaml")
	if err != nil {
		t.Fatal(err)
	}
	more := "  - {id: duskbank, licence: {number: \"B9\", kind: bank}, until: 2027-01-01}\n"
	register, err := LoadRegister(append(text, more...))
	if err != nil {
		t.Fatal(err)
	}
	return register
}

func checkFault(t *testing.T, register *Register, text string) []Kind {
	t.Helper()
	table, findings, err := Load([]byte(text), register)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []Kind
	errors := false
	for number, line := range strings.Split(text, "\n") {
		mark := wantMark.FindStringSubmatch(line)
		if mark == nil {
			continue
		}
		kind := Kind(mark[1])
		kinds = append(kinds, kind)
		errors = errors || severities[kind] == Error
		at := -1
		for i, finding := range findings {
			if finding.Kind == kind && finding.Line == number+1 {
				at = i
			}
		}
		if at < 0 {
			t.Errorf("line %d: %s not found in %v", number+1, kind, findings)
			continue
		}
		shows(t, table, findings[at])
		findings = append(findings[:at:at], findings[at+1:]...)
	}
	for _, finding := range findings {
		t.Errorf("found beside it: %v", finding)
	}
	if table.Faulty() != errors {
		t.Errorf("faulty is %v, want %v", table.Faulty(), errors)
	}
	return kinds
}
