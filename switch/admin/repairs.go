package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tongma/switch/engine"
	"tongma/switch/payment"
	"tongma/switch/reconcile"
)

// Repairs is what the switch can do about discrepancies; see engine.Engine, and
// gateway.Gateway for MayAsk.
type Repairs interface {
	Find(id payment.ID) (payment.Payment, error)
	FindRequest(institution, requestID string) (payment.Payment, error)
	Inquire(id payment.ID, leg int, act *engine.Act) (engine.Inquiry, error)
	Owe(id payment.ID, act *engine.Act) (payment.Payment, error)
	MayAsk(institution string, id payment.ID) bool
}

// Repair asks the switch to act on one discrepancy.
type Repair struct {
	reconcile.Case
	Institution string `json:"institution,omitempty"` // Whose files the other side's are; empty where the row's id names a leg.
	Action      string `json:"action,omitempty"`      // One of the class's own; empty for its first.
	WaitDays    int    `json:"wait_days"`             // For how many days a row is waited for that may still come.
	DryRun      bool   `json:"dry_run,omitempty"`     // Say what would be done, and do nothing.
	Again       bool   `json:"again,omitempty"`       // Ask again, though it was asked and answered before.
}

// The results of a repair. The list is closed.
const (
	RepairAgrees     = "agrees"     // The institution says what our books say: its file is wrong.
	RepairDenied     = "denied"     // Our books say that money moved, the institution that it did not.
	RepairClaimed    = "claimed"    // The institution says that money moved, our books that it did not.
	RepairOpen       = "open"       // The payment has no end yet: the engine, or people, decide.
	RepairUnanswered = "unanswered" // The institution said nothing that can be used. To be tried again.
	RepairOwed       = "owed"       // The caller is told the outcome again.
	RepairRecorded   = "recorded"   // The difference stands in the journal.
	RepairProposed   = "proposed"   // An adjustment waits for another person's word.
	RepairBooked     = "booked"     // It was approved, and stands.
	RepairRejected   = "rejected"   // It was rejected: to people.
	RepairWaits      = "waits"      // The other row may still come.
	RepairPeople     = "people"     // There is nothing that the switch can do.
	RepairWould      = "would"      // A dry run.
)

// Repaired is what became of one discrepancy.
type Repaired struct {
	Identity    string     `json:"identity"`
	Class       string     `json:"class"`
	Action      string     `json:"action"`
	Result      string     `json:"result"`
	Next        string     `json:"next,omitempty"` // The action that the result calls for.
	Payment     payment.ID `json:"payment,omitempty"`
	Reference   string     `json:"reference,omitempty"` // Of the leg.
	Institution string     `json:"institution,omitempty"`
	Status      string     `json:"status,omitempty"` // Of the payment.
	Books       string     `json:"books,omitempty"`  // moved or not_moved, as our books say of the leg.
	Says        string     `json:"says,omitempty"`   // The institution's word.
	By          string     `json:"by,omitempty"`
	At          time.Time  `json:"at,omitzero"`
	Entry       payment.ID `json:"entry,omitempty"`  // The adjustment that was proposed.
	Before      bool       `json:"before,omitempty"` // It was done before; nothing was done now.
	Detail      string     `json:"detail,omitempty"`
}

// repairing keeps two people from acting on one discrepancy at once.
type repairing struct {
	mu sync.Mutex
	at map[string]struct{}
}

func (r *repairing) begin(identity string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, at := r.at[identity]; at || len(r.at) >= engine.InquiriesMax {
		return false
	}
	r.at[identity] = struct{}{}
	return true
}

func (r *repairing) end(identity string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.at, identity)
}

// job is one repair under way.
type job struct {
	*call
	form    Repair
	act     *engine.Act
	payment payment.Payment
	leg     int // -1 where the other side is the caller, whom the switch did not call.
	done    Repaired
}

// repair takes the action that fits one discrepancy. Done twice, it is done once: what a
// discrepancy of the same class and rows led to is kept with the act, and told again.
func repair(c *call, a *engine.Act) (any, error) {
	j := &job{call: c, act: a, leg: -1}
	err := j.prepare()
	if err == nil && reconcile.Taken(j.done.Action) {
		if !c.repairs.begin(j.done.Identity) {
			err = &Refusal{Busy, "somebody acts on the same discrepancy, or on too many others"}
		} else {
			err = j.take()
			c.repairs.end(j.done.Identity)
		}
	}
	switch {
	case err == nil:
		return &j.done, nil
	case j.form.DryRun:
		return nil, err
	}
	return nil, c.options.Tables.refused(a, err)
}

