package admin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tongma/routing"
	"tongma/switch/engine"
)

// operations is everything that can be asked.
var operations = []operation{
	{"GET /admin/v1/tables", "", Viewer, listTables},
	{"POST /admin/v1/tables", "table.draft", Operator, draftTable},
	{"GET /admin/v1/tables/{digest}", "", Viewer, checkTable},
	{"GET /admin/v1/tables/{digest}/diff", "", Viewer, diffTable},
	{"POST /admin/v1/tables/{digest}/explain", "", Viewer, explainTable},
	{"POST /admin/v1/tables/{digest}/replay", "", Viewer, replayTable},
	{"POST /admin/v1/tables/{digest}/approve", "table.approve", Approver, approveTable},
	{"POST /admin/v1/tables/{digest}/stage", "table.stage", Operator, stageTable},
	{"POST /admin/v1/tables/{digest}/activate", "table.activate", Operator, activateTable},
	{"POST /admin/v1/rollback", "table.rollback", Operator, rollbackTable},
	{"GET /admin/v1/payments/open", "", Viewer, listOpen},
	{"POST /admin/v1/payments/{id}/propose", "payment.propose", Operator, proposeOutcome},
	{"POST /admin/v1/payments/{id}/decide", "payment.decide", Approver, decideOutcome},
	{"GET /admin/v1/limits", "", Viewer, listLimits},
	{"POST /admin/v1/limits/{institution}/{medium}/propose", "limit.propose", Operator, proposeLimit},
	{"POST /admin/v1/limits/{institution}/{medium}/approve", "limit.approve", Approver, approveLimit},
	{"GET /admin/v1/accounts", "", Viewer, listAccounts},
	{"GET /admin/v1/accounts/{purpose}/{medium}/{owner}", "", Viewer, showAccount},
	{"GET /admin/v1/accounts/{purpose}/{medium}/{owner}/history", "", Viewer, showHistory},
	{"GET /admin/v1/entries", "", Viewer, listEntries},
	{"GET /admin/v1/entries/{id}", "", Viewer, showEntry},
	{"POST /admin/v1/entries", "entry.propose", Operator, proposeEntry},
	{"POST /admin/v1/entries/{id}/approve", "entry.approve", Approver, approveEntry},
	{"POST /admin/v1/entries/{id}/reject", "entry.reject", Approver, rejectEntry},
	{"POST /admin/v1/entries/{id}/withdraw", "entry.withdraw", Operator, withdrawEntry},
	{"GET /admin/v1/windows", "", Viewer, listWindows},
	{"GET /admin/v1/windows/{number}", "", Viewer, showWindow},
	{"POST /admin/v1/windows/close", "window.propose", Operator, proposeWindow},
	{"POST /admin/v1/windows/approve", "window.close", Approver, approveWindow},
	{"POST /admin/v1/windows/{number}/instructions", "window.instruct", Operator, instructWindow},
	{"POST /admin/v1/windows/{number}/confirm", "window.confirm", Operator, confirmWindow},
	{"POST /admin/v1/windows/{number}/default", "window.default_propose", Operator, accuseMember},
	{"POST /admin/v1/windows/{number}/default/approve", "window.default", Approver, excludeMember},
	{"POST /admin/v1/windows/{number}/finalise", "window.finalise", Approver, finaliseWindow},
	{"POST /admin/v1/windows/{number}/statements", "", Operator, writeStatements},
	{"POST /admin/v1/repairs", "repair", Operator, repair},
	{"GET /admin/v1/legs", "", Viewer, listLegs},
	{"GET /admin/v1/acts", "", Viewer, listActs},
	{"GET /admin/v1/schemas/{noun}", "", Viewer, showSchema},
}

func listTables(c *call, _ *engine.Act) (any, error) { return c.options.Tables.Life(), nil }

// Drafted is the answer to a draft, and to a look at a table.
type Drafted struct {
	Entry
	Findings []string `json:"findings"`
}

// findingsShown bounds the findings of an answer.
const findingsShown = 100

func drafted(e Entry, findings []routing.Finding) Drafted {
	d := Drafted{Entry: e, Findings: []string{}}
	for i := range findings[:min(len(findings), findingsShown)] {
		d.Findings = append(d.Findings, findings[i].String())
	}
	return d
}

// draftTable takes a new table. One that has errors is kept to be looked at; it cannot
// be approved.
func draftTable(c *call, a *engine.Act) (any, error) {
	t := c.options.Tables
	table, findings, err := routing.LoadBundle(c.body, t.current())
	if err != nil {
		return nil, t.refused(a, &Refusal{TableMalformed, err.Error()})
	}
	e := Entry{Digest: table.Digest(), Version: table.Version(), DraftedBy: a.Who, DraftedAt: a.Time}
	e.Errors, e.Warnings = count(findings)
	a.Subject = e.Digest
	a.Detail = fmt.Sprintf("version %s, %d errors, %d warnings", e.Version, e.Errors, e.Warnings)
	if err := t.draft(a, e, c.body); err != nil {
		return nil, err
	}
	life := t.Life()
	if kept, err := life.Find(e.Digest); err == nil {
		e = *kept
	}
	return drafted(e, findings), nil
}

