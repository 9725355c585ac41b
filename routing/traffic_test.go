package routing

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func passage(id string, q *Query, institution string) *Passage {
	return &Passage{ID: id, Shape: string(AppendShape(nil, q)), Caller: q.Caller, AmountFen: q.AmountFen,
		Currency: q.Currency, At: q.At, Payment: q.Payment, Institution: institution}
}

// TestReplayCounts puts known traffic to a table and holds every count and sum.
func TestReplayCounts(t *testing.T) {
	table := diffTable(t, `version: "draft"
rules:
  - {id: w, match: {standard: paycode, prefix: "13", length: 18}, targets: [{institution: kitewallet}]}
  - {id: u, match: {standard: paycode, prefix: "62", length: 19}, targets: [{institution: harbourbank}]}
  - {id: long, match: {standard: paycode, prefix: "623301059", length: 19}, targets: [{institution: cedarbank}]}
  - {id: dec, match: {standard: paycode, prefix: "622401", length: 19}, from: 2026-12-01, targets: [{institution: lanternbank}]}
agreements:
  - {id: all, caller: "*", institution: "*", limit_fen: 100000}
`)
	traffic := []*Passage{
		passage("P1", paycode("wechat", "135112298638468293"), "kitewallet"),     // Stays.
		passage("P2", paycode("unionpay", "6220105000000000000"), "lanternbank"), // Moves.
		passage("P3", paycode("unionpay", "6220105000000000001"), "lanternbank"), // Moves.
		passage("P4", paycode("alipay", "289431869362714645"), "plumwallet"),     // Loses its route.
		passage("P5", paycode("unionpay", "6233010500000000000"), "summitbank"),  // Cut before what decides.
		passage("P6", paycode("unionpay", "6224010500000000000"), "harbourbank"), // Moves in December.
		{ID: "P7", Caller: "corneracquirer", AmountFen: 100, Institution: "summitbank", At: demoNow},
	}
	run := func(day time.Time) *Report {
		r := NewReplay(table, day)
		for _, p := range traffic {
			r.Add(p)
		}
		return r.Report()
	}
	got := run(time.Time{})
	counts := fmt.Sprint(got.Payments, got.AmountFen, got.Same, got.Moved, got.Lost, got.Undecided, got.Unshaped)
	if counts != "7 700 2 2 1 1 1" {
		t.Errorf("payments, fen, same, moved, lost, undecided, unshaped: %s", counts)
	}
	if got.Flows[0].From != "lanternbank" || got.Flows[0].To != "harbourbank" || got.Flows[0].AmountFen != 200 ||
		len(got.Flows[0].Samples) != 2 || got.Flows[1].Refused != NoRoute {
		t.Errorf("flows %+v", got.Flows)
	}
	if text := fmt.Sprint(got.Institutions); text != "[{harbourbank 2 200 0 0} {lanternbank 0 0 2 200} {plumwallet 0 0 1 100}]" {
		t.Errorf("institutions %s", text)
	}
	later := run(time.Date(2026, 12, 5, 0, 0, 0, 0, shanghai))
	if later.Moved != 3 || later.Same != 1 {
		t.Errorf("in December %d move and %d stay, want 3 and 1", later.Moved, later.Same)
	}
	var b strings.Builder
	if err := got.Write(&b); err != nil || !strings.Contains(b.String(), "lanternbank gains 0 payments, 0 fen, and loses 2 payments, 200 fen") {
		t.Errorf("%v: %s", err, b.String())
	}
}

// TestStageIsStickyAndExact holds the share on trial against its percentage, and every
// request to the table that it went by, also when the share grows.
func TestStageIsStickyAndExact(t *testing.T) {
	const text = "version: %q\nrules:\n  - {id: w, match: {standard: paycode, prefix: [\"10\", \"11\", \"12\", \"13\", \"14\", \"15\"], length: 18}, targets: [{institution: %s}]}\n" +
		"agreements: [{id: all, caller: \"*\", institution: \"*\"}]\n"
	active, staged := diffTable(t, fmt.Sprintf(text, "a", "kitewallet")), diffTable(t, fmt.Sprintf(text, "b", "plumwallet"))
	var board Switchboard
	q := paycode("wechat", "135112298638468293")
	const n = 200_000
	on := func(percent int) map[int]bool {
		t.Helper()
		if err := board.Stage(active, staged, percent); err != nil {
			t.Fatal(err)
		}
		trial := make(map[int]bool)
		for i := range n {
			q.Payment = fmt.Sprint("r", i)
			var d Decision
			if err := board.Route(q, &d); err != nil {
				t.Fatal(err)
			}
			if d.TableVersion == "b" {
				trial[i] = true
			}
			if (d.Institution == "plumwallet") != trial[i] {
				t.Fatal("a look-up mixed two tables")
			}
		}
		if share := len(trial) * 1000 / n; share < percent*10-5 || share > percent*10+5 {
			t.Errorf("%d of 1000 on trial, want %d", share, percent*10)
		}
		return trial
	}
	few, many := on(10), on(25)
	for i := range few {
		if !many[i] {
			t.Fatalf("request %d left the trial when it grew", i)
		}
	}
	q.Payment = ""
	if board.Choose(q) != active {
		t.Error("a query without a payment went on trial")
	}
	for _, percent := range []int{0, 100, -1} {
		if board.Stage(active, staged, percent) == nil {
			t.Errorf("%d percent was taken", percent)
		}
	}
}
