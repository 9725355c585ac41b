package reconcile

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Plan is a rules file: how both sides are written, what must agree, and by which keys
// rows meet.
type Plan struct {
	Left  SidePlan `yaml:"left"`
	Right SidePlan `yaml:"right"`
	// Compare lists the fields that must agree beside the amount once rows have met.
	Compare []Field `yaml:"compare"`
	// Tolerance is what may differ all the same.
	Tolerance Tolerance `yaml:"tolerance"`
	// Rules are tried in order, from exact to loose, on the rows that are still open.
	Rules []Rule `yaml:"rules"`
	// RejectsMax is the number of rejected lines of a side above which the run fails.
	RejectsMax int64 `yaml:"rejects_max"`
	// CutOff is the time of day ("23:00:00") from which a row that the other side lacks
	// is expected in its next file.
	CutOff string `yaml:"cut_off"`
	// Refunds asks for the original of every refund and reversal among the ids of its own
	// side; it needs a first rule whose key is the id.
	Refunds *RefundPlan `yaml:"refunds"`
	// TotalsBy names a text field, such as party, whose totals are held against each other
	// before any row is: where counts and sums differ tells where to look first.
	TotalsBy *Field `yaml:"totals_by"`
	// Positions says how the right side's files tell who gets and who gives.
	Positions *PositionPlan `yaml:"positions"`
	// Carry says how long an open row is waited for.
	Carry CarryPlan `yaml:"carry"`

	cutOff int64 // Seconds since midnight; -1 for none.
}

// SidePlan is a side's name and how its files are written.
type SidePlan struct {
	Name string `yaml:"name"`
	// Shipped names a layout that comes with the switch, in place of Layout; Year
	// completes its moments.
	Shipped string `yaml:"shipped"`
	Year    int    `yaml:"year"`
	Layout  Layout `yaml:"layout"`
}

// Tolerance is what may differ between rows that have met.
type Tolerance struct {
	Amount int64 `yaml:"amount"` // Minor units.
	Fee    int64 `yaml:"fee"`    // Minor units.
	Days   int64 `yaml:"days"`   // Business days.
}

// Rule is one way for rows to meet.
type Rule struct {
	Name string `yaml:"name"`
	// Key lists the fields that are equal. A row in which one of the texts is empty takes
	// no part.
	Key []Field `yaml:"key"`
	// Window lets rows of one key meet whose moments lie at most this far apart.
	Window time.Duration `yaml:"window"`
	// Many is the side ("left" or "right") of which all rows with one key sum up to the
	// one row of the other side.
	Many string `yaml:"many"`
}

// RefundPlan says which rows take back another.
type RefundPlan struct {
	// Kinds are the words of the kind field that mean a refund or a reversal.
	Kinds []string `yaml:"kinds"`
}

// CarryPlan is how open rows age.
type CarryPlan struct {
	// DaysMax is the age in days after which a row is no longer carried; 0 is 7.
	DaysMax int `yaml:"days_max"`
	// Escalate replaces the proposed action from an age on; the last that applies counts.
	Escalate []Escalation `yaml:"escalate"`
}

// Escalation is an action for rows that have been open for days.
type Escalation struct {
	Days   int    `yaml:"days"`
	Action string `yaml:"action"`
}

// The limits of a plan.
const (
	rulesMax          = 16
	rejectsMaxDefault = 1000
	carryDaysDefault  = 7
)

// ParsePlan reads a rules file, fills what it leaves out and validates it. Keys that it
// does not know are refused.
func ParsePlan(text []byte) (*Plan, error) {
	p := &Plan{RejectsMax: rejectsMaxDefault}
	if err := yaml.UnmarshalWithOptions(text, p, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("reconcile: cannot read rules: %w", err)
	}
	for side, fallback := range map[*SidePlan]string{&p.Left: "left", &p.Right: "right"} {
		if side.Name == "" {
			side.Name = fallback
		}
		if side.Shipped == "" {
			side.Layout.fill()
			continue
		}
		var err error
		if side.Layout, err = ShippedLayout(side.Shipped, side.Year); err != nil {
			return nil, err
		}
	}
	if p.Carry.DaysMax == 0 {
		p.Carry.DaysMax = carryDaysDefault
	}
	return p, p.Validate()
}

