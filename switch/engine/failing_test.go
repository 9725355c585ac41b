package engine

import (
	"fmt"
	"testing"
	"time"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// path is a series of choices. Walking again with the next path visits every series of which
// no more than choicesMax are open; after them each choice is the first one.
type path struct {
	chosen, of []int
	at         int
}

const choicesMax = 9

func (p *path) choose(of int) int {
	if p.at == len(p.chosen) {
		if p.at == choicesMax {
			return 0
		}
		p.chosen, p.of = append(p.chosen, 0), append(p.of, of)
	}
	p.at++
	return p.chosen[p.at-1]
}

// next goes to the next series; false after the last one.
func (p *path) next() bool {
	p.at = 0
	for last := len(p.chosen) - 1; last >= 0; last-- {
		if p.chosen[last]++; p.chosen[last] < p.of[last] {
			p.chosen, p.of = p.chosen[:last+1], p.of[:last+1]
			return true
		}
	}
	return false
}

// failing is one payment in two media on its way through one path. Institutions are sound:
// what they say is true, if they say anything.
type failing struct {
	t       *testing.T
	path    *path
	now     time.Time
	core    *core
	records []journal.Record
	legs    map[string]*failingLeg // By reference.
	ended   map[payment.ID]payment.Payment
	posted  []payment.Posting
	waiting []*payment.Operation
	onWay   []*payment.Operation // Given up on by the link; they will arrive.
	due     map[payment.ID]time.Time
	crashed bool
	calm    bool // No more faults.
}

type failingLeg struct {
	amount        payment.Fen
	moved, undone bool
}

var failingPlan = Plan{SendMax: 5 * time.Second, FirstQuery: time.Second, Spacing: 5 * time.Second,
	QueriesMax: 1, ResolveMax: time.Minute, Cancel: true}

func newFailing(t *testing.T, p *path) *failing {
	f := &failing{t: t, path: p, now: time.Unix(1e9, 0), legs: map[string]*failingLeg{}, due: map[payment.ID]time.Time{},
		ended: map[payment.ID]payment.Payment{}}
	f.core = newCore(DefaultLimits(), map[string]Plan{"": failingPlan}, f.book())
	return f
}

// book limits both sides that pay, so that what they hold is counted.
func (f *failing) book() *ledger.Book {
	return ledger.New(ledger.Limits{DefaultCap: 1_000}, nil)
}

func (f *failing) choose(of int) int {
	if f.calm {
		return 0
	}
	return f.path.choose(of)
}

func (f *failing) step(ev *event) { f.take(f.core.step(f.now, ev)) }

func (f *failing) take(actions []action) {
	for i := range actions {
		a := &actions[i]
		switch a.kind {
		case actionRecord:
			r := journal.Record{Kind: uint8(a.record), Version: a.record.version(), Body: appendRecord(nil, a)}
			f.records = append(f.records, r)
			f.posted = append(f.posted, a.postings...)
			if a.record == recordOutcome || a.record == recordRefunded {
				f.ended[a.life.ID] = *a.life.snapshot()
			}
		case actionSend:
			f.inOrder(a.op)
			f.waiting = append(f.waiting, a.op)
		case actionTimer:
			f.due[a.life.ID] = time.Unix(0, a.life.due)
		}
	}
}

// inOrder holds the stated order: the second leg is not sent before the first one moved, and
// the first one is not undone while the second one may have moved.
func (f *failing) inOrder(op *payment.Operation) {
	first, second := f.legs[string(op.Payment)+"-1"], f.legs[string(op.Payment)+"-2"]
	switch {
	case op.Kind.MovesMoney() && op.Leg == 1 && (first == nil || !first.moved || first.undone):
		f.t.Errorf("%v: the second leg of %s is sent and the first one has not moved", f.path.chosen, op.Payment)
	case op.Kind == payment.CancelLeg && op.Leg == 0 && second != nil && second.moved && !second.undone:
		f.t.Errorf("%v: the first leg of %s is undone and the second one has moved", f.path.chosen, op.Payment)
	}
}

// run lets everything come to rest.
func (f *failing) run() {
	for range 1000 {
		if !f.crashed && len(f.waiting) > 0 && f.choose(2) == 1 {
			f.crash()
			continue
		}
		if len(f.waiting) > 0 {
			op := f.waiting[0]
			f.waiting = f.waiting[1:]
			f.answer(op)
			continue
		}
		id, at, any := payment.ID(""), time.Time{}, false
		for other, due := range f.due {
			if !any || due.Before(at) {
				id, at, any = other, due, true
			}
		}
		if !any {
			f.arrive()
			return
		}
		delete(f.due, id)
		f.now = at
		f.step(&event{kind: eventDue, id: id})
	}
	f.t.Fatalf("%v: it never comes to rest", f.path.chosen)
}

// crash forgets what was on its way: it may arrive, or not, and nobody hears of it.
func (f *failing) crash() {
	f.crashed = true
	for _, op := range f.waiting {
		if f.choose(2) == 1 {
			f.carryOut(op)
		}
	}
	f.waiting, f.due = nil, map[payment.ID]time.Time{}
	f.core = newCore(DefaultLimits(), map[string]Plan{"": failingPlan}, f.book())
	for i := range f.records {
		if err := f.core.foldRecord(&f.records[i], journal.Position{Sequence: uint64(i + 1)}); err != nil {
			f.t.Fatal(err)
		}
	}
	list, err := f.core.relink(func(id payment.ID) (*life, error) {
		return &life{Payment: copied(f.ended[id]), replied: true}, nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.take(f.core.resumeAll(f.now, list, 0))
}

// arrive lets arrive what was on its way: it moves money unless it was cancelled before.
func (f *failing) arrive() {
	for _, op := range f.onWay {
		f.carryOut(op)
	}
	f.onWay = nil
}

func (f *failing) carryOut(op *payment.Operation) *failingLeg {
	leg := f.legs[op.Reference]
	switch {
	case op.Kind == payment.CancelLeg && leg == nil:
		leg = &failingLeg{undone: true}
		f.legs[op.Reference] = leg
	case op.Kind == payment.CancelLeg:
		leg.undone = true
	case op.Kind.MovesMoney() && leg == nil:
		leg = &failingLeg{amount: op.Amount, moved: true}
		f.legs[op.Reference] = leg
	}
	return leg
}

// answer lets the institution choose what to do with op and what to say of it.
func (f *failing) answer(op *payment.Operation) {
	a := payment.Answer{Reference: op.Reference, Amount: op.Amount, Currency: op.Currency}
	if len(f.onWay) > 0 && f.choose(2) == 1 {
		f.arrive()
	}
	switch {
	case op.Kind == payment.Query:
		f.tell(op, &a)
	case op.Kind == payment.CancelLeg:
		f.cancel(op, &a)
	default:
		switch f.choose(6) {
		case 0: // Done.
			a.Outcome = outcomeOf(f.carryOut(op))
		case 1: // Declined.
			f.legs[op.Reference] = &failingLeg{undone: true}
			a.Outcome = payment.Declined
		case 2: // Done, and the answer is lost.
			f.carryOut(op)
		case 3: // Lost on the way.
		case 4:
			a.Outcome, a.Failure = payment.NotSent, payment.InstitutionUnavailable
		case 5:
			f.onWay = append(f.onWay, op)
		}
	}
	f.step(&event{kind: eventAnswer, op: op, answer: &a})
}

func outcomeOf(leg *failingLeg) payment.Outcome {
	if leg.moved && !leg.undone {
		return payment.Approved
	}
	return payment.Declined
}

func (f *failing) tell(op *payment.Operation, a *payment.Answer) {
	leg := f.legs[op.Reference]
	switch {
	case f.choose(2) == 1: // Silent.
	case leg == nil:
		a.Failure = payment.LegNotFound
	default:
		a.Outcome = outcomeOf(leg)
	}
}

func (f *failing) cancel(op *payment.Operation, a *payment.Answer) {
	leg := f.legs[op.Reference]
	switch f.choose(4) {
	case 0:
		f.carryOut(op)
		a.Outcome = payment.Approved
	case 1: // Done, and the answer is lost.
		f.carryOut(op)
	case 2: // Lost on the way.
	case 3: // What is undone already can only be said to be.
		if a.Outcome = payment.Approved; leg != nil && leg.moved && !leg.undone {
			a.Outcome, a.Failure = payment.Declined, payment.LegNotCancellable
		} else {
			f.carryOut(op)
		}
	}
}

// byHand lets people put right what is half done, and decide.
func (f *failing) byHand(id payment.ID) (decided bool) {
	l := f.core.lives[id]
	if l == nil {
		return false
	}
	if l.phase != phaseManual {
		f.t.Fatalf("%v: %s is at rest and %s", f.path.chosen, id, phaseNames[l.phase])
	}
	held := payment.Fen(0)
	for _, s := range f.core.book.Standings() {
		held += s.Held
	}
	if held != 2*l.Amount { // One side pays in each medium.
		f.t.Errorf("%v: people decide about %s of %d and %d is held for it", f.path.chosen, id, l.Amount, held)
	}
	moved := f.net(id, 1) > 0 && f.net(id, 2) > 0
	for n := 1; n <= 2 && !moved; n++ {
		if leg := f.legs[fmt.Sprintf("%s-%d", id, n)]; leg != nil {
			leg.undone = true
		}
	}
	f.step(&event{kind: eventDecided, id: id, moved: moved, calls: newCall()})
	return true
}

// net is what stays moved by leg number leg of payment id.
func (f *failing) net(id payment.ID, leg int) payment.Fen {
	if l := f.legs[fmt.Sprintf("%s-%d", id, leg)]; l != nil && l.moved && !l.undone {
		return l.amount
	}
	return 0
}

// hold holds the end of payment id of amount against what its institutions did: all of it
// took place, or none of it.
func (f *failing) hold(id payment.ID, amount payment.Fen) payment.Status {
	p, want := f.ended[id], payment.Fen(0)
	if p.Status == payment.StatusApproved {
		want = amount
	}
	if !p.Status.Final() || f.net(id, 1) != want || f.net(id, 2) != want {
		f.t.Errorf("%v: %s is %s, its legs moved %d and %d", f.path.chosen, id, p.Status, f.net(id, 1), f.net(id, 2))
	}
	for _, s := range f.core.book.Standings() {
		if s.Held != 0 {
			f.t.Errorf("%v: %v holds %d and nothing is at work", f.path.chosen, s.Side, s.Held)
		}
	}
	return p.Status
}

// balances holds the positions of both media: commercial is what the first leg's institution
// gave to the wallet, ecny what the wallet gave to the second one's, for a payment that
// begins in commercial money; the other way round otherwise.
func (f *failing) balances(first payment.Medium, amount payment.Fen) {
	second := payment.Commercial + payment.ECNY - first
	want := map[ledger.Side]payment.Fen{{Institution: "bank", Medium: first}: -amount, {Institution: "wallet", Medium: first}: amount,
		{Institution: "wallet", Medium: second}: -amount, {Institution: "operator", Medium: second}: amount}
	sums := map[string]payment.Fen{}
	for _, line := range f.posted {
		sums[line.Account] += line.Amount
	}
	for _, medium := range payment.Media() {
		for _, name := range []string{"bank", "wallet", "operator"} {
			key := ledger.Side{Institution: name, Medium: medium}
			account := ledger.Account{Purpose: ledger.Position, Medium: medium, Owner: name}.String()
			if got := f.core.book.Standing(key).Position; got != want[key] || sums[account] != want[key] {
				f.t.Errorf("%v: %s stands at %d, posted were %d, want %d", f.path.chosen, account, got, sums[account], want[key])
			}
		}
	}
	p := payment.Payment{Kind: payment.Pay, Institution: "wallet", Amount: 700, Legs: f.ended["P1"].Legs}
	if amount != p.Amount {
		return
	}
	transfers, err := ledger.Transfers(nil, &p, f.posted)
	payer, payee := "bank", "wallet"
	if first == payment.ECNY {
		payer, payee = "wallet", "operator"
	}
	if err != nil || len(transfers) != 1 || transfers[0].Payer != payer || transfers[0].Payee != payee || transfers[0].Amount != amount {
		f.t.Errorf("%v: its window holds %v, %v, want the commercial leg alone", f.path.chosen, transfers, err)
	}
}

func (f *failing) pay(first payment.Medium) {
	second := payment.Commercial + payment.ECNY - first
	f.step(&event{kind: eventAccept, id: "P1", calls: newCall(), request: &Request{Payment: payment.Payment{
		Institution: "wallet", RequestID: "r1", Amount: 700, Currency: "156", Requested: f.now, Legs: []payment.Leg{
			{Kind: payment.Debit, Institution: "bank", Medium: first, Amount: 700},
			{Kind: payment.Credit, Institution: "operator", Medium: second, Amount: 700}}}}})
	f.run()
}

func (f *failing) refund(amount payment.Fen) {
	if past, ok := f.ended["P1"]; ok && f.core.known("P1") == nil {
		f.step(&event{kind: eventRecalled, past: &life{Payment: copied(past), replied: true}})
	}
	f.step(&event{kind: eventAccept, id: "R1", calls: newCall(), request: &Request{Payment: payment.Payment{
		Kind: payment.Refund, Original: "P1", Institution: "wallet", RequestID: "r2", Amount: amount, Currency: "156", Requested: f.now}}})
	f.run()
}

// TestLegsInBothMedia walks a payment whose legs are in both media, and its refund, through
// every way in which they can fail: each operation declined, lost before or after it was
// carried out, not sent, or arriving when nobody waits for it any more; each query silent; each cancel lost before or after, or refused; a
// crash at any point. The order is the stated one, what fails is undone, both media are
// posted or none, and no more than the commercial leg is in a window.
func TestLegsInBothMedia(t *testing.T) {
	for _, first := range payment.Media() {
		ends := map[string]int{}
		walk := func(what string, one func(f *failing) payment.Status) {
			for p := (&path{}); ; {
				f := newFailing(t, p)
				status := one(f)
				ends[what+" "+status.String()]++
				if !p.next() || t.Failed() {
					return
				}
			}
		}
		walk("payment", func(f *failing) payment.Status {
			f.pay(first)
			if f.byHand("P1") {
				ends["payment by hand"]++
			}
			status := f.hold("P1", 700)
			f.balances(first, f.net("P1", 1))
			return status
		})
		walk("refund", func(f *failing) payment.Status {
			f.calm = true
			f.pay(first)
			f.calm = false
			f.refund(300)
			if f.byHand("R1") {
				ends["refund by hand"]++
			}
			status := f.hold("R1", 300)
			f.balances(first, 700-f.net("R1", 1))
			for i, leg := range f.ended["R1"].Legs {
				if of := f.ended["P1"].Legs[len(f.ended["R1"].Legs)-1-i]; leg.Medium != of.Medium || leg.Institution != of.Institution {
					t.Errorf("leg %d of the refund is of %s at %s, the one that it turns round of %s at %s", i, leg.Medium, leg.Institution, of.Medium, of.Institution)
				}
			}
			return status
		})
		t.Logf("%s first: %v", first, ends)
		for _, end := range []string{"payment approved", "payment declined", "payment cancelled", "payment by hand", "refund approved", "refund declined", "refund by hand"} {
			if ends[end] == 0 {
				t.Errorf("%s first: no path ends with %q", first, end)
			}
		}
	}
}
