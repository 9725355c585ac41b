package routing

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"tongma/codec"
)

// Passage is one recorded payment: what it was routed by, and where it went.
type Passage struct {
	ID          string
	Shape       string // See AppendShape; empty in records of before it was kept.
	Caller      string
	Scene       string
	AmountFen   int64
	Currency    string
	At          time.Time // When it was routed.
	Payment     string    // What it was spread by.
	Institution string    // Where it went.
}

// Report is what a replay found. Counts are payments, sums are fen.
type Report struct {
	Version string `json:"version"`
	Digest  string `json:"digest"`

	Payments  int   `json:"payments"`
	AmountFen int64 `json:"amount_fen"`
	Same      int   `json:"same"`
	Moved     int   `json:"moved"`     // To another institution.
	Lost      int   `json:"lost"`      // Their route: the table refuses them.
	Undecided int   `json:"undecided"` // The table compares more of the code than the record keeps.
	Unshaped  int   `json:"unshaped"`  // The record keeps nothing of the code.

	Flows        []Flow    `json:"flows"`        // The largest sum first.
	Institutions []Balance `json:"institutions"` // By id.
}

// Flow is the payments that go from one institution to another, or to a refusal.
type Flow struct {
	From      string   `json:"from"`
	To        string   `json:"to,omitempty"`
	Refused   Code     `json:"refused,omitempty"`
	Payments  int      `json:"payments"`
	AmountFen int64    `json:"amount_fen"`
	Samples   []Sample `json:"samples"`
}

// Sample is one payment of a flow.
type Sample struct {
	ID        string `json:"id"`
	Caller    string `json:"caller"`
	AmountFen int64  `json:"amount_fen"`
	Rule      string `json:"rule,omitempty"` // The one that would decide.
}

// Balance is what one institution gains and loses.
type Balance struct {
	Institution string `json:"institution"`
	Gained      int    `json:"gained"`
	GainedFen   int64  `json:"gained_fen"`
	Lost        int    `json:"lost"`
	LostFen     int64  `json:"lost_fen"`
}

// The limits of a report.
const (
	samplesMax = 3   // Of one flow.
	flowsMax   = 200 // Further ones are counted in the totals and the balances alone.
)

// Replay puts recorded payments to a table.
type Replay struct {
	table    *Table
	on       time.Time // Midnight of the day that every payment is moved to; zero for its own.
	report   Report
	flows    map[flowKey]*Flow
	balances map[string]*Balance
	longer   map[prefixKey][]lengthSet // Prefixes that compare more than a shape keeps, cut.
	decision Decision
}

type flowKey struct {
	from, to string
	refused  Code
}

// NewReplay makes a replay on table. With a day, every payment is asked about as if it
// were made on that day, at its own time of day in Asia/Shanghai: rules that begin in
// December are tried on the traffic of November.
func NewReplay(table *Table, day time.Time) *Replay {
	r := &Replay{table: table, on: day, flows: map[flowKey]*Flow{}, balances: map[string]*Balance{},
		longer: map[prefixKey][]lengthSet{}}
	r.report.Version, r.report.Digest = table.version, table.digest
	for _, rule := range table.rules {
		for _, prefix := range rule.match.prefixes {
			r.addLonger(keyOf(prefix), rule.match.lengths)
		}
		for i := range rule.entries {
			r.addLonger(rule.entries[i].key, rule.entries[i].lengths)
		}
	}
	return r
}

func (r *Replay) addLonger(key prefixKey, lengths lengthSet) {
	if key.length() <= shapePrefixMax {
		return
	}
	cut := key.cut(shapePrefixMax)
	if !slices.Contains(r.longer[cut], lengths) {
		r.longer[cut] = append(r.longer[cut], lengths)
	}
}

// Add puts one payment to the table.
func (r *Replay) Add(p *Passage) {
	r.report.Payments++
	r.report.AmountFen += p.AmountFen
	shape, err := ParseShape(p.Shape)
	if p.Shape == "" || err != nil {
		r.report.Unshaped++
		return
	}
	if r.blind(&shape) {
		r.report.Undecided++
		return
	}
	q := Query{Caller: p.Caller, Scene: p.Scene, AmountFen: p.AmountFen, Currency: p.Currency,
		At: r.moved(p.At), Payment: p.Payment}
	shape.query(&q)
	key := flowKey{from: p.Institution}
	if err := r.table.Route(&q, &r.decision); err != nil {
		key.refused = err.(*Refusal).Code
		r.report.Lost++
	} else if key.to = r.decision.Institution; key.to == key.from {
		r.report.Same++
		return
	} else {
		r.report.Moved++
	}
	r.add(key, p)
}

