package reconcile

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// backKeysMax is how many keys are looked for again at the end of a day, 8 bytes each and
// their table. Where more is open, matching everything anew costs no more.
const backKeysMax = 2 << 20

// Finish ends the day: it explains what is open by all rules, and gives the summary, and the
// differences in their order, that one run over all files gives. carry may be nil. No more
// files are taken after it; it may be called again and finds the same.
func (f *Follower) Finish(ctx context.Context, carry *Carry, emit func(*Discrepancy) error) (*Summary, error) {
	for side := range f.state.Files {
		for number := range f.state.Files[side] {
			if err := f.unchanged(side, number); err != nil {
				return nil, err
			}
		}
	}
	folder, err := os.MkdirTemp(f.store, "new-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	sides, err := f.rest(ctx, folder, carry)
	if err != nil {
		return nil, err
	}
	options := f.options
	options.Carry, options.Pairs = carry, nil
	options.whole = &whole{totals: f.totals(), groups: f.state.Groups}
	for side := range sides {
		options.whole.rejects = append(append(options.whole.rejects, f.state.Lines[side]...), f.state.Ends[side]...)
	}
	sum, err := Run(ctx, sides[0], sides[1], f.plan, options, emit)
	if err != nil || f.state.Closed {
		return sum, err
	}
	return sum, f.seal()
}

// seal writes down that the day is closed.
func (f *Follower) seal() error {
	folder, err := os.MkdirTemp(f.store, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	for side := range f.state.Left {
		for _, l := range f.left(side) {
			to := l
			to.rows = filepath.Join(folder, filepath.Base(l.rows))
			if err := errors.Join(os.Link(l.rows, to.rows), os.Link(l.places(), to.places())); err != nil {
				return err
			}
		}
	}
	f.state.Closed = true
	if err := f.commit(folder); err != nil {
		f.state.Closed = false
		return err
	}
	return nil
}

// rest gives the rows that are still to be explained: all rows of the keys of which any row
// is open, and those without a key; or everything, where that is too much.
func (f *Follower) rest(ctx context.Context, folder string, carry *Carry) ([2]Side, error) {
	sides := [2]Side{{Name: f.plan.Left.Name, Layout: f.plan.Left.Layout}, {Name: f.plan.Right.Name, Layout: f.plan.Right.Layout}}
	b := &backward{Follower: f, ctx: ctx, folder: folder, keys: map[uint64]struct{}{},
		worker: worker{job: &job{seed: rand.Uint64(), plan: f.plan}}}
	whole := f.state.Open[0].Rows+f.state.Open[1].Rows > int64(f.keysMax)
	if !whole {
		err := b.gather(carry)
		if err != nil && !errors.Is(err, errManyKeys) {
			return sides, err
		}
		whole = err != nil
	}
	if whole {
		for side := range sides {
			for number := range f.state.Files[side] {
				sides[side].Paths = append(sides[side].Paths, f.kept(side, number))
				sides[side].names = append(sides[side].names, f.state.Files[side][number].Path)
			}
		}
		return sides, nil
	}
	if len(b.keys) == 0 && f.state.Open[0].Rows+f.state.Open[1].Rows == 0 {
		return sides, nil
	}
	return sides, b.take(&sides)
}

var errManyKeys = errors.New("reconcile: more keys than are looked for again")

// backward looks for the keys of open rows among all rows of the day.
type backward struct {
	*Follower
	worker
	ctx    context.Context
	folder string
	keys   map[uint64]struct{}
}

func (b *backward) add(key uint64) error {
	if b.keys[key] = struct{}{}; len(b.keys) > b.keysMax {
		return errManyKeys
	}
	return nil
}

// gather finds the keys: of what is left, of what the day before left, and of refunds and
// their originals, which are looked for among all rows.
func (b *backward) gather(carry *Carry) error {
	var sides [2]Side
	if carry != nil {
		if err := carry.take(&sides[0], &sides[1]); err != nil {
			return err
		}
	}
	rule := &b.plan.Rules[0]
	for side, plan := range []*SidePlan{&b.plan.Left, &b.plan.Right} {
		sides[side].Name, sides[side].Layout, sides[side].settled = plan.Name, plan.Layout, b.left(side)
		err := eachRow(b.ctx, sides[side], func(_ *part, _ int64, _ []byte, r *row) error {
			if key, ok := b.key(rule, r); ok {
				return b.add(key)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if b.plan.Refunds == nil {
			continue
		}
		for number := range b.state.Files[side] {
			one := Side{Name: plan.Name, Layout: plan.Layout, Paths: []string{b.kept(side, number)}}
			err := eachRow(b.ctx, one, func(_ *part, _ int64, _ []byte, r *row) error {
				if !b.job.takesBack(r) {
					return nil
				}
				key, _ := b.key(rule, r)
				return errors.Join(b.add(key), b.add(xxh3.HashSeed(r.text[Original], b.job.seed)))
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// take writes the rows with those keys, and those without any, of all files, in order. Files
// are read side by side.
func (b *backward) take(sides *[2]Side) error {
	type task struct{ side, number int }
	var tasks []task
	for side := range b.state.Files {
		for number := range b.state.Files[side] {
			tasks = append(tasks, task{side, number})
		}
	}
	threads := b.options.Threads
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	found := make([]*settledFile, len(tasks))
	failures := make([]error, len(tasks))
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(threads, len(tasks)) {
		group.Go(func() {
			own := *b // Of the worker, which has buffers of its own.
			own.keyText = nil
			for i := int(next.Add(1)) - 1; i < len(tasks); i = int(next.Add(1)) - 1 {
				found[i], failures[i] = own.file(tasks[i].side, tasks[i].number)
			}
		})
	}
	group.Wait()
	for i, f := range found {
		if f != nil {
			sides[tasks[i].side].settled = append(sides[tasks[i].side].settled, *f)
		}
	}
	return errors.Join(failures...)
}

// file writes what is wanted of one file; nil where that is nothing.
func (b *backward) file(side, number int) (*settledFile, error) {
	plan := []*SidePlan{&b.plan.Left, &b.plan.Right}[side]
	one := Side{Name: plan.Name, Layout: plan.Layout, Paths: []string{b.kept(side, number)}}
	to := settledFile{number, filepath.Join(b.folder, settledName(side, number)), b.state.Files[side][number].Path}
	var out *settledWriter
	err := eachRow(b.ctx, one, func(p *part, offset int64, line []byte, r *row) error {
		if key, ok := b.key(&b.plan.Rules[0], r); ok {
			if _, wanted := b.keys[key]; !wanted {
				return nil
			}
		}
		if out == nil {
			var err error
			if out, err = createSettled(side, to, p.header); err != nil {
				return err
			}
		}
		return out.add(line, offset)
	})
	if err = errors.Join(err, out.close()); err != nil || out == nil {
		return nil, err
	}
	return &to, nil
}