// Validate reports every fault of the plan at once.
func (p *Plan) Validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("reconcile: rules: "+format, args...))
	}
	for _, side := range []*SidePlan{&p.Left, &p.Right} {
		if err := side.Layout.Validate(); err != nil {
			fault("side %s: %w", side.Name, err)
		}
	}
	if p.Left.Name == p.Right.Name {
		fault("both sides are named %q", p.Left.Name)
	}
	for _, f := range p.Compare {
		if err := p.mapped(f); err != nil {
			fault("compare: %w", err)
		}
	}
	if p.Tolerance.Amount < 0 || p.Tolerance.Fee < 0 || p.Tolerance.Days < 0 {
		fault("a tolerance is below zero")
	}
	if p.TotalsBy != nil {
		if err := p.mapped(*p.TotalsBy); err != nil || !isText(*p.TotalsBy) {
			fault("totals_by: %s is no text that both sides have", *p.TotalsBy)
		}
	}
	if len(p.Rules) == 0 || len(p.Rules) > rulesMax {
		fault("%d rules, want 1 to %d", len(p.Rules), rulesMax)
	}
	names := map[string]bool{}
	for i := range p.Rules {
		if err := p.validRule(&p.Rules[i], names); err != nil {
			fault("rule %d: %w", i+1, err)
		}
	}
	p.cutOff = -1
	if p.CutOff != "" {
		at, err := time.Parse(time.TimeOnly, p.CutOff)
		if err != nil {
			fault("cut_off is %q, want a time of day such as 23:00:00", p.CutOff)
		}
		p.cutOff = int64(at.Hour()*3600 + at.Minute()*60 + at.Second())
	}
	if p.Refunds != nil {
		if err := p.validRefunds(); err != nil {
			fault("refunds: %w", err)
		}
	}
	if p.RejectsMax < 0 || p.Carry.DaysMax < 0 {
		fault("rejects_max and days_max may not be below zero")
	}
	return errors.Join(faults...)
}

func (p *Plan) validRule(r *Rule, names map[string]bool) error {
	switch {
	case r.Name == "" || names[r.Name]:
		return fmt.Errorf("name %q is empty or taken", r.Name)
	case len(r.Key) == 0:
		return errors.New("key is empty")
	case r.Many != "" && r.Many != "left" && r.Many != "right":
		return fmt.Errorf("many is %q, want left or right", r.Many)
	case r.Many != "" && r.Window != 0:
		return errors.New("many and window exclude each other")
	case r.Window < 0 || r.Window%time.Second != 0:
		return fmt.Errorf("window is %s, want whole seconds", r.Window)
	}
	names[r.Name] = true
	for _, f := range r.Key {
		if err := p.mapped(f); err != nil {
			return err
		}
	}
	if r.Window > 0 {
		return p.mapped(Time)
	}
	return nil
}

func (p *Plan) validRefunds() error {
	if len(p.Refunds.Kinds) == 0 {
		return errors.New("kinds is empty")
	}
	if len(p.Rules) == 0 || p.Rules[0].kind() != equalRule || len(p.Rules[0].Key) != 1 ||
		p.Rules[0].Key[0] != ID {
		return errors.New("the first rule's key has to be the id alone")
	}
	return nil
}

// mapped reports a field that one of the sides does not have.
func (p *Plan) mapped(f Field) error {
	for _, side := range []*SidePlan{&p.Left, &p.Right} {
		column := f
		if f == Day {
			column = Time
		}
		if _, ok := side.Layout.Columns[column.String()]; !ok {
			return fmt.Errorf("side %s has no column for %s", side.Name, f)
		}
	}
	return nil
}

// ruleKind is how the rows of one key are paired.
type ruleKind uint8

const (
	equalRule  ruleKind = iota // One with one, those that agree in everything first.
	windowRule                 // One with one, by nearness in time.
	sumRule                    // Many with one, by their sum.
)

func (r *Rule) kind() ruleKind {
	switch {
	case r.Many != "":
		return sumRule
	case r.Window > 0:
		return windowRule
	}
	return equalRule
}

// UnmarshalYAML reads a field by its word.
func (f *Field) UnmarshalYAML(text []byte) error {
	var err error
	*f, err = parseField(strings.Trim(strings.TrimSpace(string(text)), `"'`))
	return err
}
