package reconcile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/zeebo/xxh3"
)

// tally is what one worker writes down of the sets that it joins, so that a run that is
// started again over the same work directory need not join them. Records of findings come
// first; only the last one, which says that the set is joined and how many there are, makes
// them count. What was written survives the process; the system is made to write it out
// about once a second and may lose what is later, or some of it, when the power goes: then
// a checksum is wrong or findings are missing, and the set is joined again.
type tally struct {
	file   *os.File
	seed   uint64 // Of checksums.
	rule   int
	set    int
	noted  [tallyLists][]finding
	count  int64 // Findings of the set.
	text   []byte
	synced time.Time
}

// The lists of a worker, in the order in which they are numbered in records.
const (
	tallyFound = iota
	tallyOpened
	tallyPairs
	tallyLists
	tallyJoined = tallyLists // The set is joined.
)

const (
	tallyHead   = 40   // Bytes: list, rule, set, findings, all of the set, ambiguous rows, checksum.
	tallyNoted  = 4096 // Findings of one record.
	tallySynced = time.Second
)

// newTally makes the file of one worker of the attempt at hand.
func newTally(folder string, attempt, worker int, seed uint64) (*tally, error) {
	file, err := os.Create(filepath.Join(folder, fmt.Sprintf("%06d-%03d.tally", attempt, worker)))
	if err != nil {
		return nil, fmt.Errorf("reconcile: cannot write to the work directory: %w", err)
	}
	return &tally{file: file, seed: seed, synced: time.Now()}, nil
}

// begin says which set the findings that follow belong to.
func (t *tally) begin(rule, set int) error {
	if err := t.write(); err != nil {
		return err
	}
	t.rule, t.set, t.count = rule, set, 0
	return nil
}

// note takes a finding of the set at hand.
func (t *tally) note(list int, f finding) error {
	t.count++
	t.noted[list] = append(t.noted[list], f)
	if len(t.noted[list]) < tallyNoted {
		return nil
	}
	return t.write()
}

// joined ends the set at hand, of which all workers together noted some findings.
func (t *tally) joined(count, ambiguous int64) error {
	t.records()
	t.record(tallyJoined, nil, count, ambiguous)
	if err := t.write(); err != nil {
		return err
	}
	if time.Since(t.synced) < tallySynced {
		return nil
	}
	return t.sync()
}

func (t *tally) sync() error {
	t.synced = time.Now()
	if err := t.file.Sync(); err != nil {
		return fmt.Errorf("reconcile: cannot write to the work directory: %w", err)
	}
	return nil
}

func (t *tally) records() {
	for list := range t.noted {
		if len(t.noted[list]) > 0 {
			t.record(list, t.noted[list], 0, 0)
			t.noted[list] = t.noted[list][:0]
		}
	}
}

func (t *tally) write() error {
	t.records()
	if len(t.text) == 0 {
		return nil
	}
	_, err := t.file.Write(t.text)
	t.text = t.text[:0]
	if err != nil {
		return fmt.Errorf("reconcile: cannot write to the work directory: %w", err)
	}
	return nil
}

func (t *tally) record(list int, noted []finding, count, ambiguous int64) {
	from := len(t.text)
	t.text = append(t.text, byte(list), byte(t.rule), 0, 0)
	t.text = binary.LittleEndian.AppendUint32(t.text, uint32(t.set))
	t.text = binary.LittleEndian.AppendUint64(t.text, uint64(len(noted)))
	t.text = binary.LittleEndian.AppendUint64(t.text, uint64(count))
	t.text = binary.LittleEndian.AppendUint64(t.text, uint64(ambiguous))
	sum := xxh3.HashSeed(t.text[from:], t.seed) ^ xxh3.HashSeed(findingMemory(noted), ^t.seed)
	t.text = binary.LittleEndian.AppendUint64(t.text, sum)
	t.text = append(t.text, findingMemory(noted)...)
}

// tallied is a record that was read back.
type tallied struct {
	list, rule, set int
	count           int64 // Of a set that is joined: its findings.
	ambiguous       int64
	findings        []finding // Valid until the next one is read.
}