// prepare reads the case, and finds the action that fits it and the payment that it is about.
func (j *job) prepare() error {
	if err := j.read(&j.form); err != nil {
		return err
	}
	if err := j.form.Validate(); err != nil {
		var fault *reconcile.CaseError
		if errors.As(err, &fault) {
			return &Refusal{Code(fault.Code), fault.Detail}
		}
		return err
	}
	class, _ := reconcile.ParseClass(j.form.Class)
	remedy := class.Remedy()
	j.done = Repaired{Identity: j.form.Identity(), Class: j.form.Class, Action: remedy.Called}
	j.act.Subject = j.done.Identity
	switch {
	case j.form.Action != "":
		j.done.Action = j.form.Action
		if !slices.Contains(remedy.May, j.form.Action) {
			return &Refusal{ActionForeign, fmt.Sprintf("class %s takes %v, not %.40q", j.form.Class, remedy.May, j.form.Action)}
		}
	case remedy.Waits && j.form.AgeDays < j.form.WaitDays, remedy.Called == reconcile.RepairWait:
		j.done.Action, j.done.Result = reconcile.RepairWait, RepairWaits
		return nil
	case !reconcile.Taken(remedy.Called):
		j.done.Result = RepairPeople
		return nil
	}
	if err := j.find(); err != nil {
		return err
	}
	if j.form.Action == "" && j.leg < 0 {
		j.done.Action = remedy.Caller
	}
	j.act.What = "repair." + j.done.Action
	j.done.By, j.done.At = j.act.Who, j.act.Time
	return nil
}

// find finds the payment by the id of the row: a leg's reference, a payment's id, or, in the
// files of a caller, its own request id.
func (j *job) find() error {
	id, leg, err := payment.ParseReference(j.form.ID)
	if err != nil {
		leg = -1
		id, err = payment.ParseID(j.form.ID)
	}
	switch {
	case err == nil:
		j.payment, err = j.options.Repairs.Find(id)
	case j.form.Institution == "":
		return &Refusal{PaymentUnclear, "the row's id is none of ours, and no institution is named whose request id it may be"}
	default:
		j.payment, err = j.options.Repairs.FindRequest(j.form.Institution, j.form.ID)
	}
	if err != nil {
		return &Refusal{PaymentUnknown, err.Error()}
	}
	p := &j.payment
	if leg < 0 {
		leg = j.sole()
	} else if leg >= len(p.Legs) {
		return &Refusal{PaymentUnknown, "the payment has no such leg"}
	}
	if name := j.form.Institution; leg >= 0 && name != "" && p.Legs[leg].Institution != name {
		return &Refusal{LegUnclear, "the leg is not of the institution whose file it is"}
	}
	if leg < 0 && j.form.Institution != p.Institution {
		return &Refusal{LegUnclear, fmt.Sprintf("the payment has %d legs, and none is clearly meant", len(p.Legs))}
	}
	j.leg = leg
	j.done.Payment, j.done.Status, j.done.Institution = p.ID, p.Status.String(), p.Institution
	if leg >= 0 {
		j.done.Reference, j.done.Institution, j.done.Books = p.Reference(leg), p.Legs[leg].Institution, booked(p, leg)
	}
	return nil
}

