package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// outcome lists every difference and match of a run over small texts, in order.
func outcome(t *testing.T, rules, left, right string) string {
	t.Helper()
	var lines []string
	id := func(line *Line) string {
		if line == nil {
			return "-"
		}
		return line.Text[:strings.IndexByte(line.Text, ',')]
	}
	sum, err := Run(t.Context(), side(t, "left", header+left), side(t, "right", header+right), planOf(t, rules),
		Options{Pairs: func(p Pair) error {
			lines = append(lines, fmt.Sprintf("%s %s=%s", p.Rule, id(&p.Left), id(&p.Right)))
			return nil
		}}, func(d *Discrepancy) error {
			lines = append(lines, fmt.Sprintf("%s %s/%s by %s %+d", d.Class, id(d.Left), id(d.Right), d.Rule, d.Difference))
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string]bool{} // One left row may take several.
	for _, line := range lines {
		if left, _, ok := strings.Cut(line, "="); ok {
			taken[left] = true
		}
	}
	if int(sum.Matched.Rows) != len(taken) {
		t.Errorf("the summary has %d matches, told were %q", sum.Matched.Rows, lines)
	}
	return strings.Join(lines, "\n")
}

// TestRulesFromExactToLoose tries every kind of rule on rows that others left open.
func TestRulesFromExactToLoose(t *testing.T) {
	row := func(id, amount, second, party string) string {
		return fmt.Sprintf("%s,%s,0,156,S,202611241030%s,%s\n", id, amount, second, party)
	}
	f := func(name, rules, left, right, want string) {
		t.Helper()
		if got := outcome(t, rules, left, right); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
	cascade := "rules:\n  - {name: id, key: [id]}\n  - {name: same day, key: [party, amount, day]}\n" +
		"  - {name: near, key: [amount], window: 10s}\n"
	f("each row is consumed by the first rule that fits", cascade,
		row("A", "1", "00", "M1")+row("B", "2", "00", "M1")+row("C", "3", "00", "M1")+row("D", "4", "00", "M1"),
		row("A", "1", "00", "M1")+row("X", "2", "59", "M1")+row("Y", "3", "09", "M2")+row("Z", "4", "11", "M2"),
		"party C/Y by near +0\nshort D/- by near -400\nlong -/Z by near +400\nid A=A\nsame day B=X")
	f("the earliest in the window, and as many as there can be",
		"rules: [{name: near, key: [amount, party], window: 10s}]\n",
		row("A", "1", "00", "M")+row("B", "1", "08", "M")+row("C", "1", "40", "M"),
		row("X", "1", "09", "M")+row("Y", "1", "15", "M")+row("Z", "1", "51", "M"),
		"short C/- by near -100\nlong -/Z by near +100\nnear A=X\nnear B=Y")
	many := "rules: [{name: batch, key: [party], many: right}]\ntolerance: {amount: 1}\n"
	f("one to many by their sum, within a tolerance", many,
		row("A", "6.01", "00", "B1")+row("B", "6", "00", "B2")+row("C", "6", "00", "B3")+row("D", "1", "00", "B4")+row("E", "1", "00", "B4"),
		row("X", "1", "00", "B1")+row("Y", "2", "00", "B1")+row("Z", "3", "00", "B1")+row("V", "4", "00", "B2")+row("U", "1", "00", "B2")+
			row("W", "2", "00", "B4"),
		"batch B/V by batch +0\nbatch B/U by batch +0\nshort C/- by batch -600\nshort D/- by batch -100\nshort E/- by batch -100\n"+
			"long -/W by batch +200\nbatch A=X\nbatch A=Y\nbatch A=Z")
	f("tolerances of amount, fee and days", "rules: [{name: id, key: [id]}]\ntolerance: {amount: 2, fee: 1, days: 1}\n",
		"A,1.00,0.10,156,S,20261124,M\nB,1.00,0.10,156,S,20261124,M\nC,1.00,0.10,156,S,20261124,M\n",
		"A,1.02,0.11,156,S,20261125,M\nB,1.03,0.10,156,S,20261124,M\nC,1.00,0.10,156,S,20261126,M\n",
		"amount B/B by id +3\ncut-off C/C by id +0\nid A=A")
	f("past the cut-off a missing row is expected tomorrow", "rules: [{name: id, key: [id]}]\ncut_off: \"10:30:30\"\n",
		row("A", "1", "29", "M")+row("B", "1", "30", "M"), row("C", "1", "31", "M"),
		"short A/- by id -100\ncut-off B/- by id -100\ncut-off -/C by id +100")
}

// TestLooseRulesSurviveSkew: a key with too many rows for a loose rule is left open and
// told, whatever its share; the other keys are matched.
func TestLooseRulesSurviveSkew(t *testing.T) {
	var text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, "L%d,7,0,156,S,20261124103000,M\n", i)
	}
	text.WriteString("A,9,0,156,S,20261124103000,M\n")
	left := text.String()
	right := strings.ReplaceAll(left, "L", "R")
	plan := planOf(t, "rules: [{name: id, key: [id]}, {name: near, key: [amount], window: 1m}]\n")
	sum, err := Run(t.Context(), side(t, "left", header+left), side(t, "right", header+strings.ReplaceAll(right, "A,9", "B,9")), plan,
		Options{tight: &tight{setRows: 100, chunks: 1 << 10, findings: 100}}, func(*Discrepancy) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if sum.Ambiguous != 6000 || sum.Rules["near"].Rows != 1 || sum.Classes["short"].Rows != 3000 || sum.Classes["long"].Rows != 3000 {
		t.Errorf("got %+v", sum)
	}
}

// TestLooseKeyShared: how sets are shared between workers decides nothing: a key of more rows
// than other sets have, and of fewer than memory bounds, meets its partners under a loose rule.
func TestLooseKeyShared(t *testing.T) {
	const rows = 80_000 // Of each side: together more than shareRowsFew, fewer than setRowsCache.
	var left, right strings.Builder
	left.WriteString(header)
	right.WriteString(header)
	for i := range rows {
		moment := time.Date(2026, 11, 24, 0, 0, i, 0, time.UTC).Format("20060102150405")
		fmt.Fprintf(&left, "L%d,7,0,156,S,%s,M\n", i, moment)
		fmt.Fprintf(&right, "R%d,7,0,156,S,%s,M\n", i, moment)
	}
	plan := planOf(t, "rules: [{name: id, key: [id]}, {name: near, key: [amount], window: 1s}]\n")
	sum, err := Run(t.Context(), side(t, "left", left.String()), side(t, "right", right.String()), plan,
		Options{Threads: 2}, func(*Discrepancy) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if sum.Ambiguous != 0 || sum.Rules["near"].Rows != rows || !sum.Clean() {
		t.Errorf("got %d ambiguous rows, rules %v, classes %v", sum.Ambiguous, sum.Rules, sum.Classes)
	}
}

// TestCandidates: the nearest open rows of the other side, and how far they are.
func TestCandidates(t *testing.T) {
	left := "A,5.00,0,156,S,20261124103000,M\n"
	right := "X,5.00,0,156,S,20261124113000,M\nY,5.00,0,156,S,20261124103005,N\nZ,6.00,0,156,S,20261124103000,M\n"
	var got []Candidate
	_, err := Run(t.Context(), side(t, "left", header+left), side(t, "right", header+right), planOf(t, byID), Options{},
		func(d *Discrepancy) error {
			if d.Class == "short" {
				got = d.Candidates
			}
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Text[0] != 'X' && got[0].Text[0] != 'Y' || *got[0].Seconds+*got[1].Seconds != 3605 {
		t.Errorf("got %+v", got)
	}
	if fmt.Sprint(got[0].Differs) == fmt.Sprint(got[1].Differs) {
		t.Errorf("both differ in %v", got[0].Differs)
	}
}

// TestRefundsFindTheirOriginals on their own side, in any order, also in heavy sets.
func TestRefundsFindTheirOriginals(t *testing.T) {
	layout := "layout: {header: true, columns: {id: {name: id}, amount: {name: amount}, kind: {name: kind}, original: {name: original}}}"
	plan, err := ParsePlan([]byte("left: {" + layout + "}\nright: {" + layout + "}\nrules: [{name: id, key: [id]}]\nrefunds: {kinds: [refund, reversal]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	head := "id,amount,kind,original\n"
	left := head + "R1,1,refund,P1\nP1,1,pay,\nR2,1,reversal,P2\nR3,1,refund,\nR4,1,note,P9\n"
	right := head + "R1,1,refund,P1\nP1,1,pay,\nR2,1,reversal,P2\nP2,1,pay,\nR3,1,refund,\nR4,1,note,P9\n"
	for _, limits := range []*tight{nil, {setRows: 1, chunks: 200, findings: 2}} {
		a, b := side(t, "left", left), side(t, "right", right)
		a.Layout, b.Layout = plan.Left.Layout, plan.Right.Layout
		var got []string
		sum, err := Run(t.Context(), a, b, plan, Options{tight: limits}, func(d *Discrepancy) error {
			line := d.Left
			if line == nil {
				line = d.Right
			}
			got = append(got, d.Class+" "+line.Text[:2])
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := "refund-without-original R2,refund-without-original R3,long P2,refund-without-original R3"
		if strings.Join(got, ",") != want || sum.Matched.Rows != 5 {
			t.Errorf("got %q and %d matches, want %q and 5", got, sum.Matched.Rows, want)
		}
	}
}

// TestPlanFaults: all faults at once, each with its place.
func TestPlanFaults(t *testing.T) {
	text := `
left: {name: x, layout: {format: odd, columns: {id: {index: 1}}}}
right: {name: x, layout: {columns: {id: {index: 1}, amount: {index: 2}}}}
compare: [fee]
tolerance: {days: -1}
rules: [{name: a, key: []}, {name: b, key: [day]}, {name: b, key: [id], many: up}, {name: c, key: [id], window: 1ms}]
cut_off: noon
refunds: {kinds: []}
`
	_, err := ParsePlan([]byte(text))
	if err == nil {
		t.Fatal("no fault was found")
	}
	for _, want := range []string{`format is "odd"`, "no amount", `both sides are named "x"`, "no column for fee", "below zero",
		"rule 1: key is empty", "rule 2: side x has no column for day", `rule 3: name "b"`, "window is 1ms", "noon", "kinds is empty"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	for _, text := range []string{"rule: []", "left: {shipped: none}", "left: {shipped: unionpay}", "compare: [colour]"} {
		if _, err := ParsePlan([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