func (t *Tables) current() *routing.Register {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.register
}

// draft keeps the text before the act that names it. A text without an act is garbage
// that the next draft of the same text takes up.
func (t *Tables) draft(a *engine.Act, e Entry, text []byte) error {
	forgotten := ""
	err := t.decide(a, func(l *Life) error {
		var err error
		if forgotten, err = l.Draft(e); err != nil {
			return err
		}
		return t.keep(e.Digest, text)
	})
	if err == nil && forgotten != "" {
		return t.keep(forgotten, nil)
	}
	return err
}

func checkTable(c *call, a *engine.Act) (any, error) {
	_, findings, err := c.options.Tables.Load(a.Subject)
	if err != nil {
		return nil, err
	}
	life := c.options.Tables.Life()
	e, err := life.Find(a.Subject)
	if err != nil {
		return nil, err
	}
	return drafted(*e, findings), nil
}

// full makes an act name the whole digest of the table that its beginning names.
func (l *Life) full(a *engine.Act) {
	if e, err := l.Find(a.Subject); err == nil {
		a.Subject, a.Detail = e.Digest, strings.TrimSpace("version "+e.Version+" "+a.Detail)
	}
}

func approveTable(c *call, a *engine.Act) (any, error) {
	return c.decide(a, func(l *Life) error { return l.Approve(a.Subject, a.Who, a.Time) })
}

func stageTable(c *call, a *engine.Act) (any, error) {
	var form struct {
		Percent int `json:"percent"`
	}
	if err := c.read(&form); err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	a.Detail = fmt.Sprintf("%d percent", form.Percent)
	return c.decide(a, func(l *Life) error { return l.Stage(a.Subject, form.Percent, a.Who, a.Time) })
}

func activateTable(c *call, a *engine.Act) (any, error) {
	return c.decide(a, func(l *Life) error { return l.Activate(a.Subject, a.Who, a.Time) })
}

func rollbackTable(c *call, a *engine.Act) (any, error) {
	return c.decide(a, func(l *Life) (err error) {
		if a.Subject, err = l.Rollback(a.Who, a.Time); err == nil {
			l.full(a)
		}
		return err
	})
}

// decide carries a change of the life out and answers with how it then is.
func (c *call) decide(a *engine.Act, change func(*Life) error) (any, error) {
	err := c.options.Tables.decide(a, func(l *Life) error {
		l.full(a)
		return change(l)
	})
	if err != nil {
		return nil, err
	}
	return c.options.Tables.Life(), nil
}

// ActLine is one act as the list of acts shows it.
type ActLine struct {
	Time    string `json:"time"`
	Who     string `json:"who"`
	What    string `json:"what"`
	Subject string `json:"subject,omitempty"`
	Refused string `json:"refused,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// actsShown bounds the list of acts: the newest.
const actsShown = 500

func listActs(c *call, _ *engine.Act) (any, error) {
	lines := []ActLine{}
	err := c.options.Acts.Acts(func(a engine.Act) error {
		lines = append(lines, ActLine{Time: a.Time.Format("2006-01-02T15:04:05.000Z"), Who: a.Who,
			What: a.What, Subject: a.Subject, Refused: a.Refused, Detail: a.Detail})
		if len(lines) > 2*actsShown {
			lines = slices.Delete(lines, 0, actsShown)
		}
		return nil
	})
	return lines[max(0, len(lines)-actsShown):], err
}

// diffTable says in words what the table would change, against the active one or the
// one that the query names.
func diffTable(c *call, a *engine.Act) (any, error) {
	old, _, err := c.options.Tables.Load(c.http.URL.Query().Get("against"))
	if err != nil {
		return nil, err
	}
	table, _, err := c.options.Tables.Load(a.Subject)
	if err != nil {
		return nil, err
	}
	return routing.Diff(old, table), nil
}

// replayTable runs recorded traffic against a table. One at a time: it reads the journal
// beside the payments.
func replayTable(c *call, a *engine.Act) (any, error) {
	var form Window
	if err := c.read(&form); err != nil {
		return nil, err
	}
	table, _, err := c.options.Tables.Load(a.Subject)
	if err != nil {
		return nil, err
	}
	select {
	case c.replays <- struct{}{}:
		defer func() { <-c.replays }()
	default:
		return nil, &Refusal{Busy, "another replay is at work"}
	}
	report, err := Replay(c.http.Context(), c.options.Traffic, table, form)
	var unread *WindowError
	if errors.As(err, &unread) {
		return nil, &Refusal{BodyInvalid, unread.Error()}
	}
	return report, err
}
