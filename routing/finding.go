package routing

import (
	"fmt"
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
	return fmt.Sprintf("%s: %s: %s: %s (%s)", place, f.Severity, f.Kind, f.Message, f.Example)
}

// String gives the example as the flags of the explain command.
func (e Example) String() string {
	text := "code " + e.Text
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
