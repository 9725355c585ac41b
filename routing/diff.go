package routing

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// DifferenceKind names what differs between two tables. The list is closed.
type DifferenceKind string

// The kinds of differences.
const (
	RegisterDiffers    DifferenceKind = "register"
	HeaderDiffers      DifferenceKind = "table"
	RuleAdded          DifferenceKind = "rule_added"
	RuleRemoved        DifferenceKind = "rule_removed"
	RuleRenamed        DifferenceKind = "rule_renamed"
	RuleChanged        DifferenceKind = "rule_changed"
	TargetsChanged     DifferenceKind = "targets_changed"
	EntriesAdded       DifferenceKind = "prefixes_added"
	EntriesRemoved     DifferenceKind = "prefixes_removed"
	EntriesMoved       DifferenceKind = "prefixes_moved"
	CodesMove          DifferenceKind = "codes_move"
	CodesGain          DifferenceKind = "codes_gain_route"
	CodesLose          DifferenceKind = "codes_lose_route"
	AgreementAdded     DifferenceKind = "agreement_added"
	AgreementRemoved   DifferenceKind = "agreement_removed"
	AgreementChanged   DifferenceKind = "agreement_changed"
	MaintenanceAdded   DifferenceKind = "maintenance_added"
	MaintenanceRemoved DifferenceKind = "maintenance_removed"
	StandbyChanged     DifferenceKind = "standby_changed"
	NoLongerReached    DifferenceKind = "no_longer_reached"
	ReachedAgain       DifferenceKind = "reached_again"
	FindingsDiffer     DifferenceKind = "findings"
	DiffIncomplete     DifferenceKind = "diff_incomplete"
)

// Difference is one thing that a new table changes.
type Difference struct {
	Kind    DifferenceKind `json:"kind"`
	Rule    string         `json:"rule,omitempty"` // Rule, list, agreement or institution.
	Count   int            `json:"count"`          // Of what the sentence is about: rules, prefixes, parts of the codes.
	Message string         `json:"message"`        // One sentence.
	Example *Example       `json:"example,omitempty"`
	Before  string         `json:"before,omitempty"` // What the old table decides for the example,
	After   string         `json:"after,omitempty"`  // and the new one.
}

// Differences is what changes from one table to another.
type Differences struct {
	From    string       `json:"from"` // Version of the old table.
	To      string       `json:"to"`
	Changes []Difference `json:"changes"`
}

// differ compares two tables.
type differ struct {
	old, new *Table
	changes  []Difference
}

// Diff says in words what changes when table takes old's place: what people wrote, what
// becomes of the codes, and which rules are reached no more. An example of moved codes
// was put to both tables, and they do decide as the difference says.
func Diff(old, table *Table) *Differences {
	d := &differ{old: old, new: table}
	d.header()
	d.rules()
	d.codes()
	d.agreements()
	d.windows()
	d.standbys()
	d.findings()
	return &Differences{From: old.version, To: table.version, Changes: d.changes}
}

func (d *differ) tell(kind DifferenceKind, rule string, count int, format string, args ...any) *Difference {
	d.changes = append(d.changes, Difference{Kind: kind, Rule: rule, Count: count,
		Message: fmt.Sprintf(format, args...)})
	return &d.changes[len(d.changes)-1]
}

// show puts an example to both tables.
func (d *differ) show(change *Difference, w *witness) {
	example := w.example
	change.Example = &example
	change.Before, change.After = d.old.outcome(w.query()), d.new.outcome(w.query())
}

func (d *differ) header() {
	for _, r := range d.new.register.institutions {
		before, known := d.old.register.Find(r.ID)
		if !known {
			d.tell(RegisterDiffers, r.ID, 1, "institution %s is new in the register", r.ID)
		} else if before.Status != r.Status || before.span != r.span || before.Licence != r.Licence {
			d.tell(RegisterDiffers, r.ID, 1, "institution %s: %s, in force %s becomes %s, in force %s",
				r.ID, before.Status, before.span.times(), r.Status, r.span.times())
		}
	}
	for _, r := range d.old.register.institutions {
		if _, kept := d.new.register.Find(r.ID); !kept {
			d.tell(RegisterDiffers, r.ID, 1, "institution %s is no longer in the register", r.ID)
		}
	}
	covers := func(t *Table) string {
		var families []string
		for _, c := range t.file.covers {
			families = append(families, c.family)
		}
		slices.Sort(families)
		return orNone(strings.Join(families, ", "))
	}
	if before, after := covers(d.old), covers(d.new); before != after {
		d.tell(HeaderDiffers, "", 1, "families that must have a route: %s becomes %s", before, after)
	}
	if before, after := d.old.file.from, d.new.file.from; !before.Equal(after) {
		d.tell(HeaderDiffers, "", 1, "the table is meant %s instead of %s",
			spanOf(after, after.AddDate(1000, 0, 0)).times(), spanOf(before, before.AddDate(1000, 0, 0)).times())
	}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// findings compares what the check says of both tables, by kind and rule.
func (d *differ) findings() {
	key := func(f *Finding) string { return string(f.Kind) + " " + f.Rule }
	before, after := check(d.old), check(d.new)
	known := make(map[string]bool)
	for i := range before {
		known[key(&before[i])] = true
	}
	unreached := func(f *Finding) bool {
		return f.Kind == ShadowedRule || f.Kind == RedundantRule || f.Kind == ShadowedEntry || f.Kind == ShadowedPart
	}
	var buried, others []*Finding
	for i := range after {
		f := &after[i]
		if known[key(f)] {
			delete(known, key(f))
			continue
		}
		if unreached(f) {
			buried = append(buried, f)
		} else {
			others = append(others, f)
		}
	}
	d.tellBuried(buried)
	for i := range before {
		if f := &before[i]; unreached(f) && known[key(f)] && ruleOf(d.new, f.Rule) != nil {
			d.tell(ReachedAgain, f.Rule, 1, "rule %s is reached again", f.Rule)
			delete(known, key(f))
		}
	}
	for _, f := range others {
		change := d.tell(FindingsDiffer, f.Rule, 1, "the check finds a new %s: %s: %s", f.Severity, f.Kind, f.Message)
		if f.Example.Text != "" {
			example := f.Example
			change.Example = &example
		}
	}
}

func (d *differ) tellBuried(buried []*Finding) {
	for _, f := range buried {
		change := d.tell(NoLongerReached, f.Rule, 1, "%s", f.Message)
		if f.Example.Text != "" {
			example := f.Example
			change.Example = &example
		}
	}
	if len(buried) > 1 {
		d.tell(NoLongerReached, "", len(buried), "%d rules or parts of rules are no longer reachable", len(buried))
	}
}

func ruleOf(t *Table, id string) *rule {
	for _, r := range t.rules {
		if r.id == id {
			return r
		}
	}
	return nil
}

// Write prints the differences for a person.
func (d *Differences) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "from table %s to table %s: %d differences\n", d.From, d.To, len(d.Changes))
	for i := range d.Changes {
		change := &d.Changes[i]
		fmt.Fprintf(&b, "%s: %s\n", change.Kind, change.Message)
		if change.Example != nil {
			fmt.Fprintf(&b, "  such as %s\n", change.Example)
		}
		if change.Before != change.After {
			fmt.Fprintf(&b, "  before: %s\n  after: %s\n", change.Before, change.After)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