// moved puts an instant on the replay's day.
func (r *Replay) moved(at time.Time) time.Time {
	if r.on.IsZero() {
		return at
	}
	midnight := r.on.Unix() - secondOfDay(r.on.Unix())
	return time.Unix(midnight+secondOfDay(at.Unix()), 0).UTC()
}

// blind says that a rule compares more of the code than the shape keeps, so that nobody
// can tell whether it matches.
func (r *Replay) blind(s *Shape) bool {
	switch s.code.Standard {
	case codec.PayCode:
		if len(s.prefix) < shapePrefixMax || s.length <= shapePrefixMax {
			return false
		}
		for _, lengths := range r.longer[keyOf(s.prefix)] {
			if lengths.has(s.length) {
				return true
			}
		}
	case codec.Link:
		if s.length <= len(s.path) {
			return false
		}
		for i := range r.table.clauses {
			c := &r.table.clauses[i]
			if len(c.path) > len(s.path) && strings.HasPrefix(c.path, s.path) &&
				(c.host == "" || strings.EqualFold(c.host, s.prefix)) {
				return true
			}
		}
	}
	return false
}

func (r *Replay) add(key flowKey, p *Passage) {
	flow := r.flows[key]
	if flow == nil {
		flow = &Flow{From: key.from, To: key.to, Refused: key.refused}
		r.flows[key] = flow
	}
	flow.Payments++
	flow.AmountFen += p.AmountFen
	if len(flow.Samples) < samplesMax {
		flow.Samples = append(flow.Samples, Sample{ID: p.ID, Caller: p.Caller,
			AmountFen: p.AmountFen, Rule: r.decision.Rule})
	}
	from := r.balance(key.from)
	from.Lost++
	from.LostFen += p.AmountFen
	if key.to != "" {
		to := r.balance(key.to)
		to.Gained++
		to.GainedFen += p.AmountFen
	}
}

func (r *Replay) balance(institution string) *Balance {
	if r.balances[institution] == nil {
		r.balances[institution] = &Balance{Institution: institution}
	}
	return r.balances[institution]
}

// Report says what was found so far.
func (r *Replay) Report() *Report {
	report := r.report
	report.Flows, report.Institutions = []Flow{}, []Balance{}
	for _, flow := range r.flows {
		report.Flows = append(report.Flows, *flow)
	}
	slices.SortFunc(report.Flows, func(a, b Flow) int {
		return cmp.Or(cmp.Compare(b.AmountFen, a.AmountFen), cmp.Compare(a.From, b.From),
			cmp.Compare(a.To, b.To), cmp.Compare(a.Refused, b.Refused))
	})
	report.Flows = report.Flows[:min(len(report.Flows), flowsMax)]
	for _, id := range slices.Sorted(maps.Keys(r.balances)) {
		report.Institutions = append(report.Institutions, *r.balances[id])
	}
	return &report
}

// Write prints the report for a person.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "table %s, digest %.12s, on %d payments of %d fen\n", r.Version, r.Digest, r.Payments, r.AmountFen)
	fmt.Fprintf(&b, "%d stay, %d go to another institution, %d lose their route\n", r.Same, r.Moved, r.Lost)
	if r.Undecided > 0 {
		fmt.Fprintf(&b, "%d cannot be told: the table compares more of the code than records keep\n", r.Undecided)
	}
	if r.Unshaped > 0 {
		fmt.Fprintf(&b, "%d cannot be told: their records keep nothing of the code\n", r.Unshaped)
	}
	for _, flow := range r.Flows {
		to := "to " + flow.To
		if flow.To == "" {
			to = "refused: " + string(flow.Refused)
		}
		fmt.Fprintf(&b, "%d payments, %d fen: from %s %s\n", flow.Payments, flow.AmountFen, flow.From, to)
		for _, s := range flow.Samples {
			fmt.Fprintf(&b, "  such as %s: caller %s, %d fen", s.ID, s.Caller, s.AmountFen)
			if s.Rule != "" {
				fmt.Fprintf(&b, ", by rule %s", s.Rule)
			}
			b.WriteString("\n")
		}
	}
	for _, i := range r.Institutions {
		fmt.Fprintf(&b, "%s gains %d payments, %d fen, and loses %d payments, %d fen\n",
			i.Institution, i.Gained, i.GainedFen, i.Lost, i.LostFen)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
