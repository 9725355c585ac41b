package routing

import (
	"fmt"
	"strings"
	"time"
)

// Severity says whether a finding keeps a table from being activated.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is one thing that the check of a table found.
type Finding struct {
	Kind     Kind
	Severity Severity
	Line     int    // In the table's file, counted from 1.
	Entry    int    // In the list's file, counted from 1; 0 where the finding is of the table.
	Rule     string // Rule, list, agreement or family that the finding is about.
	Message  string // One sentence.
	Example  Example
}

// Kind names what was found. The list is closed.
type Kind string

// Example is a code and its circumstances that show a finding when explained.
type Example struct {
	Text      string
	Caller    string
	Scene     string
	AmountFen int64
	Currency  string
	At        time.Time // UTC.
}

// String gives line, severity, sentence and the code that shows it.
func (f Finding) String() string {
	place := fmt.Sprintf("line %d", f.Line)
	if f.Entry > 0 {
		place += fmt.Sprintf(", list line %d", f.Entry)
	}
	text := fmt.Sprintf("%s: %s: %s: %s", place, f.Severity, f.Kind, f.Message)
	if shows := f.Example.String(); shows != "" {
		text += " (explain " + shows + ")"
	}
	return text
}

// String gives the example as the arguments of the explain command, ready to be pasted.
func (e Example) String() string {
	text := e.Text
	if strings.Trim(text, alphanumeric+":/.+=") != "" {
		text = "'" + text + "'" // No code has such a quote: none is in an alphabet of theirs.
	}
	for _, part := range []struct{ name, value string }{
		{"caller", e.Caller}, {"scene", e.Scene}, {"currency", e.Currency},
	} {
		if part.value != "" {
			text += " --" + part.name + " " + part.value
		}
	}
	if e.AmountFen != 0 {
		text += fmt.Sprintf(" --amount-fen %d", e.AmountFen)
	}
	if !e.At.IsZero() {
		text += " --at " + e.At.Format(time.RFC3339)
	}
	return text
}

// The kinds of findings.
const (
	NoRules            Kind = "no_rules"
	DuplicateRule      Kind = "duplicate_rule"
	NeverMatches       Kind = "never_matches"
	EmptyPeriod        Kind = "empty_period"
	NoSuchCode         Kind = "no_such_code"
	TooManyClauses     Kind = "too_many_clauses"
	AmountNoCurrency   Kind = "amount_without_currency"
	UnknownCaller      Kind = "unknown_caller"
	UnlicensedCaller   Kind = "unlicensed_caller"
	EmptyList          Kind = "empty_list"
	ShadowedRule       Kind = "shadowed_rule"
	RedundantRule      Kind = "redundant_rule"
	ShadowedPart       Kind = "shadowed_part"
	ShadowedEntry      Kind = "shadowed_entry"
	Overlap            Kind = "overlap"
	DuplicateEntry     Kind = "duplicate_entry"
	UnknownTarget      Kind = "unknown_target"
	UnlicensedTarget   Kind = "unlicensed_target"
	SuspendedTarget    Kind = "suspended_target"
	TargetNotInForce   Kind = "target_not_in_force"
	TargetLapses       Kind = "target_lapses"
	DuplicateTarget    Kind = "duplicate_target"
	RuleNoAgreement    Kind = "rule_without_agreement"
	TargetNoAgreement  Kind = "target_without_agreement"
	DuplicateAgreement Kind = "duplicate_agreement"
	AgreementUnknown   Kind = "agreement_unknown_institution"
	AgreementEmpty     Kind = "agreement_never_in_force"
	AgreementUnused    Kind = "agreement_never_applies"
	AgreementShadowed  Kind = "agreement_shadowed"
	StandbyCycle       Kind = "standby_cycle"
	StandbyUnknown     Kind = "standby_unknown"
	StandbyUnlicensed  Kind = "standby_unlicensed"
	StandbyTwice       Kind = "standby_twice"
	MaintenanceUnknown Kind = "maintenance_unknown"
	MaintenanceEmpty   Kind = "maintenance_empty"
	MaintenanceAll     Kind = "maintenance_of_all_targets"
	UnknownFamily      Kind = "unknown_family"
	DuplicateFamily    Kind = "duplicate_family"
	Gap                Kind = "gap"
	DateHole           Kind = "date_hole"
	AmountHole         Kind = "amount_hole"
	CheckIncomplete    Kind = "check_incomplete"
)

// severities is the severity of every kind. Errors are what would refuse or misroute a
// payment, or what cannot have been meant; warnings lose nothing but clarity.
var severities = map[Kind]Severity{
	NoRules: Error, DuplicateRule: Error, NeverMatches: Error, EmptyPeriod: Error,
	NoSuchCode: Warning, TooManyClauses: Error, AmountNoCurrency: Warning,
	UnknownCaller: Error, UnlicensedCaller: Error, EmptyList: Warning,
	ShadowedRule: Error, RedundantRule: Warning, ShadowedPart: Warning,
	ShadowedEntry: Warning, Overlap: Error, DuplicateEntry: Error,
	UnknownTarget: Error, UnlicensedTarget: Error, SuspendedTarget: Error,
	TargetNotInForce: Error, TargetLapses: Warning, DuplicateTarget: Error,
	RuleNoAgreement: Error, TargetNoAgreement: Warning,
	DuplicateAgreement: Error, AgreementUnknown: Error, AgreementEmpty: Error,
	AgreementUnused: Warning, AgreementShadowed: Warning,
	StandbyCycle: Error, StandbyUnknown: Error, StandbyUnlicensed: Error,
	StandbyTwice:       Error,
	MaintenanceUnknown: Error, MaintenanceEmpty: Error, MaintenanceAll: Warning,
	UnknownFamily: Error, DuplicateFamily: Error, Gap: Error, DateHole: Error, AmountHole: Error,
	CheckIncomplete: Warning,
}
