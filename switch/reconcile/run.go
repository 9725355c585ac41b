package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// Side is one party's record of the payments.
type Side struct {
	Name    string
	Paths   []string
	Layout  Layout
	carried []carriedFile
	settled []settledFile
	names   []string // What Paths are called in outputs; nil where by themselves.
}

// Options choose how a run goes about its work, not what it finds.
type Options struct {
	// Threads is the number of workers; 0 is one for each core.
	Threads int
	// Memory bounds what the rows take, in bytes; what is beyond it goes to disk. 0 is
	// MemoryDefault.
	Memory int64
	// Work is a directory in which a run that was killed is taken up again. Without one,
	// what goes to disk is gone with the process.
	Work string
	// Pairs, when set, is called with every match, in the order of the left rows.
	Pairs func(Pair) error
	// Progress, when set, is called now and then from one goroutine.
	Progress func(Progress)
	// Worked, when set, is called once at the end of a run that has a work directory.
	Worked func(Worked)
	// Carry takes open rows over from the day before, and writes those of today.
	Carry *Carry

	settle *settler // Takes the rows that are not matched in full, in place of explaining them.
	whole  *whole   // What the rows that are gone already add to the summary.

	tight *tight // Limits so small that tests reach them with small files.
}

// tight are limits of a run.
type tight struct {
	setRows      int64 // Above which a set is split.
	chunks       int64 // Of a worker, above which entries go to disk.
	findings     int   // Of a list, above which they go to disk.
	stretchBytes int64 // After which a worker's entries are kept for a run that is started again.
}

// The limits of memory.
const (
	MemoryDefault = int64(2) << 30
	MemoryMin     = int64(64) << 20
	threadsMax    = 256
)

// Progress is how far a run is.
type Progress struct {
	Stage string // What is being done.
	Done  int64  // Bytes, sets or rows, as the stage counts.
	All   int64
}

// Worked is how much of a run an earlier one over the same work directory, which was
// killed, had done. A set is what is joined at once under one rule.
type Worked struct {
	RowsTaken  int64 // Read and spread by the earlier run.
	RowsRead   int64
	SetsTaken  int64 // Joined by the earlier run.
	SetsJoined int64
}

// Total counts rows and sums their amounts, in minor units.
type Total struct {
	Rows   int64 `json:"rows"`
	Amount int64 `json:"amount"`
}

// job is one run.
type job struct {
	ctx          context.Context
	plan         *Plan
	options      Options
	compared     [fieldCount + 1]bool
	seed         uint64
	partitions   int
	shift        uint
	setRows      int64 // Above which a set is split for memory or a cache.
	shareRows    int64 // Above which one is split over all workers, under the rule at hand.
	stretchBytes int64
	directory    string
	scratch      *Scratch   // Of a run without a work directory.
	lock         *os.File   // Of the work directory.
	tallies      [][]string // Files of earlier attempts, in order.
	worked       Worked
	sources      [2]*source
	counts       [2]*count
	workers      []*worker
	rule         int // Number of the rule at hand.
	entered      []Total
	ambiguous    atomic.Int64
	runNumber    atomic.Int64
	progress     progress

	mu   sync.Mutex
	runs [2][]*runFile
}

// Run reconciles two sides under a plan; emit is called for each difference in a fixed
// order: by the position of the left row, then of right rows that have no left one. The
// outcome does not depend on threads, memory, or whether the run was killed on its way.
func Run(ctx context.Context, left, right Side, plan *Plan, options Options, emit func(*Discrepancy) error) (*Summary, error) {
	j := &job{ctx: ctx, plan: plan, options: options}
	if err := j.prepare(&left, &right); err != nil {
		return nil, err
	}
	defer j.close()
	stop := j.watch()
	defer stop()
	for side := range j.sources {
		if err := j.scanSide(side); err != nil {
			return nil, err
		}
	}
	for j.rule = range plan.Rules {
		if j.rule > 0 {
			if err := j.feed(); err != nil {
				return nil, err
			}
		}
		if err := j.joinAll(); err != nil {
			return nil, err
		}
	}
	if options.settle != nil {
		return nil, options.settle.keep(j)
	}
	sum, err := j.report(emit)
	if err == nil && j.options.Work != "" && j.options.Worked != nil {
		j.worked.RowsRead = sum.Left.Rows + sum.Right.Rows - j.worked.RowsTaken
		j.options.Worked(j.worked)
	}
	return sum, err
}

