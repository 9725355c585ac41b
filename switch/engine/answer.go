package engine

import (
	"time"

	"tongma/switch/payment"
)

// answered takes an institution's answer to the leg at hand. Whatever does not belong
// to what is being done now changes nothing and is kept as evidence.
func (c *core) answered(now time.Time, ev *event) {
	l := c.lives[ev.op.Payment]
	if l == nil {
		c.note(&life{Payment: &payment.Payment{ID: ev.op.Payment}}, ev)
		return
	}
	if ev.op.Leg != l.leg || l.phase == phaseManual || l.phase == phaseFollowing {
		c.note(l, ev)
		return
	}
	switch {
	case l.phase == phaseUndoing && ev.op.Kind == payment.CancelLeg:
		c.undone(now, l, ev.answer)
	case l.phase == phaseCancelling && ev.op.Kind == payment.CancelLeg:
		c.cancelled(now, l, ev.answer)
	case l.phase == phaseSent && ev.op.Kind == l.current().Kind:
		c.decided(now, l, ev.answer)
	case l.phase == phaseAsking && ev.op.Kind == payment.Query:
		c.told(now, l, ev.answer)
	default:
		c.note(l, ev)
	}
}

// late takes an answer that came after the link had given up. It changes nothing and is
// kept as evidence; but an institution that speaks again is worth asking at once.
func (c *core) late(now time.Time, ev *event) {
	l := c.known(ev.op.Payment)
	if l == nil {
		l = &life{Payment: &payment.Payment{ID: ev.op.Payment}}
	}
	c.note(l, ev)
	if l.phase == phaseAsking && ev.op.Leg == l.leg && c.lives[l.ID] == l {
		l.queries = min(l.queries, c.plan(l.current().Institution).QueriesMax-1) // One more, of a spent plan too.
		c.wait(l, now)
		c.wake(now, l)
	}
}

// decided takes the answer to the leg's own operation.
func (c *core) decided(now time.Time, l *life, a *payment.Answer) {
	switch a.Outcome {
	case payment.Approved:
		c.legApproved(now, l, a)
	case payment.Declined:
		c.legFailed(now, l, a)
	case payment.NotSent:
		c.legNotSent(now, l, a)
	default:
		c.ask(now, l)
	}
}

// legApproved goes on to the next leg, or ends the payment.
func (c *core) legApproved(now time.Time, l *life, a *payment.Answer) {
	leg := l.current()
	leg.Outcome, leg.Remote, leg.Failure = payment.Approved, a.Remote, payment.NoFailure
	if l.leg == len(l.Legs)-1 {
		c.finish(now, l, payment.StatusApproved, payment.NoFailure)
		return
	}
	c.record(l, recordLeg)
	l.leg++
	c.send(now, l)
}

// legFailed ends the payment, or undoes the legs before.
func (c *core) legFailed(now time.Time, l *life, a *payment.Answer) {
	leg := l.current()
	leg.Outcome, leg.Remote, leg.Failure = payment.Declined, a.Remote, reason(a)
	c.undo(now, l, payment.StatusDeclined, leg.Failure)
}

// reason is the answer's failure, or the plainest word where it gave none.
func reason(a *payment.Answer) payment.Failure {
	switch {
	case a.Failure != payment.NoFailure:
		return a.Failure
	case a.Outcome == payment.NotSent:
		return payment.InstitutionUnavailable
	}
	return payment.DeclinedByInstitution
}

// legNotSent goes to another institution, or ends the payment. A cancel that is being
// repeated says nothing by not leaving: the one before it may have arrived.
func (c *core) legNotSent(now time.Time, l *life, a *payment.Answer) {
	switch {
	case l.queries > 0:
		c.ask(now, l)
	case !c.failOver(now, l):
		c.legFailed(now, l, a)
	}
}

// failOver gives the leg to the next target, if one is left. Only a leg of which nothing
// left us may be given away.
func (c *core) failOver(now time.Time, l *life) bool {
	leg := l.current()
	was := leg.Institution
	for l.request != nil && len(l.request.Alternatives) > 0 && l.leg == len(l.Legs)-1 {
		c.free(l)
		leg.Institution, l.request.Alternatives = l.request.Alternatives[0], l.request.Alternatives[1:]
		if c.hold(l) != payment.NoFailure {
			leg.Institution = was // The next one has no liquidity left.
			continue
		}
		c.record(l, recordRoute)
		c.send(now, l)
		return true
	}
	return false
}

// ask starts the query plan of the leg at hand.
func (c *core) ask(now time.Time, l *life) {
	l.phase = phaseAsking
	c.wait(l, now.Add(c.plan(l.current().Institution).FirstQuery))
}

// told takes the answer to a query.
func (c *core) told(now time.Time, l *life, a *payment.Answer) {
	switch {
	case a.Outcome == payment.Approved:
		c.legApproved(now, l, a)
	case a.Outcome == payment.Declined:
		c.legFailed(now, l, a)
	case a.Failure == payment.LegNotFound && c.mayCancel(l):
		c.cancelLeg(now, l, payment.CancelledBySwitch)
	}
}

// mayCancel reports whether the leg at hand can be undone instead of asked about.
func (c *core) mayCancel(l *life) bool {
	return c.plan(l.current().Institution).Cancel && !l.cancelRefused &&
		l.current().Kind != payment.CancelLeg
}

