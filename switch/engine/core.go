package engine

import (
	"time"

	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// core is the decision: it holds the payments at work, takes events and returns
// actions. It does no I/O, reads no clock, starts nothing and logs nothing, so that a
// payment's whole history can be played back from text.
type core struct {
	limits  Limits
	plans   map[string]Plan // By institution; the plan under "" serves the others.
	owes    map[string]bool // Institutions that want to be told outcomes that they were not told at once.
	lives   map[payment.ID]*life
	asked   map[requestKey]*life // Lives by who asked and under which id.
	past    map[payment.ID]*life // Ended payments that a refund or a cancel is at work on.
	working int                  // Lives that are not in people's hands.
	book    *ledger.Book
	out     []action
	touched []*life // Lives whose next deadline may have changed in this step.
	lines   []payment.Posting
}

// requestKey is what idempotency goes by.
type requestKey struct{ institution, requestID string }

func newCore(limits Limits, plans map[string]Plan, book *ledger.Book) *core {
	return &core{
		limits: limits,
		plans:  plans,
		owes:   make(map[string]bool),
		book:   book,
		lives:  make(map[payment.ID]*life),
		asked:  make(map[requestKey]*life),
		past:   make(map[payment.ID]*life),
	}
}

// step takes one event and returns what has to be done, in this order; records are
// durable before anything else of the same step is done. The slice is valid until the
// next step.
func (c *core) step(now time.Time, ev *event) []action {
	c.out, c.lines = c.out[:0], c.lines[:0]
	switch ev.kind {
	case eventAccept:
		c.accept(now, ev)
		c.forget(ev.request.Payment.Original)
	case eventAnswer:
		c.answered(now, ev)
	case eventLate:
		c.late(now, ev)
	case eventDue:
		if l := c.lives[ev.id]; l != nil {
			c.wake(now, l)
		}
	case eventDecided:
		c.decideByHand(now, ev)
	case eventInquire:
		c.inquire(ev)
	case eventPost:
		c.post(now, ev)
		c.forget(ev.request.Payment.Original)
	case eventRecalled:
		if c.lives[ev.past.ID] == nil && c.past[ev.past.ID] == nil {
			c.past[ev.past.ID] = ev.past
		}
	}
	c.arm()
	return c.out
}

// arm emits a timer for every life whose next deadline changed. A timer that was set
// before is not taken back: waking too early does nothing.
func (c *core) arm() {
	for _, l := range c.touched {
		at := l.deadline()
		if l.ended() || at.IsZero() || at.UnixNano() == l.due {
			continue
		}
		l.due = at.UnixNano()
		c.out = append(c.out, action{kind: actionTimer, life: l})
	}
	c.touched = c.touched[:0]
}

// wait sets when the engine acts on l again if nothing is heard.
func (c *core) wait(l *life, until time.Time) {
	l.next = until
	c.touched = append(c.touched, l)
}

// plan is the query plan of institution.
func (c *core) plan(institution string) *Plan {
	if p, ok := c.plans[institution]; ok {
		return &p
	}
	p := c.plans[""]
	return &p
}

// known returns a payment at work, or an ended one that was recalled.
func (c *core) known(id payment.ID) *life {
	if l := c.lives[id]; l != nil {
		return l
	}
	return c.past[id]
}

// forget lets go of an ended payment that was recalled for a request, if that did not
// become a refund or a cancel of it.
func (c *core) forget(id payment.ID) {
	if l := c.past[id]; l != nil && l.dependants == 0 {
		delete(c.past, id)
	}
}

// accept turns a request into a payment, or refuses it, or finds that it was asked before.
func (c *core) accept(now time.Time, ev *event) {
	p := &ev.request.Payment
	if l := c.asked[requestKey{p.Institution, p.RequestID}]; l != nil {
		c.again(l, ev)
		return
	}
	if c.working >= c.limits.InFlightMax {
		c.refuse(ev, payment.Overloaded)
		return
	}
	l := c.live(now, ev)
	if failure := c.admit(l); failure != payment.NoFailure {
		c.refuse(ev, failure)
		return
	}
	if failure := c.hold(l); failure != payment.NoFailure {
		c.refuse(ev, failure)
		return
	}
	c.enter(l)
	ev.calls.join(l)
	c.record(l, recordIntent)
	c.begin(now, l)
}

// again answers a request whose id is at work: with its payment, or with a conflict.
func (c *core) again(l *life, ev *event) {
	if l.Digest != ev.request.Payment.Digest {
		c.refuse(ev, payment.RequestConflict)
		return
	}
	if l.replied {
		c.out = append(c.out, action{kind: actionSame, life: l, calls: ev.calls})
		return
	}
	ev.calls.join(l)
}

// live makes the request's payment the one that the engine works on.
func (c *core) live(now time.Time, ev *event) *life {
	r := ev.request
	l := &r.life
	if l.Payment != nil {
		*l = life{} // It was refused before.
	}
	l.Payment, l.request = &r.Payment, r
	l.answerBy = now.Add(c.limits.AnswerMax)
	l.positions = l.two[:0]
	l.ID, l.Accepted, l.Status = ev.id, now, payment.StatusPending
	return l
}

// admit checks a refund or a cancel against its original and turns the original's legs
// round. A payment needs no more than was checked before it came here.
func (c *core) admit(l *life) payment.Failure {
	if l.Kind == payment.Pay {
		return payment.NoFailure
	}
	original := c.known(l.Original)
	if original == nil {
		return payment.PaymentNotFound
	}
	if !original.Party(l.Institution) {
		return payment.NotAParty
	}
	l.original = original
	if l.Kind == payment.Refund {
		return admitRefund(l, original)
	}
	return c.admitCancel(l, original)
}

func admitRefund(l, original *life) payment.Failure {
	if original.Kind != payment.Pay || original.Status != payment.StatusApproved || original.undoing {
		return payment.NotRefundable
	}
	if !l.Amount.Valid() {
		return payment.AmountInvalid
	}
	if l.Amount > original.Amount-original.Returned()-original.reserved {
		return payment.RefundExceeds
	}
	inherit(l, original)
	l.Legs = refundLegs(original.Payment, l.Institution, l.Amount)
	if len(l.Legs) == 0 && l.Institution != original.Institution {
		return payment.NotAParty // It would decide alone for the side that nobody calls.
	}
	return payment.NoFailure
}

func (c *core) admitCancel(l, original *life) payment.Failure {
	if l.Institution != original.Institution {
		return payment.NotAParty // Who was told "approved" must be the one who takes it back.
	}
	if original.Kind != payment.Pay || original.phase == phaseManual || original.Returned() > 0 {
		return payment.NotCancellable
	}
	if original.ended() && original.Status != payment.StatusApproved {
		return payment.NotCancellable
	}
	for i := range original.Legs {
		if !c.plan(original.Legs[i].Institution).Cancel {
			return payment.NotCancellable
		}
	}
	if original.dependants > 0 || len(original.followers) > 0 {
		return payment.NotCancellable
	}
	l.Amount = original.Amount
	inherit(l, original)
	return payment.NoFailure
}

// inherit copies what a refund, a cancel or a chargeback has in common with its original.
func inherit(l, original *life) {
	l.Currency, l.Mode, l.Scene = original.Currency, original.Mode, original.Scene
	l.Scheme, l.Merchant = original.Scheme, original.Merchant
	l.Rule, l.TableVersion = original.Rule, original.TableVersion
}

// enter puts l among the payments at work and reserves what it refunds.
func (c *core) enter(l *life) {
	c.lives[l.ID] = l
	c.asked[requestKey{l.Institution, l.RequestID}] = l
	c.working++
	c.touched = append(c.touched, l)
	if l.original == nil {
		return
	}
	l.attach()
}

// begin sends the first leg, or waits for the payment that l cancels, or is done at once.
func (c *core) begin(now time.Time, l *life) {
	l.resolveBy = now.Add(c.plan("").ResolveMax)
	switch {
	case l.Kind == payment.Cancel && !l.original.ended():
		l.phase = phaseFollowing
		l.original.followers = append(l.original.followers, l)
		c.cancelAtWork(now, l.original)
	case l.Kind == payment.Cancel:
		c.beginCancel(now, l)
	case len(l.Legs) == 0:
		c.finish(now, l, payment.StatusApproved, payment.NoFailure)
	default:
		c.send(now, l)
	}
}

// beginCancel undoes an approved payment, last leg first.
func (c *core) beginCancel(now time.Time, l *life) {
	l.Legs = cancelLegs(l.original.Payment)
	l.leg = 0
	if len(l.Legs) == 0 {
		c.finish(now, l, payment.StatusApproved, payment.NoFailure)
		return
	}
	c.send(now, l)
}

// send gives the leg at hand to its institution.
func (c *core) send(now time.Time, l *life) {
	leg := l.current()
	plan := c.plan(leg.Institution)
	l.phase, l.queries, l.cancelRefused = phaseSent, 0, false
	l.resolveBy = now.Add(plan.ResolveMax)
	c.wait(l, now.Add(plan.SendMax))
	c.dispatch(l, leg.Kind)
}

// dispatch emits the call; the runner batches what a step or a block sends.
func (c *core) dispatch(l *life, kind payment.OperationKind) {
	c.out = append(c.out, action{kind: actionSend, life: l, op: l.operation(kind)})
}

func (c *core) record(l *life, kind recordKind) {
	c.out = append(c.out, action{kind: actionRecord, life: l, record: kind})
}

func (c *core) note(l *life, ev *event) {
	c.out = append(c.out, action{kind: actionRecord, life: l, record: recordNote, note: ev})
}

func (c *core) refuse(ev *event, failure payment.Failure) {
	c.out = append(c.out, action{kind: actionRefuse, refusal: failure, calls: ev.calls})
}

// finish brings l to its end: outcome recorded, everybody answered, refunds released.
func (c *core) finish(now time.Time, l *life, status payment.Status, failure payment.Failure) {
	owed := c.owes[l.Institution] && (l.Status == payment.StatusUnknown || l.Status == payment.StatusManual)
	l.Status, l.Failure, l.Decided = status, failure, now
	if l.phase != phaseManual {
		c.working--
	}
	delete(c.lives, l.ID)
	delete(c.asked, requestKey{l.Institution, l.RequestID})
	c.out = append(c.out, action{kind: actionRecord, life: l, record: recordOutcome, postings: c.settle(l)})
	if owed {
		c.record(l, recordOwed)
	}
	c.settleOriginal(now, l)
	c.reply(l)
	for _, follower := range l.followers {
		c.follow(now, follower)
	}
	if l.dependants > 0 {
		c.past[l.ID] = l
	}
}

// settleOriginal tells the original what became of its refund or cancel.
func (c *core) settleOriginal(now time.Time, l *life) {
	original := l.original
	if original == nil {
		return
	}
	original.dependants--
	if l.Kind == payment.Cancel {
		original.undoing = false
	}
	approved := l.Status == payment.StatusApproved
	switch {
	case l.Kind == payment.Refund:
		original.reserved -= l.Amount
		if approved {
			original.Refunded += l.Amount
			c.record(original, recordRefunded)
		}
	case l.Kind == payment.Chargeback:
		original.ChargedBack += l.Amount
		c.record(original, recordRefunded)
	case l.Kind == payment.Adjustment && l.Reason == payment.Representment:
		original.Refunded += l.Amount
		c.record(original, recordRefunded)
	case l.Kind == payment.Adjustment: // It leaves what it puts right as it is.
	case approved && original.Status == payment.StatusApproved:
		original.Status, original.Failure = payment.StatusCancelled, payment.CancelledByCaller
		original.Decided = now
		c.record(original, recordOutcome)
	}
	if original.dependants == 0 {
		delete(c.past, original.ID)
	}
}

// reply answers everybody who waits for l, once.
func (c *core) reply(l *life) {
	l.replied = true
	c.touched = append(c.touched, l)
	c.out = append(c.out, action{kind: actionReply, life: l})
}

// follow goes on with a cancel whose payment has come to an end.
func (c *core) follow(now time.Time, l *life) {
	switch l.original.Status {
	case payment.StatusApproved:
		if failure := c.hold(l); failure != payment.NoFailure {
			c.finish(now, l, payment.StatusDeclined, failure)
			return
		}
		c.beginCancel(now, l)
		if !l.ended() {
			// Durable before the first cancel leaves: a restart must not take it for unsent.
			c.record(l, recordLeg)
		}
	case payment.StatusManual:
		c.handOver(l)
	default:
		c.finish(now, l, payment.StatusApproved, payment.NoFailure)
	}
}

// handOver gives l to people: the plan is spent.
func (c *core) handOver(l *life) {
	l.phase, l.Status = phaseManual, payment.StatusManual
	l.next = time.Time{}
	c.working--
	c.record(l, recordManual)
	if !l.replied {
		c.reply(l)
	}
	for _, follower := range l.followers {
		c.handOver(follower)
	}
	l.followers = nil
}
