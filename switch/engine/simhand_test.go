package engine

import (
	"time"

	"tongma/switch/payment"
)

// handTo gives a payment to people, who look into the banks' books when nothing can be on its
// way any more, put right what is half done, and decide. A cancel waits for its payment.
func (w *world) handTo(id payment.ID) {
	w.in(time.Duration(30+w.rng.IntN(60))*time.Second, func() { w.decideByHand(id) })
}

func (w *world) decideByHand(id payment.ID) {
	l := w.core.lives[id]
	if l == nil || l.phase != phaseManual {
		return // It came back from a crash as not yet handed over, or is decided.
	}
	p := l.Payment
	if p.Kind == payment.Cancel {
		if p = l.original.Payment; !l.original.ended() {
			w.step(&event{kind: eventDecided, id: id, moved: true, calls: newCall()})
			if w.core.lives[id] != l {
				w.t.Errorf("seed %d: %s was decided before the payment that it cancels", w.seed, id)
			}
			w.handTo(id)
			return
		}
	}
	moved := w.putRight(p, l.Kind == payment.Cancel)
	if l.Kind == payment.Cancel {
		moved = !moved
	}
	w.tally.byHand++
	w.trace("people decide %s: moved %t", id, moved)
	w.step(&event{kind: eventDecided, id: id, moved: moved, calls: newCall()})
	if w.core.lives[id] != nil {
		w.t.Errorf("seed %d: %s is open after people decided", w.seed, id)
	}
}

// putRight makes all legs of p moved or none, as most of it is, and says which. Of a payment
// that never was approved nothing stays moved.
func (w *world) putRight(p *payment.Payment, cancelled bool) (moved bool) {
	moves := 0
	for i := range p.Legs {
		if w.banks[p.Legs[i].Institution].net(p.Reference(i)) > 0 {
			moves++
		}
	}
	if moves == len(p.Legs) && (!cancelled || p.Status == payment.StatusApproved) {
		return true
	}
	for i := range p.Legs {
		if leg := w.banks[p.Legs[i].Institution].legs[p.Reference(i)]; leg != nil {
			leg.undone = true
		}
	}
	return false
}