// cancelLeg undoes the leg at hand, whose outcome nobody has told us.
func (c *core) cancelLeg(now time.Time, l *life, failure payment.Failure) {
	l.phase, l.failure = phaseCancelling, failure
	// Durable before the cancel leaves: a cancel on its way may still undo the leg after a
	// restart, so from here on only a cancel's answer may say what became of it.
	c.record(l, recordLeg)
	c.wait(l, now.Add(c.plan(l.current().Institution).Spacing))
	c.dispatch(l, payment.CancelLeg)
}

// cancelAtWork makes a payment at work end as cancelled, if its institution still can.
func (c *core) cancelAtWork(now time.Time, l *life) {
	if l.phase == phaseSent || l.phase == phaseAsking {
		c.cancelLeg(now, l, payment.CancelledByCaller)
	}
}

// cancelled takes the answer to the cancel of the undecided leg.
func (c *core) cancelled(now time.Time, l *life, a *payment.Answer) {
	switch a.Outcome {
	case payment.Approved:
		leg := l.current()
		leg.Outcome, leg.Failure, leg.Cancelled = payment.Declined, l.failure, true
		c.undo(now, l, payment.StatusCancelled, l.failure)
	case payment.Declined:
		l.cancelRefused = true
		l.phase, l.queries = phaseAsking, 0
		c.wait(l, now)
		c.wake(now, l)
	}
}

// undo ends a payment whose leg at hand came to nothing: the legs before it, if any,
// are cancelled first, last one first.
func (c *core) undo(now time.Time, l *life, status payment.Status, failure payment.Failure) {
	if l.leg == 0 {
		c.finish(now, l, status, failure)
		return
	}
	l.failure = failure
	c.record(l, recordLeg)
	l.leg--
	c.undoLeg(now, l)
}

func (c *core) undoLeg(now time.Time, l *life) {
	plan := c.plan(l.current().Institution)
	l.phase = phaseUndoing
	l.resolveBy = now.Add(plan.ResolveMax)
	c.wait(l, now.Add(plan.Spacing))
	if l.current().Kind == payment.CancelLeg {
		// A cancel that succeeded cannot itself be undone; people decide what is owed.
		c.handOver(l)
		return
	}
	c.dispatch(l, payment.CancelLeg)
}

// undone takes the answer to the cancel of an approved leg.
func (c *core) undone(now time.Time, l *life, a *payment.Answer) {
	switch a.Outcome {
	case payment.Declined:
		c.handOver(l)
	case payment.Approved:
		l.current().Cancelled = true
		if l.leg > 0 {
			c.record(l, recordLeg)
			l.leg--
			c.undoLeg(now, l)
			return
		}
		c.finish(now, l, undoneStatus(l), l.failure)
	}
}

// undoneStatus tells a payment that an institution declined from one that was cancelled.
func undoneStatus(l *life) payment.Status {
	if l.failure == payment.CancelledByCaller || l.failure == payment.CancelledBySwitch {
		return payment.StatusCancelled
	}
	return payment.StatusDeclined
}

// wake does what the time demands: tell the caller, ask again, cancel, hand over.
func (c *core) wake(now time.Time, l *life) {
	if !l.replied && !now.Before(l.answerBy) {
		c.tellUnknown(l)
	}
	if l.next.IsZero() || now.Before(l.next) {
		return
	}
	if !now.Before(l.resolveBy) && l.phase != phaseFollowing {
		c.handOver(l)
		return
	}
	plan := c.plan(l.current().Institution)
	switch l.phase {
	case phaseSent:
		// The link is overdue with its answer: it counts as lost.
		c.ask(now, l)
		c.wake(now, l)
	case phaseAsking:
		c.askAgain(now, l, plan)
	case phaseCancelling, phaseUndoing:
		c.wait(l, now.Add(plan.Spacing))
		c.dispatch(l, payment.CancelLeg)
	}
}

// askAgain spends one query of the plan. Where the plan is spent it cancels, and where it
// must not cancel it asks no more and waits for the time of people: what an institution was
// promised to be asked at most holds for one that cannot cancel too.
func (c *core) askAgain(now time.Time, l *life, plan *Plan) {
	c.wait(l, now.Add(plan.Spacing))
	if l.current().Kind == payment.CancelLeg {
		l.queries++
		l.phase = phaseSent
		c.dispatch(l, payment.CancelLeg)
		return
	}
	if l.queries >= plan.QueriesMax {
		if c.mayCancel(l) {
			c.cancelLeg(now, l, payment.CancelledBySwitch)
			return
		}
		c.wait(l, l.resolveBy)
		return
	}
	l.queries++
	c.dispatch(l, payment.Query)
}

// tellUnknown answers the caller that the outcome is not known yet; the record comes
// first, so that the operator's queue and the caller agree.
func (c *core) tellUnknown(l *life) {
	if l.Status == payment.StatusPending {
		l.Status = payment.StatusUnknown
	}
	c.record(l, recordUnknown)
	c.reply(l)
}

// resume goes on with a payment found at work after a restart: what was on its way may
// have arrived, so it is asked about after delay, never sent again.
func (c *core) resume(now time.Time, l *life, delay time.Duration) {
	l.replied = true
	switch {
	case l.phase == phaseManual:
		return
	case l.phase == phaseFollowing && l.original.ended():
		c.follow(now, l)
		return
	case l.phase == phaseFollowing:
		l.original.followers = append(l.original.followers, l)
		return
	case l.phase == phaseSent:
		l.phase = phaseAsking
	}
	l.resolveBy = now.Add(delay + c.plan(l.current().Institution).ResolveMax)
	c.wait(l, now.Add(delay))
}
