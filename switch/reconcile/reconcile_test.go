package reconcile

import (
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const testLayout = `
header: true
amount_unit: yuan
columns:
  id: {name: id}
  amount: {name: amount}
  fee: {name: fee}
  currency: {name: currency}
  status: {name: status, words: {"00": success, S: success}}
  time: {name: time}
  party: {name: party}
`

const header = "id,amount,fee,currency,status,time,party\n"

func side(t *testing.T, name, text string) Side {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	layout, err := ParseLayout([]byte(testLayout))
	if err != nil {
		t.Fatal(err)
	}
	return Side{Name: name, Paths: []string{path}, Layout: layout}
}

// planOf is a plan that compares everything, under rules in YAML.
func planOf(t testing.TB, rules string) *Plan {
	t.Helper()
	indented := strings.ReplaceAll(strings.TrimSpace(testLayout), "\n", "\n    ")
	plan, err := ParsePlan([]byte("left:\n  layout:\n    " + indented + "\nright:\n  layout:\n    " + indented +
		"\ncompare: [amount, fee, currency, status, party, day]\n" + rules))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

const byID = "rules: [{name: id, key: [id]}]\nrejects_max: 10\n"

func classesOf(t *testing.T, left, right string) string {
	t.Helper()
	var classes []string
	_, err := Run(t.Context(), side(t, "left", header+left), side(t, "right", header+right),
		planOf(t, byID), Options{}, func(d *Discrepancy) error {
			classes = append(classes, d.Class)
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(classes, " ")
}

func TestEachDifferenceHasItsClass(t *testing.T) {
	row := func(changes ...string) string {
		line := "A,10.00,0.06,156,S,20261124103015,M1\n"
		return strings.NewReplacer(changes...).Replace(line)
	}
	other := "A,11.00,0.06,156,S,20261124103015,M1\n"
	f := func(left, right, want string) {
		t.Helper()
		if got := classesOf(t, left, right); got != want {
			t.Errorf("%q against %q: got %q, want %q", left, right, got, want)
		}
	}
	f(row(), row(), "")
	f(row(), row("10.00", "10", ",S,", ",00,", "20261124103015", "2026-11-24 23:59:59"), "")
	f(row(), "", "short")
	f("", row(), "long")
	f(row(), row("10.00", "10.01"), "amount")
	f(row(), row("0.06", "0.07"), "fee")
	f(row(), row(",S,", ",F,"), "status")
	f(row(), row("156", "840", "10.00", "10.01"), "currency")
	f(row(), row("M1", "M2"), "party")
	f(row(), row("20261124", "20261125"), "cut-off")
	f(row()+row(), row(), "duplicate-left")
	f(row(), row()+row()+row(), "duplicate-right duplicate-right")
	f(row()+row(), "", "short duplicate-left")
	f(row()+other, row(), "duplicate-left")
	f(row(), other+row(), "duplicate-right")
	f(row()+row(), row()+row(), "")
}

func TestEveryClassHasItsWords(t *testing.T) {
	for c := Long; int(c) < classCount; c++ {
		if c.String() == "" || c.Action() == "" || c.Repair() == "" {
			t.Errorf("class %d is %q, %q, %q", c, c, c.Action(), c.Repair())
		}
	}
}

func TestBadLinesAreCountedAndLimited(t *testing.T) {
	good := "A,1.00,0,156,S,20261124,M\n"
	bad := "B,1.005,0,156,S,20261124,M\nC,1\nD,1.00,0,156,\"S,20261124,M\n" +
		"E,1.00,\x00,156,S,20261124,M\n,1,0,156,S,20261124,M\nF,1,0,156,S,20261324,M\n" +
		strings.Repeat("9", 3<<20) + "\n"
	left, right := side(t, "left", header+bad+good), side(t, "right", header+good)
	plan := planOf(t, byID)
	plan.RejectsMax = 7
	sum, err := Run(t.Context(), left, right, plan, Options{}, func(d *Discrepancy) error {
		return fmt.Errorf("unexpected %+v", d)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sum.Rejects) != 7 || sum.Matched.Rows != 1 || sum.Clean() {
		t.Errorf("got %d rejects, %d matched, want 7 and 1", len(sum.Rejects), sum.Matched.Rows)
	}
	if first := sum.Rejects[0]; first.Offset != int64(len(header)) || first.Line != 2 ||
		first.Reason != errAmountDecimals.Error() {
		t.Errorf("first reject is %+v", first)
	}
	if last := sum.Rejects[6]; last.Line != 8 || last.Reason != errLong.Error() {
		t.Errorf("last reject is %+v", last)
	}
	plan.RejectsMax = 6
	if _, err := Run(t.Context(), left, right, plan, Options{}, nil); err == nil {
		t.Error("seven rejects passed a limit of six")
	}
}

func TestCutGzipIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cut.gz")
	var packed strings.Builder
	writer := gzip.NewWriter(&packed)
	fmt.Fprint(writer, header, strings.Repeat("A,1.00,0,156,S,20261124,M\n", 1000))
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	whole := packed.String()
	right := side(t, "right", header)
	left := Side{Name: "left", Paths: []string{path}, Layout: right.Layout}
	for _, text := range []string{whole, whole[:len(whole)/2]} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sum, err := Run(t.Context(), left, right, planOf(t, byID), Options{}, func(*Discrepancy) error { return nil })
		if cut := len(text) < len(whole); cut != (err != nil) {
			t.Errorf("cut %v: got error %v", cut, err)
		} else if !cut && sum.Left.Rows != 1000 {
			t.Errorf("got %d rows of a whole file, want 1000", sum.Left.Rows)
		}
	}
}

// TestDigestIsTheSameForAnyThreads also checks the classes against a plain count, over
// enough rows that blocks end inside lines and partitions hold rows of many blocks.
func TestDigestIsTheSameForAnyThreads(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const rows = 60000
	var left, right strings.Builder
	want := map[string]int64{}
	for _, i := range random.Perm(rows) {
		line := fmt.Sprintf("ID%08d,%d.25,0.01,156,S,20261124103015,M%d\n", i, i%1000, i%7)
		left.WriteString(line)
		switch i % 1000 {
		case 1:
			want["short"]++
			continue
		case 2:
			want["amount"]++
			line = strings.Replace(line, ".25", ".26", 1)
		case 3:
			want["duplicate-right"]++
			right.WriteString(line)
		}
		if i%5 == 0 { // One key with a fifth of the rows, on both sides.
			line = "HOT" + line[len("ID00000000"):]
			left.WriteString(line)
		}
		right.WriteString(line)
		if i%5 == 0 {
			want["short"]++
		}
	}
	a, b := side(t, "left", header+left.String()), side(t, "right", header+right.String())
	digest := ""
	for _, threads := range []int{1, 2, 5} {
		sum, err := Run(t.Context(), a, b, planOf(t, byID), Options{Threads: threads},
			func(*Discrepancy) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if digest == "" {
			digest = sum.Digest
		}
		if sum.Digest != digest {
			t.Errorf("%d threads gave another digest", threads)
		}
		for class, count := range want {
			if sum.Classes[class].Rows != count {
				t.Errorf("%s: got %d, want %d", class, sum.Classes[class].Rows, count)
			}
		}
		if len(sum.Classes) != len(want) {
			t.Errorf("got classes %v, want %v", sum.Classes, want)
		}
	}
}

func TestParseAmount(t *testing.T) {
	f := func(text string, decimals int, want int64, ok bool) {
		t.Helper()
		got, err := parseAmount([]byte(text), decimals)
		if got != want || (err == nil) != ok {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
	f("12.3", 2, 1230, true)
	f("-1,234.56", 2, -123456, true)
	f(" 000000012345 ", 0, 12345, true)
	f("1.00", 0, 1, true)
	f("1.005", 2, 0, false)
	f("", 2, 0, false)
	f("1e5", 2, 0, false)
	f("99999999999999999", 0, 0, false)
	f(".5", 2, 0, false)
}

func TestClockKnowsTheCalendar(t *testing.T) {
	f := func(text string, want int64, ok bool) {
		t.Helper()
		got, err := (&clock{}).read([]byte(text))
		if got != want || (err == nil) != ok {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
	f("19700101", 0, true)
	f("2026-11-24 10:30:15", 1795516215, true)
	f("20240229000001", 1709164801, true)
	f("20230229", 0, false)
	f("20261124240000", 0, false)
	f("2026", 0, false)
}

func TestShippedLayoutReadsAFixedLine(t *testing.T) {
	layout, err := ShippedLayout("unionpay", 2026)
	if err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat(" ", 300))
	for at, text := range map[int]string{31: "1124103015", 62: "000000012345", 101: "0220",
		127: "898000000000001", 143: "REF000000001", 185: "00", 205: "000000000007"} {
		copy(line[at:], text)
	}
	p, err := newParser(layout, nil)
	if err != nil {
		t.Fatal(err)
	}
	var r row
	if err := p.parse(line, &r); err != nil {
		t.Fatal(err)
	}
	if r.amount != 12345 || r.fee != 7 || string(r.text[Kind]) != "refund" ||
		string(r.text[Status]) != "success" || r.second != 1795516215 {
		t.Errorf("got %+v", r)
	}
	if err := p.parse(line[:200], &r); err != errShort {
		t.Errorf("a short line gave %v", err)
	}
}
