package routing

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// A file that cannot be read says where, and no table comes of it.
func TestBadInput(t *testing.T) {
	register := demoRegister(t)
	f := func(name, text string, line, column int, message string) {
		t.Helper()
		table, _, err := Load([]byte(text), register)
		var malformed *Malformed
		if !errors.As(err, &malformed) || table != nil {
			t.Errorf("%s: got table %v and %v, want a *Malformed", name, table, err)
			return
		}
		fault := malformed.Faults[0]
		if fault.Line != line || column != 0 && fault.Column != column ||
			!strings.Contains(fault.Message, message) {
			t.Errorf("%s: got %+v, want %d:%d %s", name, fault, line, column, message)
		}
	}
	f("broken", "version: \"1\"\nrules: [{id: a\nlists: []\n", 3, 1, "must be specified")
	f("duplicate key", "version: \"1\"\nversion: \"2\"\n", 2, 1, "already defined")
	f("unknown key", "version: \"1\"\nroutes: []\n", 2, 1, "unknown key")
	f("wrong type", "version: \"1\"\nrules: 5\n", 2, 8, "want a list")
	f("number for text", "version: 1\n", 1, 10, "quotes")
	f("lost zero", "version: \"1\"\nrules:\n  - {id: a, match: {prefix: 01}, targets: [{institution: x}]}\n",
		3, 29, "quotes")
	f("alias", "version: &v \"1\"\nrules: *v\n", 1, 10, "anchor")
	f("cycle", "version: \"1\"\nrules: &r [*r]\n", 2, 8, "anchor")
	f("deep", "version: "+strings.Repeat("[", 4000), 1, 1, "flowDepthMax")
	f("long line", "version: "+strings.Repeat("x", 5000), 1, 1, "lineBytesMax")
	f("default without targets", "version: \"1\"\ndefault: {}\n", 2, 0, "targets are missing")
	f("scene", "version: \"1\"\nagreements: [{id: a, caller: x, institution: y, scene: in-store}]\n", 2, 0, "in_store")
	f("empty", "", 1, 1, "the file is empty")
	f("large", strings.Repeat("# filler\n", tableBytesMax/9+1), 1, 1, "tableBytesMax")
}

// A list with a fault names its line; the size limit is named too.
func TestListBadInput(t *testing.T) {
	table := "version: \"1\"\nlists: [{id: b, file: b.csv, match: {standard: paycode}}]\n"
	f := func(csv string, line int, message string) {
		t.Helper()
		files := fstest.MapFS{"t.yaml": {Data: []byte(table)}, "b.csv": {Data: []byte(csv)}}
		_, _, err := LoadFS(files, "t.yaml", demoRegister(t))
		var malformed *Malformed
		if !errors.As(err, &malformed) || malformed.File != "b.csv" ||
			malformed.Faults[0].Line != line || !strings.Contains(err.Error(), message) {
			t.Errorf("got %v, want line %d %s", err, line, message)
		}
	}
	f("a,b\n", 1, "first line")
	f("prefix,length,institution\n62,19,lanternbank\n6 2,19,lanternbank\n", 3, "prefix")
	f("prefix,length,institution\n62,99,lanternbank\n", 2, "length")
	f("prefix,length,institution\n62,19\n", 2, "wrong number")
}

// A list whose file is not beside the table is a fault of the table's own line.
func TestListFileIsMissing(t *testing.T) {
	for _, name := range []string{"absent.csv", "../../etc/passwd", "/etc/passwd"} {
		table := "version: \"1\"\nlists:\n  - {id: b, file: \"" + name + "\", match: {standard: paycode}}\n"
		_, _, err := LoadFS(fstest.MapFS{"t.yaml": {Data: []byte(table)}}, "t.yaml", demoRegister(t))
		var malformed *Malformed
		if !errors.As(err, &malformed) || malformed.Faults[0].Line != 3 || !strings.Contains(err.Error(), "beside the table") {
			t.Errorf("%s: got %v, want a fault of line 3", name, err)
		}
	}
}

// However many warnings a table earns, one error still keeps it from being activated.
func TestWarningsHideNoError(t *testing.T) {
	var csv strings.Builder
	csv.WriteString("prefix,length,institution\n")
	for i := range 2 * findingsMax {
		fmt.Fprintf(&csv, "62%05d,19,harbourbank\n", i)
	}
	table, findings, err := LoadFS(fstest.MapFS{"t.csv": {Data: []byte(csv.String())}, "t.yaml": {Data: []byte(
		"version: \"1\"\nlists: [{id: b, file: t.csv, match: {standard: paycode}}]\n" +
			"rules: [{id: top, precedence: 9, match: {prefix: \"62\"}, targets: [{institution: lanternbank}, {institution: rustbank}]}]\n" +
			"agreements: [{id: all, caller: \"*\", institution: \"*\"}]\n")}}, "t.yaml", demoRegister(t))
	if err != nil || !table.Faulty() || len(findings) != findingsMax+1 {
		t.Errorf("got %d findings, faulty %t, %v, want %d and one error", len(findings), table.Faulty(), err, findingsMax)
	}
}

// The findings that only lists can have.
func TestListFindings(t *testing.T) {
	const rules = "version: \"1\"\nlists: [{id: b, file: b.csv, match: {standard: paycode}}]\n" +
		"rules: [{id: top, precedence: 9, match: {prefix: \"6299\"}, targets: [{institution: lanternbank}]}," +
		" {id: rest, match: {prefix: \"62\"}, targets: [{institution: lanternbank}]}]\n" +
		"agreements: [{id: all, caller: \"*\", institution: \"*\"}]\n"
	f := func(lines string, kind Kind, entry int) {
		t.Helper()
		files := fstest.MapFS{"t.yaml": {Data: []byte(rules)},
			"b.csv": {Data: []byte("prefix,length,institution\n" + lines)}}
		_, findings, err := LoadFS(files, "t.yaml", demoRegister(t))
		if err != nil || len(findings) != 1 || findings[0].Kind != kind || findings[0].Entry != entry {
			t.Errorf("got %v %v, want %s on list line %d", findings, err, kind, entry)
		}
	}
	f("", EmptyList, 0)
	f("6201,19,harbourbank\n6201,19,summitbank\n", DuplicateEntry, 3)
	f("6201,19,harbourbank\n62991,19,harbourbank\n", ShadowedEntry, 3)
}

// A weighted split keeps its shares within one per cent over a million payments, and a
// payment keeps its target.
func TestWeightedSplit(t *testing.T) {
	table := demoTable(t)
	q := paycode("unionpay", "6299105000000000000")
	const payments = 1_000_000
	var d, again Decision
	first := make(map[string]int)
	for i := range payments {
		q.Payment = fmt.Sprintf("P%09d", i)
		if err := table.Route(q, &d); err != nil {
			t.Fatal(err)
		}
		first[d.Institution]++
		if i%1000 == 0 {
			if _ = table.Route(q, &again); again.Institution != d.Institution {
				t.Fatalf("%s goes to %s, then to %s", q.Payment, d.Institution, again.Institution)
			}
		}
	}
	for institution, want := range map[string]int{"harbourbank": 700_000, "summitbank": 300_000} {
		if off := first[institution] - want; off > payments/100 || off < -payments/100 {
			t.Errorf("%s got %d of %d, want %d", institution, first[institution], payments, want)
		}
	}
}
