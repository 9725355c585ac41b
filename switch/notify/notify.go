// Package notify tells callers how payments ended of which they had to be told "unknown".
//
// It knows what the engine says is owed, and a way to say it. It may not know HTTP, seals or
// what a payment is about. What is owed stands in the journal until it was acknowledged: after
// a kill the same is told again, never less.
package notify

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"tongma/switch/engine"
	"tongma/switch/payment"
)

// Engine keeps what is owed; see engine.Engine.
type Engine interface {
	Owed(institution string, limit int) ([]engine.Owed, error)
	Told(o *engine.Owed) error
}

// Announcer tells a caller; see institutions.Network. It repeats what makes sense to repeat at
// once and returns nil when the caller has acknowledged.
type Announcer interface {
	Announce(ctx context.Context, p *payment.Payment) error
}

// Limits bounds the telling.
type Limits struct {
	Batch    int           // Outcomes taken up together.
	PauseMin time.Duration // After a caller did not acknowledge; doubled each time.
	PauseMax time.Duration
}

// DefaultLimits try again after a second, and at least once a minute.
func DefaultLimits() Limits {
	return Limits{Batch: 100, PauseMin: time.Second, PauseMax: time.Minute}
}

// Notifier has one goroutine for each caller: a caller that does not answer holds nobody else
// up. Outcomes of one payment are told in their order, since there is one at a time.
type Notifier struct {
	engine    Engine
	announcer Announcer
	limits    Limits
	log       *zap.Logger
	wake      map[string]chan struct{}
	stop      context.CancelFunc
	ctx       context.Context
	work      sync.WaitGroup
}

// New makes a notifier for callers; Start sets it going.
func New(callers []string, announcer Announcer, limits Limits, log *zap.Logger) *Notifier {
	n := &Notifier{announcer: announcer, limits: limits, log: log, wake: map[string]chan struct{}{}}
	n.ctx, n.stop = context.WithCancel(context.Background())
	for _, caller := range callers {
		n.wake[caller] = make(chan struct{}, 1)
	}
	return n
}

// Start tells what is owed from an earlier run, and then what Owed says. The engine must have
// been started.
func (n *Notifier) Start(engine Engine) {
	n.engine = engine
	for caller, wake := range n.wake {
		n.work.Go(func() { n.serve(caller, wake) })
	}
}

// Stop ends the telling. What was not acknowledged is told at the next start.
func (n *Notifier) Stop() {
	n.stop()
	n.work.Wait()
}

// Owed says that caller is owed one outcome more. It never blocks.
func (n *Notifier) Owed(caller string) {
	select {
	case n.wake[caller] <- struct{}{}:
	default: // It is awake, or not one of ours.
	}
}

// serve tells one caller what it is owed, whenever something is.
func (n *Notifier) serve(caller string, wake <-chan struct{}) {
	pause := n.limits.PauseMin
	for {
		done, err := n.tell(caller)
		switch {
		case n.ctx.Err() != nil:
			return
		case err != nil:
			n.log.Warn("notify: an outcome was not acknowledged", zap.String("caller", caller), zap.Error(err))
			if !n.sleep(pause) {
				return
			}
			pause = min(2*pause, n.limits.PauseMax)
			continue
		case done > 0:
			pause = n.limits.PauseMin
			continue // What was owed meanwhile.
		}
		select {
		case <-wake:
		case <-n.ctx.Done():
			return
		}
	}
}

func (n *Notifier) sleep(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-n.ctx.Done():
		return false
	}
}

// tell announces what is owed, each once: one payment that the caller does not take does not
// hold the others up. It gives how many were acknowledged, and the first error.
func (n *Notifier) tell(caller string) (done int, first error) {
	list, err := n.engine.Owed(caller, n.limits.Batch)
	if err != nil {
		return 0, err
	}
	for i := range list {
		if n.ctx.Err() != nil {
			return done, n.ctx.Err()
		}
		err := n.announcer.Announce(n.ctx, &list[i].Payment)
		if err == nil {
			err = n.engine.Told(&list[i])
		}
		switch {
		case err == nil:
			done++
		case first == nil:
			first = err
		}
	}
	return done, first
}
