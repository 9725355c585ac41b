package reconcile

import (
	"errors"
	"slices"
	"sync"
)

// A set that is too big for memory, or for a core's cache, is split: by further bits of
// its keys; and a key that dominates it by its content, because equal rows have equal
// content wherever their key occurs. What is left of such a key is paired in input order
// from sorted streams, so that no number of copies needs more memory.

const (
	splitWays    = 64
	splitBits    = 6
	sampleRows   = 1024
	setRowsCache = 1 << 19 // A larger set is split even if memory would hold it.
	shareRowsFew = 1 << 17 // A set of so few rows is not worth sharing,
	shareTimes   = 4       // nor one of no more rows than so many sets have on average.
)

// fairRows is above how many rows a set is split so that all workers have a share of it. A
// loose rule gives up a key that it cannot join in one set, so that under it only memory and
// caches bound a set.
func (j *job) fairRows() int64 {
	if j.plan.Rules[j.rule].kind() != equalRule {
		return j.setRows
	}
	total := int64(0)
	for number := range j.partitions {
		total += j.partition(number).total()
	}
	return min(j.setRows, max(shareRowsFew, shareTimes*total/int64(j.partitions)))
}

// whichChild says where an entry goes when a set is split. It takes a copy: the address of one
// would cost every row a place on the heap.
type whichChild func(e entry) int

// split spreads a set, in order of position: one side after the other, or both at once
// where all workers are free for it. Its strands are consumed.
func (w *worker) split(s *set, which whichChild, by each) ([][2]*spool, error) {
	arenas := [2]*arena{&w.arena, &w.arena}
	if by.all && len(w.job.workers) > 1 {
		arenas[1] = &w.job.workers[1].arena
	}
	children := make([][2]*spool, splitWays)
	for i := range children {
		for side := range children[i] {
			children[i][side] = &spool{arena: arenas[side], folder: w.job.directory}
		}
	}
	spread := func(side int) error {
		for _, strand := range s.sides[side] {
			strand.owner = arenas[side]
		}
		return merge(s.sides[side], func(e entry) error { return children[which(e)][side].add(e) })
	}
	if arenas[0] == arenas[1] {
		return children, errors.Join(spread(0), spread(1))
	}
	var other error
	var group sync.WaitGroup
	group.Go(func() { other = spread(1) })
	err := spread(0)
	group.Wait()
	return children, errors.Join(err, other)
}

// gathered makes a set of two spools, whose memory goes to the worker that reads them.
func (w *worker) gathered(child [2]*spool) *set {
	s := &set{}
	for side, spool := range child {
		strand := spool.strand()
		strand.owner = &w.arena
		s.sides[side], s.rows[side] = append(s.sides[side], strand), spool.rows
	}
	return s
}

// each says who joins the children of a set: all workers, or the one that split it alone.
type each struct{ all bool }

// run runs task for every child that has rows.
func (by each) run(w *worker, children [][2]*spool, task func(w *worker, number int) error) error {
	if by.all {
		return withAll(w, children, task)
	}
	for i := range children {
		if children[i][0].rows+children[i][1].rows == 0 {
			continue
		}
		if err := task(w, i); err != nil {
			return err
		}
	}
	return nil
}

// heavy joins a set of any size.
func (w *worker) heavy(s *set, level int, by each) error {
	limit := w.job.setRows
	if by.all {
		limit = w.job.shareRows
	}
	if s.total() <= limit {
		return w.join(s)
	}
	key, dominant, err := w.sample(s)
	if err != nil {
		return err
	}
	if dominant {
		return w.dominated(s, key, level, by)
	}
	shift := uint(56 - splitBits*(level+1))
	children, err := w.split(s, func(e entry) int { return int(e.key()>>shift) & (splitWays - 1) }, by)
	if err != nil {
		return err
	}
	return by.run(w, children, func(w *worker, i int) error {
		defer closeBoth(children[i])
		return w.heavy(w.gathered(children[i]), level+1, each{})
	})
}

func closeBoth(child [2]*spool) {
	child[0].close()
	child[1].close()
}

// sample looks at the first rows of each strand for a key that makes up most of the set.
func (w *worker) sample(s *set) (key uint64, dominant bool, err error) {
	votes, seen := map[uint64]int{}, 0
	for _, strands := range s.sides {
		for _, strand := range strands {
			if _, err := strand.next(); err != nil {
				return 0, false, err
			}
			for i := range strand.ready[:min(len(strand.ready), sampleRows)] {
				votes[strand.ready[i].key()]++
				seen++
			}
		}
	}
	for candidate, n := range votes {
		if n > seen/2 {
			return candidate, true, nil
		}
	}
	return 0, false, nil
}

// dominated joins a set of which one key makes up the most.
func (w *worker) dominated(s *set, key uint64, level int, by each) error {
	children, err := w.split(s, func(e entry) int {
		if e.key() != key {
			return 0
		}
		return 1 + int((e.value()>>(64-2*splitBits))%(splitWays-1))
	}, by)
	if err != nil {
		return err
	}
	if err := w.heavy(w.gathered(children[0]), level, by); err != nil {
		return err
	}
	closeBoth(children[0])
	rule := &w.job.plan.Rules[w.job.rule]
	if rule.kind() != equalRule {
		return w.ambiguous(children[1:])
	}
	return w.oneKey(rule, children[1:], by)
}