// readTally calls fn with the whole records of a file; it ends at the first torn one.
func readTally(name string, seed uint64, fn func(*tallied) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, 1<<18)
	var head [tallyHead]byte
	buffer := make([]finding, tallyNoted)
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return atEnd(err)
		}
		n := binary.LittleEndian.Uint64(head[8:])
		if n > tallyNoted {
			return nil
		}
		memory := findingMemory(buffer[:n])
		if _, err := io.ReadFull(in, memory); err != nil {
			return atEnd(err)
		}
		sum := xxh3.HashSeed(head[:tallyHead-8], seed) ^ xxh3.HashSeed(memory, ^seed)
		if sum != binary.LittleEndian.Uint64(head[tallyHead-8:]) || head[0] > tallyJoined {
			return nil
		}
		r := &tallied{list: int(head[0]), rule: int(head[1]), set: int(binary.LittleEndian.Uint32(head[4:])),
			count: int64(binary.LittleEndian.Uint64(head[16:])), ambiguous: int64(binary.LittleEndian.Uint64(head[24:])),
			findings: buffer[:n]}
		if err := fn(r); err != nil {
			return err
		}
	}
}

func atEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// takeTallies takes over what earlier attempts found under the rule at hand, and returns
// which sets need not be joined; nil without a work directory.
func (j *job) takeTallies() ([]bool, error) {
	if j.options.Work == "" {
		return nil, nil
	}
	done := make([]bool, j.sections())
	for _, names := range j.tallies {
		own, err := joinedSets(names, j.seed)
		if err != nil {
			return nil, fmt.Errorf("reconcile: cannot resume: %w", err)
		}
		for at, set := range own {
			if at.rule != j.rule || at.set >= len(done) || done[at.set] {
				delete(own, at)
				continue
			}
			done[at.set] = true
			j.ambiguous.Add(set.ambiguous)
			j.worked.SetsTaken++
		}
		for _, name := range names {
			err := readTally(name, j.seed, func(r *tallied) error {
				if own[setAt{r.rule, r.set}] == nil {
					return nil
				}
				for _, f := range r.findings {
					if err := j.workers[0].list(r.list).keep(f); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return nil, fmt.Errorf("reconcile: cannot resume: %w", err)
			}
		}
	}
	return done, nil
}

// setAt is a set under a rule.
type setAt struct{ rule, set int }

// joinedSet is a set that an attempt joined, as far as it is known from its records.
type joinedSet struct {
	ended     bool
	missing   int64 // Findings.
	ambiguous int64
}

// joinedSets lists the sets that one attempt joined, and all of whose findings are there.
func joinedSets(names []string, seed uint64) (map[setAt]*joinedSet, error) {
	sets := map[setAt]*joinedSet{}
	for _, name := range names {
		err := readTally(name, seed, func(r *tallied) error {
			s := sets[setAt{r.rule, r.set}]
			if s == nil {
				s = &joinedSet{}
				sets[setAt{r.rule, r.set}] = s
			}
			s.missing += r.count - int64(len(r.findings))
			s.ambiguous += r.ambiguous
			s.ended = s.ended || r.list == tallyJoined
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for at, s := range sets {
		if !s.ended || s.missing != 0 {
			delete(sets, at)
		}
	}
	return sets, nil
}

// list is a list of the worker by its number in records.
func (w *worker) list(number int) *findings {
	return [...]*findings{tallyFound: &w.found, tallyOpened: &w.opened, tallyPairs: &w.pairs}[number]
}

// begin says that what the worker finds from now on belongs to a set.
func (w *worker) begin(set int) error {
	if w.tally == nil {
		return nil
	}
	return w.tally.begin(w.job.rule, set)
}

// joined makes what was found in a set durable, which this worker alone has joined.
func (w *worker) joined(set int) error {
	atomic.AddInt64(&w.job.worked.SetsJoined, 1)
	w.job.progress.bytes.Add(1)
	if w.tally == nil {
		return nil
	}
	return w.tally.joined(w.tally.count, 0)
}

// joinHeavy joins a set with all workers. What each of them found is written down before
// the first one says that the set is joined.
func (j *job) joinHeavy(set int) error {
	for _, w := range j.workers {
		if err := w.begin(set); err != nil {
			return err
		}
	}
	before := j.ambiguous.Load()
	first := j.workers[0]
	if err := errors.Join(first.originals(set), first.heavy(j.partition(set), 0, each{all: true})); err != nil {
		return err
	}
	j.worked.SetsJoined++
	j.progress.bytes.Add(1)
	if first.tally == nil {
		return nil
	}
	count := int64(0)
	for _, w := range j.workers {
		if err := w.tally.write(); err != nil {
			return err
		}
		count += w.tally.count
	}
	return first.tally.joined(count, j.ambiguous.Load()-before)
}
