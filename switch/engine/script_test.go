package engine

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

var rewrite = flag.Bool("rewrite", false, "write what the engine does into the scripts; read the diff")

// TestScripts plays every script of testdata against the core: events, "----", actions.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d scripts, want 5 or more: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { playFile(t, file) })
	}
}

func playFile(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := newScript()
	var got strings.Builder
	for _, block := range splitBlocks(string(text)) {
		got.WriteString(block.comment)
		if block.events == "" {
			got.WriteString("\n")
			continue
		}
		got.WriteString(block.events + "----\n")
		for _, line := range strings.Split(strings.TrimSpace(block.events), "\n") {
			out, err := s.play(line)
			if err != nil {
				t.Fatalf("%s: %q: %v", file, line, err)
			}
			got.WriteString(out)
		}
		got.WriteString("\n")
	}
	want := strings.TrimRight(string(text), "\n") + "\n"
	have := strings.TrimRight(got.String(), "\n") + "\n"
	if *rewrite {
		if err := os.WriteFile(file, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != want {
		t.Errorf("%s: the engine does:\n%s\nwant:\n%s", file, have, want)
	}
}

type block struct{ comment, events string }

// splitBlocks cuts a script at its empty lines into comments and events.
func splitBlocks(text string) []block {
	var list []block
	for _, part := range strings.Split(text, "\n\n") {
		var b block
		inActions := false
		scanner := bufio.NewScanner(strings.NewReader(part))
		for scanner.Scan() {
			line := scanner.Text()
			switch {
			case line == "----":
				inActions = true
			case inActions || line == "":
			case strings.HasPrefix(line, "#"):
				b.comment += line + "\n"
			default:
				b.events += line + "\n"
			}
		}
		list = append(list, b)
	}
	return list
}

// script is a core with a clock that only the script moves and a journal of its records.
type script struct {
	core    *core
	now     time.Time
	journal []journal.Record
	ended   map[payment.ID]*life
	plans   map[string]Plan
	limits  Limits
	caps    ledger.Limits
}

func newScript() *script {
	plan := DefaultPlan()
	stubborn := plan
	stubborn.Cancel = false
	s := &script{
		now:    time.Date(2026, 1, 5, 4, 0, 0, 0, time.UTC),
		ended:  map[payment.ID]*life{},
		plans:  map[string]Plan{"": plan, "stonebank": stubborn},
		limits: DefaultLimits(),
		caps:   ledger.Limits{DefaultCap: -1, Caps: []ledger.CapLimit{{Institution: "poorbank", Medium: "commercial", Cap: 1000}}},
	}
	s.limits.InFlightMax = 6
	s.core = s.newCore()
	return s
}

// newCore is that of a switch which starts. The caller tellme wants to know what it was not told.
func (s *script) newCore() *core {
	c := newCore(s.limits, s.plans, ledger.New(s.caps, nil))
	c.owes["tellme"] = true
	return c
}

// play carries out one event line and returns what the core did, one action a line.
func (s *script) play(line string) (string, error) {
	words := strings.Fields(line)
	options := map[string]string{}
	var plain []string
	for _, word := range words[1:] {
		if key, value, ok := strings.Cut(word, "="); ok {
			options[key] = value
		} else {
			plain = append(plain, word)
		}
	}
	switch words[0] {
	case "pay", "refund", "cancel":
		return s.accept(words[0], plain[0], options)
	case "chargeback", "adjust":
		return s.post(words[0], plain[0], options)
	case "answer", "late":
		return s.answer(words[0], plain, options)
	case "decide":
		return s.step(&event{kind: eventDecided, id: payment.ID(plain[0]), moved: plain[1] == "moved", calls: newCall()}), nil
	case "due":
		return s.due(payment.ID(plain[0]))
	case "restart":
		return s.restart()
	}
	return "", fmt.Errorf("unknown event %q", words[0])
}

func (s *script) accept(kind, id string, options map[string]string) (string, error) {
	amount, err := strconv.ParseInt(orElse(options["amount"], "100"), 10, 64)
	if err != nil {
		return "", err
	}
	r := &Request{Code: "621234567890", Payment: payment.Payment{
		Institution: orElse(options["from"], "shop"), RequestID: orElse(options["id"], "r-"+id),
		Amount: payment.Fen(amount), Currency: "156", Requested: s.now,
		Original: payment.ID(options["of"]),
	}}
	copy(r.Payment.Digest[:], options["content"])
	switch kind {
	case "refund":
		r.Payment.Kind = payment.Refund
	case "cancel":
		r.Payment.Kind = payment.Cancel
	}
	for _, leg := range splitList(options["legs"]) {
		operation, institution, _ := strings.Cut(leg, ":")
		institution, word, _ := strings.Cut(institution, "/")
		medium, _ := payment.ParseMedium(orElse(word, "commercial"))
		r.Payment.Legs = append(r.Payment.Legs, payment.Leg{
			Kind: operationOf(operation), Institution: institution, Amount: payment.Fen(amount), Medium: medium,
		})
	}
	r.Alternatives = splitList(options["else"])
	s.remember(r.Payment.Original)
	return s.step(&event{kind: eventAccept, id: payment.ID(id), request: r, calls: newCall()}), nil
}

// post is an entry that two persons decided: adjust moves money from= one institution to= another.
func (s *script) post(kind, id string, options map[string]string) (string, error) {
	amount, err := strconv.ParseInt(orElse(options["amount"], "100"), 10, 64)
	if err != nil {
		return "", err
	}
	n := &Entry{ID: payment.ID(id), Kind: payment.Chargeback, Original: payment.ID(options["of"]), Amount: payment.Fen(amount)}
	reason := orElse(options["reason"], "fraud")
	if kind == "adjust" {
		n.Kind, n.Debited, n.Credited = payment.Adjustment, options["from"], options["to"]
		n.Medium, _ = payment.ParseMedium(orElse(options["medium"], "commercial"))
		reason = orElse(options["reason"], "reconciliation_difference")
	}
	if n.Reason, _ = payment.ParseReason(reason); n.Reason == payment.NoReason {
		return "", fmt.Errorf("unknown reason %q", reason)
	}
	s.remember(n.Original)
	return s.step(&event{kind: eventPost, id: n.ID, request: &Request{Payment: n.payment()}, calls: newCall()}), nil
}

// remember recalls a payment that has ended, as the runner does.
func (s *script) remember(id payment.ID) {
	if past := s.ended[id]; past != nil && s.core.known(id) == nil {
		s.step(&event{kind: eventRecalled, past: past})
	}
}

func (s *script) answer(kind string, plain []string, options map[string]string) (string, error) {
	id := payment.ID(plain[0])
	leg, _ := strconv.Atoi(orElse(options["leg"], "1"))
	op := &payment.Operation{Payment: id, Leg: leg - 1, Kind: operationOf(options["to"])}
	if l := s.core.lives[id]; op.Kind == payment.OperationNone && l != nil {
		op.Kind = l.Legs[op.Leg].Kind
	}
	a := payment.Answer{}
	for o, word := range []string{"unknown", "approved", "declined", "not_sent"} {
		if word == plain[1] {
			a.Outcome = payment.Outcome(o)
		}
	}
	if len(plain) > 2 {
		failure, ok := payment.ParseFailure(plain[2])
		if !ok {
			return "", fmt.Errorf("unknown failure %q", plain[2])
		}
		a.Failure = failure
	}
	ev := &event{kind: eventAnswer, op: op, answer: &a}
	if kind == "late" {
		ev.kind = eventLate
	}
	return s.step(ev), nil
}

func (s *script) due(id payment.ID) (string, error) {
	l := s.core.lives[id]
	if l == nil || l.deadline().IsZero() {
		return "nothing is due\n", nil
	}
	s.now = l.deadline()
	return s.step(&event{kind: eventDue, id: id}), nil
}

// restart forgets all but the journal, as a kill does, and starts again from it.
func (s *script) restart() (string, error) {
	s.core = s.newCore()
	for i := range s.journal {
		if err := s.core.foldRecord(&s.journal[i], journal.Position{Sequence: uint64(i + 1)}); err != nil {
			return "", err
		}
	}
	list, err := s.core.relink(s.recall)
	if err != nil {
		return "", err
	}
	return s.print(s.core.resumeAll(s.now, list, 0)), nil
}

// recall is what the projection would tell of a payment that has ended.
func (s *script) recall(id payment.ID) (*life, error) {
	past := *s.ended[id]
	past.reserved, past.dependants, past.followers = 0, 0, nil
	past.replied, past.undoing = true, false
	s.ended[id] = &past
	return &past, nil
}

func (s *script) step(ev *event) string { return s.print(s.core.step(s.now, ev)) }

func (s *script) print(actions []action) string {
	var out strings.Builder
	for i := range actions {
		out.WriteString(s.describe(&actions[i]))
	}
	if out.Len() == 0 {
		return "nothing\n"
	}
	return out.String()
}

func (s *script) describe(a *action) string {
	switch a.kind {
	case actionRecord:
		return s.keep(a)
	case actionSend:
		return fmt.Sprintf("send %s %s %s\n", a.op.Institution, a.op.Kind, a.op.Reference)
	case actionTimer:
		return fmt.Sprintf("timer %s +%s\n", a.life.ID, time.Unix(0, a.life.due).Sub(s.now))
	case actionReply:
		return fmt.Sprintf("reply %s %s\n", a.life.ID, status(a.life))
	case actionSame:
		return fmt.Sprintf("same %s %s\n", a.life.ID, status(a.life))
	case actionRefuse:
		return fmt.Sprintf("refuse %s\n", a.refusal)
	}
	return "invalid action\n"
}

// keep writes the record into the script's journal and says what it holds.
func (s *script) keep(a *action) string {
	body := appendRecord(nil, a)
	s.journal = append(s.journal, journal.Record{Kind: uint8(a.record), Version: a.record.version(), Body: body})
	switch a.record {
	case recordNote:
		return fmt.Sprintf("note %s %s %s\n", a.life.ID, a.note.op.Kind, a.note.answer.Outcome)
	case recordRefunded:
		return fmt.Sprintf("record %s refunded %d%s\n", a.life.ID, a.life.Refunded, chargedBack(a.life))
	case recordOutcome:
		s.ended[a.life.ID] = a.life
		return fmt.Sprintf("record %s %s\n%s", a.life.ID, status(a.life), posted(a))
	case recordLeg, recordRoute:
		return fmt.Sprintf("record %s %s %d %s\n", a.life.ID, a.record, a.life.leg+1, phaseNames[a.life.phase])
	}
	return fmt.Sprintf("record %s %s\n", a.life.ID, a.record)
}

func chargedBack(l *life) string {
	if l.ChargedBack == 0 {
		return ""
	}
	return fmt.Sprintf(" charged back %d", l.ChargedBack)
}

// posted says what an entry posts: of the others the money is told by their legs.
func posted(a *action) string {
	if a.life.Kind != payment.Chargeback && a.life.Kind != payment.Adjustment {
		return ""
	}
	var out strings.Builder
	for _, line := range a.postings {
		fmt.Fprintf(&out, "    %s %d\n", line.Account, line.Amount)
	}
	return out.String()
}

func status(l *life) string {
	if l.Failure == payment.NoFailure {
		return l.Status.String()
	}
	return l.Status.String() + " " + l.Failure.Code()
}

func operationOf(word string) payment.OperationKind {
	for k := payment.OperationNone; k <= payment.Resolve; k++ {
		if k.String() == word {
			return k
		}
	}
	return payment.OperationNone
}

func splitList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