// prepare opens the sides and divides the memory.
func (j *job) prepare(left, right *Side) error {
	if j.options.Threads < 1 {
		j.options.Threads = min(runtime.GOMAXPROCS(0), threadsMax)
	}
	if j.options.Memory == 0 {
		j.options.Memory = MemoryDefault
	}
	if j.options.Memory < MemoryMin || j.options.Threads > threadsMax {
		return fmt.Errorf("reconcile: memory of %d bytes and %d threads, want at least %d and at most %d",
			j.options.Memory, j.options.Threads, MemoryMin, threadsMax)
	}
	for _, f := range j.plan.Compare {
		j.compared[f] = true
	}
	if j.options.Carry != nil {
		if err := j.options.Carry.take(left, right); err != nil {
			return err
		}
	}
	err := j.openDirectory()
	bytesMax := int64(0)
	for i, side := range []*Side{left, right} {
		if err == nil {
			if j.sources[i], err = openSource(*side, j.options.Work); err == nil {
				bytesMax = max(bytesMax, j.sources[i].bytes())
			}
		}
	}
	if err != nil {
		j.close()
		return err
	}
	bits := uint(partitionBits)
	for bits < 12 && bytesMax>>bits > partitionBytes {
		bits++
	}
	chunkBytes := chunkEntries * entryBytes
	for bits > partitionBits && int64(j.options.Threads)<<bits*chunkBytes > j.options.Memory/8 {
		bits--
	}
	j.partitions, j.shift = 1<<bits, 64-bits
	if err := j.takeUp(left, right); err != nil {
		j.close()
		return err
	}
	threads := int64(j.options.Threads)
	j.setRows = max(4096, min(setRowsCache, j.options.Memory/16/threads/joinRowBytes))
	chunks := max(j.options.Memory*15/16-fixedBytes, j.options.Memory/3) / threads / chunkBytes
	most := int(max(1024, j.options.Memory/64/threads/findingBytes))
	j.stretchBytes = min(stretchBytesMax, max(stretchBytesMin, bytesMax/stretches))
	chunks = max(chunks, int64(j.partitions))
	if t := j.options.tight; t != nil {
		j.setRows, chunks, most, j.stretchBytes = t.setRows, t.chunks, t.findings, t.stretchBytes
	}
	if j.options.Work != "" {
		chunks = max(chunks, 2*j.blockChunks())
	}
	for range j.options.Threads {
		j.workers = append(j.workers, j.newWorker(chunks, most))
	}
	if err := j.openTallies(); err != nil {
		j.close()
		return err
	}
	return nil
}

// openTallies lets each worker write down what it finds, with a work directory.
func (j *job) openTallies() error {
	for i, w := range j.workers {
		if j.options.Work == "" {
			break
		}
		var err error
		if w.tally, err = newTally(j.directory, len(j.tallies), i, j.seed); err != nil {
			return err
		}
		for list := range tallyLists {
			l := w.list(list)
			l.tally, l.list = w.tally, list
		}
	}
	return nil
}

const (
	partitionBytes = 1 << 20 // Of a side's files to one partition: its join then fits in a cache.

	fixedBytes   = 96 << 20 // Buffers, tables of the join, findings, the program itself.
	joinRowBytes = 64       // What a row takes while its set is joined, about.
)

func (j *job) newWorker(chunks int64, most int) *worker {
	list := func() findings { return findings{folder: j.directory, max: most} }
	w := &worker{job: j, found: list(), opened: list(), pairs: list()}
	w.arena.limit = chunks
	for side := range w.shards {
		w.shards[side] = newShard(j.sections())
	}
	return w
}

// sections is how many lists of entries a shard has: one for each partition, one for rows
// that the rule does not concern, and with refunds to look after one more for each
// partition, of the originals that are asked for.
func (j *job) sections() int {
	if j.plan.Refunds != nil {
		return 2*j.partitions + 1
	}
	return j.partitions + 1
}

// unconcerned is the section of rows whose key is empty under the rule at hand.
func (j *job) unconcerned() int { return j.sections() - 1 }

// openDirectory makes the directory of what goes to disk, or takes the work directory.
func (j *job) openDirectory() (err error) {
	if j.options.Work == "" {
		if j.scratch, err = NewScratch("reconcile"); err == nil {
			j.directory = j.scratch.Path
		}
		return err
	}
	j.directory = j.options.Work
	if err := os.MkdirAll(j.directory, 0o700); err != nil {
		return err
	}
	if j.lock, err = lockDirectory(j.directory); err != nil {
		return err
	}
	return removeMatching(j.directory, []string{unpackName})
}

func (j *job) close() {
	for _, s := range j.sources {
		if s != nil {
			s.close()
		}
	}
	j.dropRuns()
	for _, w := range j.workers {
		w.found.close()
		w.opened.close()
		w.pairs.close()
		if w.tally != nil {
			w.tally.file.Close()
		}
	}
	if j.scratch != nil {
		_ = j.scratch.Remove()
	}
	if j.lock != nil {
		j.lock.Close()
	}
}

func (j *job) dropRuns() {
	for side := range j.runs {
		for _, run := range j.runs[side] {
			run.file.Close()
		}
		j.runs[side] = nil
	}
}

// stopped reports that the run was called off.
func (j *job) stopped() error { return j.ctx.Err() }

// parallel runs task with every worker.
func (j *job) parallel(task func(w *worker) error) error {
	failures := make([]error, len(j.workers))
	var group sync.WaitGroup
	for i, w := range j.workers {
		group.Go(func() { failures[i] = task(w) })
	}
	group.Wait()
	return errors.Join(failures...)
}

// scanSide reads one side and counts it.
func (j *job) scanSide(side int) error {
	s := j.sources[side]
	if len(s.parts) == 0 { // A follower has nothing of this side just now.
		j.counts[side] = &count{groups: groups{}}
		return nil
	}
	j.progress.begin("reading "+s.name, s.bytes())
	work := &scan{job: j, side: side, source: s, done: make([]bool, s.blocks())}
	var stretches []*stretch
	for _, run := range j.runs[side] {
		stretches = append(stretches, &run.count)
		j.worked.RowsTaken += run.count.rows()
		work.rejects.Add(int64(len(run.count.Rejects)))
		for _, b := range run.count.Blocks {
			work.done[b.Block] = true
			j.progress.bytes.Add(blockBytes)
		}
	}
	taken := len(j.runs[side])
	if err := j.parallel(work.run); err != nil {
		return fmt.Errorf("reconcile: cannot read side %s: %w", s.name, err)
	}
	for _, run := range j.runs[side][taken:] {
		stretches = append(stretches, &run.count)
	}
	for _, w := range j.workers {
		stretches = append(stretches, &w.shards[side].stretch)
	}
	j.counts[side] = work.count(stretches)
	return j.checkTrailers(side)
}