// ambiguous leaves the rows of a key open that has too many of them for a loose rule, and
// says so in the summary.
func (w *worker) ambiguous(children [][2]*spool) error {
	for _, child := range children {
		s := w.gathered(child)
		for side := range s.sides {
			err := merge(s.sides[side], func(e entry) error {
				w.job.ambiguous.Add(1)
				return w.open(side, e.position())
			})
			if err != nil {
				return err
			}
		}
		closeBoth(child)
	}
	return nil
}

// oneKey joins all rows of one key, spread by their content.
func (w *worker) oneKey(rule *Rule, children [][2]*spool, by each) error {
	rest := make([][2]*spool, len(children))
	var rows [2]int64
	for i := range children {
		rows[0] += children[i][0].rows
		rows[1] += children[i][1].rows
		for side := range rest[i] {
			rest[i][side] = &spool{folder: w.job.directory}
		}
	}
	err := by.run(w, children, func(w *worker, i int) error {
		rest[i][0].arena, rest[i][1].arena = &w.arena, &w.arena
		defer closeBoth(children[i])
		return w.surplus(children[i], rest[i], 1) // Two levels' bits spread them over children.
	})
	if err != nil {
		return err
	}
	var strands [2][]*strand
	for i := range rest {
		for side, spool := range rest[i] {
			strand := spool.strand()
			strand.owner = nil // Its arena may be another worker's.
			strands[side] = append(strands[side], strand)
		}
	}
	err = w.pairInOrder(rule, strands, rows)
	for i := range rest {
		for _, spool := range rest[i] {
			w.arena.give(spool.chunks)
			spool.close()
		}
	}
	return err
}

// surplus matches the copies of each content, and leaves those without partner to rest,
// in order of position.
func (w *worker) surplus(child, rest [2]*spool, level int) error {
	s := w.gathered(child)
	if !child[0].mixed && !child[1].mixed && (child[0].rows == 0 || child[1].rows == 0 ||
		child[0].first.same(&child[1].first)) {
		return w.surplusOfOne(s, rest)
	}
	if s.total() > w.job.setRows {
		return w.surplusOfMany(s, rest, level)
	}
	if err := w.load(s); err != nil {
		return err
	}
	defer w.unload(s)
	if err := w.exact(s.rows[0]); err != nil {
		return err
	}
	return w.keep(rest)
}

func (w *worker) keep(rest [2]*spool) error {
	for side := range w.rest {
		slices.SortFunc(w.rest[side], byPosition)
		for _, e := range w.rest[side] {
			if err := rest[side].add(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// surplusOfOne is surplus for copies of one content: they match one by one.
func (w *worker) surplusOfOne(s *set, rest [2]*spool) error {
	n := min(s.rows[0], s.rows[1])
	if w.job.options.Pairs != nil && n > 0 {
		return w.pairSurplus(s, rest, n)
	}
	for side := range s.sides {
		number := int64(0)
		err := merge(s.sides[side], func(e entry) error {
			if number++; number <= n {
				return nil
			}
			return rest[side].add(e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pairSurplus is surplusOfOne when matches are written down.
func (w *worker) pairSurplus(s *set, rest [2]*spool, n int64) error {
	right := s.sides[1][0]
	number := int64(0)
	err := merge(s.sides[0], func(e entry) error {
		if number++; number > n {
			return rest[0].add(e)
		}
		other, err := right.next()
		if err != nil {
			return err
		}
		f := finding{e.position(), other.position(), Matched, uint8(w.job.rule)}
		right.ready = right.ready[1:]
		return w.pairs.add(f)
	})
	if err != nil {
		return err
	}
	return merge([]*strand{right}, rest[1].add)
}

// surplusOfMany splits by further bits of the content, from above: by the lowest ones rows
// find their seats, and would find them all taken if they had those in common.
func (w *worker) surplusOfMany(s *set, rest [2]*spool, level int) error {
	shift := uint(64 - splitBits*(level+2))
	children, err := w.split(s, func(e entry) int { return int(e.value()>>shift) & (splitWays - 1) }, each{})
	if err != nil {
		return err
	}
	var left, right []*strand
	var spools []*spool
	for _, child := range children {
		own := [2]*spool{{arena: &w.arena, folder: w.job.directory}, {arena: &w.arena, folder: w.job.directory}}
		if err := w.surplus(child, own, level+1); err != nil {
			return err
		}
		closeBoth(child)
		left, right = append(left, own[0].strand()), append(right, own[1].strand())
		spools = append(spools, own[:]...)
	}
	if err := merge(left, rest[0].add); err != nil {
		return err
	}
	if err := merge(right, rest[1].add); err != nil {
		return err
	}
	for _, spool := range spools {
		spool.close()
	}
	return nil
}

// pairInOrder pairs the first row of one side with the first of the other and so on;
// what one side has more is a duplicate, if the other side has the key at all.
func (w *worker) pairInOrder(rule *Rule, strands [2][]*strand, rows [2]int64) error {
	ordered := &spool{arena: &arena{}, folder: w.job.directory}
	defer ordered.close()
	if err := merge(strands[1], ordered.add); err != nil {
		return err
	}
	right := ordered.strand()
	number := int64(0)
	err := merge(strands[0], func(e entry) error {
		other, err := right.next()
		if err != nil {
			return err
		}
		if other == nil {
			number++
			return w.alone(0, e.position(), rows[1] > 0 || number > 1)
		}
		position := other.position()
		right.ready = right.ready[1:]
		return w.pair(rule, e.position(), position)
	})
	if err != nil {
		return err
	}
	return merge([]*strand{right}, func(e entry) error {
		number++
		return w.alone(1, e.position(), rows[0] > 0 || number > 1)
	})
}