// sole is the one leg that can be meant: that of the institution named, or the only one.
func (j *job) sole() int {
	found := -1
	for i := range j.payment.Legs {
		if name := j.form.Institution; name != "" && j.payment.Legs[i].Institution != name {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// What our books say of a leg.
const (
	legMoved    = "moved"
	legNotMoved = "not_moved"
)

// booked is what our books say of a leg, in the institution's terms: a leg that cancels
// another is asked about by the reference of that one.
func booked(p *payment.Payment, leg int) string {
	l := &p.Legs[leg]
	moved := p.Status == payment.StatusApproved && l.Outcome == payment.Approved && !l.Cancelled
	if l.Kind == payment.CancelLeg {
		moved = !moved
	}
	if moved {
		return legMoved
	}
	return legNotMoved
}

// key is where it is kept what an action led to.
func (j *job) key(action string) string { return "repair/" + j.done.Identity + "/" + action }

// take does it, unless it was done before.
func (j *job) take() error {
	if j.done.Action == reconcile.RepairAdjust {
		return j.adjust()
	}
	key := j.key(j.done.Action)
	before, err := j.options.Acts.State(key)
	if err != nil {
		return err
	}
	if len(before) > 0 && !(j.form.Again && j.done.Action == reconcile.RepairQuery) {
		if err := json.Unmarshal(before, &j.done); err != nil {
			return fmt.Errorf("admin: cannot read %s: %w", key, err)
		}
		j.done.Before = true
		return nil
	}
	if j.form.DryRun {
		j.done.Result = RepairWould
		return nil
	}
	switch j.done.Action {
	case reconcile.RepairQuery:
		return j.query(key)
	case reconcile.RepairNotify:
		return j.notify(key)
	case reconcile.RepairRecord:
		j.done.Result = RepairRecorded
		return j.keep(key)
	}
	return &Refusal{ActionForeign, "the switch has no such action"}
}

// state is what is kept under the key of a repair.
type repairState struct {
	Repaired
	Case reconcile.Case `json:"case"`
}

// mark gives the act what it leaves behind.
func (j *job) mark(key string) error {
	var err error
	j.act.Key = key
	j.act.Detail = clip(fmt.Sprintf("%s: %s", j.done.Result, j.describe()))
	j.act.State, err = json.Marshal(&repairState{j.done, j.form.Case})
	return err
}

// keep writes the act with what it leaves behind.
func (j *job) keep(key string) error {
	if err := j.mark(key); err != nil {
		return err
	}
	if err := j.options.Acts.Act(j.act); err != nil {
		return &Refusal{JournalRefused, err.Error()}
	}
	return nil
}

// describe says for people what the discrepancy is, by its references alone.
func (j *job) describe() string {
	f := &j.form
	return fmt.Sprintf("%s of %d fen, difference %d, payment %s with %s; ours %s, theirs %s",
		f.Class, f.Amount, f.Difference, j.done.Payment, j.done.Institution, place(f.Left), place(f.Right))
}

func place(e *reconcile.Evidence) string {
	if e == nil {
		return "missing"
	}
	return fmt.Sprintf("%s byte %d sha256 %s", e.File, e.Offset, e.SHA256)
}

// query has the institution asked. The question is an act before it leaves, the answer is
// kept as evidence of the payment, and what both come to is an act of its own.
func (j *job) query(key string) error {
	if j.leg < 0 {
		return &Refusal{LegUnclear, "the switch did not call that institution for the payment"}
	}
	if j.payment.Reason != payment.NoReason {
		// It would say that it knows no such leg, and somebody would book the difference back.
		return &Refusal{LegUnclear, "two persons booked it, and no institution was called: its statement tells it"}
	}
	if !j.options.Repairs.MayAsk(j.done.Institution, j.payment.ID) {
		return &Refusal{QueriesSpent, "the institution or the payment was asked about too often this second"}
	}
	asking := *j.act
	asking.State, asking.Detail = []byte{}, clip("asks: "+j.describe())
	inquiry, err := j.options.Repairs.Inquire(j.payment.ID, j.leg, &asking)
	if err != nil {
		return &Refusal{JournalRefused, err.Error()}
	}
	j.payment = inquiry.Payment
	j.done.Status, j.done.Books = j.payment.Status.String(), booked(&j.payment, j.leg)
	j.judge(&inquiry)
	if !settled(j.done.Result) {
		return nil // To be asked again: nothing is kept but the question and the answer.
	}
	return j.keep(key)
}

// settled reports whether the result of a query need not be asked for again.
func settled(result string) bool {
	return result == RepairAgrees || result == RepairDenied || result == RepairClaimed
}

// judge holds what the institution says against what our books say. Our books are not
// changed by it.
func (j *job) judge(inquiry *engine.Inquiry) {
	a := &inquiry.Answer
	j.done.Says = a.Outcome.String()
	if a.Outcome != payment.Approved && a.Failure != payment.NoFailure {
		j.done.Says = a.Failure.Code()
	}
	moved := a.Outcome == payment.Approved
	word := moved || a.Outcome == payment.Declined || a.Failure == payment.LegNotFound
	switch {
	case !inquiry.Asked:
		j.done.Says, j.done.Result = "", RepairOpen
		j.done.Detail = "the switch is at work on the leg"
	case !word:
		j.done.Result = RepairUnanswered
	case !j.payment.Status.Final():
		j.done.Result = RepairOpen
	case moved == (j.done.Books == legMoved):
		j.done.Result = RepairAgrees
	case moved:
		j.done.Result, j.done.Next = RepairClaimed, reconcile.RepairAdjust
	default:
		j.done.Result, j.done.Next = RepairDenied, reconcile.RepairAdjust
	}
}

// notify owes the caller the outcome again. The act and what is owed are one block: nobody is
// owed it twice for one discrepancy.
func (j *job) notify(key string) error {
	j.done.Result, j.done.Institution = RepairOwed, j.payment.Institution
	if err := j.mark(key); err != nil {
		return err
	}
	_, err := j.options.Repairs.Owe(j.payment.ID, j.act)
	if err == nil {
		return nil
	}
	j.act.Key, j.act.State = "", nil
	var refusal *payment.Refusal
	errors.As(err, &refusal)
	switch {
	case refusal != nil && refusal.Failure == payment.NotAParty:
		return &Refusal{OutcomesUnwanted, j.payment.Institution + " takes no outcomes"}
	case refusal != nil && refusal.Failure == payment.NotReady:
		j.done.Result = RepairOpen
		j.act.Detail = clip("no end to be told: " + j.describe())
		return j.options.Acts.Act(j.act)
	}
	return &Refusal{JournalRefused, err.Error()}
}
