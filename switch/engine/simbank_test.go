package engine

import (
	"time"

	"tongma/switch/payment"
)

// simBank is an institution of the simulation: a book of legs by our reference.
type simBank struct {
	name string
	legs map[string]*simLeg
}

// simLeg is what the bank knows of one reference.
type simLeg struct {
	amount payment.Fen
	moved  int // How often money moved. More than once is the worst that can happen.
	state  payment.Outcome
	undone bool
}

// receive carries op out and says what became of it, by the rules of a sound bank: one
// reference moves money once, a cancelled reference never again.
func (b *simBank) receive(w *world, op *payment.Operation) payment.Answer {
	a := payment.Answer{Reference: op.Reference, Amount: op.Amount, Currency: op.Currency}
	leg := b.legs[op.Reference]
	switch {
	case op.Kind == payment.Query:
		return b.tell(w, leg, a)
	case op.Kind == payment.CancelLeg:
		return b.cancel(op, leg, a)
	case leg == nil:
		leg = &simLeg{amount: op.Amount, state: payment.Declined}
		b.legs[op.Reference] = leg
		if !w.chance(w.faults.decline) {
			leg.state = payment.Approved
			leg.moved++
		}
	}
	a.Outcome = leg.state
	if leg.undone {
		a.Outcome = payment.Declined
	}
	return a
}

func (b *simBank) tell(w *world, leg *simLeg, a payment.Answer) payment.Answer {
	switch {
	case leg == nil:
		a.Failure = payment.LegNotFound
	case w.chance(w.faults.pending):
		a.Failure = payment.LegPending
	case leg.undone:
		a.Outcome = payment.Declined
	default:
		a.Outcome = leg.state
	}
	return a
}

func (b *simBank) cancel(op *payment.Operation, leg *simLeg, a payment.Answer) payment.Answer {
	if b.name == "stonebank" {
		a.Outcome, a.Failure = payment.Declined, payment.LegNotCancellable
		return a
	}
	if leg == nil {
		leg = &simLeg{amount: op.Amount}
		b.legs[op.Reference] = leg
	}
	leg.undone = true
	a.Outcome = payment.Approved
	return a
}

// net is the money that stays moved under reference.
func (b *simBank) net(reference string) payment.Fen {
	leg := b.legs[reference]
	if leg == nil || leg.undone || leg.moved == 0 {
		return 0
	}
	return leg.amount
}

const simDeadline = 3 * time.Second

// send is the link: exactly one answer for each operation, at the latest at its
// deadline; what comes after is late.
func (w *world) send(op *payment.Operation) {
	bank := w.banks[op.Institution]
	if w.chance(w.faults.notSent) {
		w.inEpoch(0, func() {
			w.step(&event{kind: eventAnswer, op: op,
				answer: &payment.Answer{Outcome: payment.NotSent, Failure: payment.InstitutionUnavailable}})
		})
		return
	}
	answered := new(bool)
	w.inEpoch(simDeadline, func() { w.hear(op, payment.Answer{Failure: payment.AnswerMissing}, answered) })
	deliveries := 1
	if w.chance(w.faults.lose) {
		deliveries = 0
	} else if w.chance(w.faults.double) {
		deliveries = 2
	}
	for range deliveries {
		w.in(w.latency(), func() { w.deliver(bank, op, answered) })
	}
}

func (w *world) latency() time.Duration {
	if w.chance(w.faults.slow) {
		return time.Duration(w.rng.IntN(10_000)) * time.Millisecond
	}
	return time.Duration(w.rng.IntN(50)) * time.Millisecond
}

// deliver reaches the bank, whatever became of the switch meanwhile.
func (w *world) deliver(bank *simBank, op *payment.Operation, answered *bool) {
	a := bank.receive(w, op)
	w.trace("  %s %s %s: %s %s", bank.name, op.Kind, op.Reference, a.Outcome, a.Failure)
	if w.chance(w.faults.loseAnswer) {
		return
	}
	if w.chance(w.faults.wrongAmount) {
		a.Amount++
	}
	w.inEpoch(w.latency(), func() { w.hear(op, a, answered) })
	if w.chance(w.faults.contradict) {
		lie := a
		lie.Outcome = payment.Approved + payment.Declined - a.Outcome
		w.inEpoch(10*time.Second+w.latency(), func() { w.hear(op, lie, answered) })
	}
}

// hear checks an answer as the link does and hands it on: the first as the answer, what
// follows as late.
func (w *world) hear(op *payment.Operation, a payment.Answer, answered *bool) {
	if a.Failure != payment.AnswerMissing && !a.Fits(op) {
		a = payment.Answer{Failure: payment.AnswerMismatch}
	}
	kind := eventAnswer
	if *answered {
		if a.Failure == payment.AnswerMissing {
			return
		}
		kind = eventLate
		w.tally.late++
	}
	*answered = true
	w.step(&event{kind: kind, op: op, answer: &a})
}
