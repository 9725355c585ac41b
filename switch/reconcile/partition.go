package reconcile

import (
	"errors"
	"sync"
	"sync/atomic"
)

// joinAll joins all partitions under the rule at hand: those that fit in a core's cache
// with all workers, then the heavy ones, each split over all workers.
func (j *job) joinAll() error {
	j.progress.begin("matching by "+j.plan.Rules[j.rule].Name, int64(j.partitions))
	j.shareRows = j.fairRows()
	var next atomic.Int64
	var mu sync.Mutex
	var heavy []int
	done, err := j.takeTallies()
	if err != nil {
		return err
	}
	err = j.parallel(func(w *worker) error {
		for {
			number := int(next.Add(1) - 1)
			if number >= j.partitions {
				return nil
			}
			if done != nil && done[number] {
				j.progress.bytes.Add(1)
				continue
			}
			if err := j.stopped(); err != nil {
				return err
			}
			s := j.partition(number)
			if s.total() > j.shareRows {
				mu.Lock()
				heavy = append(heavy, number)
				mu.Unlock()
				continue
			}
			if err := w.joinSet(number, s); err != nil {
				return err
			}
		}
	})
	if rest := j.unconcerned(); err == nil && (done == nil || !done[rest]) {
		err = j.workers[0].openAll(rest)
	}
	for _, number := range heavy {
		if err != nil {
			return err
		}
		err = j.joinHeavy(number)
	}
	j.dropRuns()
	return err
}

// joinSet joins a set that fits in a core's cache.
func (w *worker) joinSet(number int, s *set) error {
	if err := w.begin(number); err != nil {
		return err
	}
	if err := w.originals(number); err != nil {
		return err
	}
	if err := w.join(s); err != nil {
		return err
	}
	return w.joined(number)
}

// openAll leaves all rows of a set open.
func (w *worker) openAll(number int) error {
	if err := w.begin(number); err != nil {
		return err
	}
	s := w.job.partition(number)
	for side, strands := range s.sides {
		for _, strand := range strands {
			strand.owner = &w.arena
		}
		if err := merge(strands, func(e entry) error { return w.open(side, e.position()) }); err != nil {
			return err
		}
	}
	return w.joined(number)
}

// withAll is each with all workers.
func withAll(w *worker, children [][2]*spool, task func(w *worker, number int) error) error {
	var next atomic.Int64
	return w.job.parallel(func(w *worker) error {
		for {
			i := int(next.Add(1) - 1)
			if i >= len(children) {
				return nil
			}
			if children[i][0].rows+children[i][1].rows == 0 {
				continue
			}
			if err := task(w, i); err != nil {
				return err
			}
		}
	})
}

// partition takes one partition's entries, out of memory and of run files.
func (j *job) partition(number int) *set {
	s := &set{}
	for side := range s.sides {
		for _, w := range j.workers {
			chunks, tail := w.shards[side].chunks(number), w.shards[side].tail(number)
			if len(chunks)+len(tail) == 0 {
				continue
			}
			s.sides[side] = append(s.sides[side], &strand{chunks: chunks, tail: tail})
			for _, chunk := range chunks {
				s.rows[side] += int64(len(chunk))
			}
			s.rows[side] += int64(len(tail))
		}
		for _, run := range j.runs[side] {
			begin, end := run.begin[number], run.begin[number+1]
			if begin < end {
				s.sides[side] = append(s.sides[side], &strand{file: run.file, at: begin, end: end})
				s.rows[side] += (end - begin) / entryBytes
			}
		}
	}
	return s
}

// feed reads the rows again that the rule before left open, in order, and spreads them
// under the rule at hand.
func (j *job) feed() error {
	lists := make([]*findings, 0, len(j.workers))
	j.share()
	for _, w := range j.workers {
		own := w.opened
		lists = append(lists, &own)
		w.opened = findings{folder: own.folder, max: own.max, tally: own.tally, list: own.list}
		for side := range w.shards {
			w.shards[side].clear()
			w.shards[side].stretch = stretch{}
		}
	}
	j.progress.begin("reading open rows for "+j.plan.Rules[j.rule].Name, 0)
	batches := make(chan []finding, 4)
	var order error
	go func() {
		defer close(batches)
		batch := make([]finding, 0, feedRows)
		order = inOrder(lists, func(f finding) error {
			if batch = append(batch, f); len(batch) == feedRows {
				batches <- batch
				batch = make([]finding, 0, feedRows)
			}
			return j.stopped()
		})
		batches <- batch
	}()
	amounts := make([]Total, len(j.workers))
	var number atomic.Int64
	err := j.parallel(func(w *worker) error {
		total := &amounts[number.Add(1)-1]
		var failed error
		for batch := range batches { // Read to the end even after a failure.
			for _, f := range batch {
				if failed == nil {
					failed = w.feed(f, total)
				}
			}
		}
		return failed
	})
	for _, list := range lists {
		list.close()
	}
	var sum Total
	for _, t := range amounts {
		sum.Rows += t.Rows
		sum.Amount += t.Amount
	}
	j.entered = append(j.entered, sum)
	return errors.Join(err, order)
}

const feedRows = 1024

// share gives every worker as many free chunks: joins hand them to whoever joined.
func (j *job) share() {
	var free [][]entry
	for _, w := range j.workers {
		free = append(free, w.arena.free...)
		w.arena.free, w.arena.held = nil, 0
	}
	for i, chunk := range free {
		a := &j.workers[i%len(j.workers)].arena
		a.free = append(a.free, chunk)
	}
}

func (w *worker) feed(f finding, left *Total) error {
	side, position := 0, f.left
	if position < 0 {
		side, position = 1, f.right
	}
	if err := w.read(side, position); err != nil {
		return err
	}
	if side == 0 {
		left.Rows++
		left.Amount += w.rows[0].amount
	}
	return w.put(side, &w.job.plan.Rules[w.job.rule], &w.rows[side], position)
}
