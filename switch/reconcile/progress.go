package reconcile

import (
	"sync"
	"sync/atomic"
	"time"
)

// progress is what workers count into and what is told of it.
type progress struct {
	bytes atomic.Int64 // Done of the stage at hand, in its unit.

	mu    sync.Mutex
	stage string
	all   int64
}

const progressEvery = 200 * time.Millisecond

func (p *progress) begin(stage string, all int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stage, p.all = stage, all
	p.bytes.Store(0)
}

func (p *progress) now() Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := p.bytes.Load()
	if p.all > 0 {
		done = min(done, p.all)
	}
	return Progress{p.stage, done, p.all}
}

// watch tells of progress until the returned function is called.
func (j *job) watch() (stop func()) {
	if j.options.Progress == nil {
		return func() {}
	}
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				j.options.Progress(j.progress.now())
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-over
	}
}
