package reconcile

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Side is one party's record of the payments.
type Side struct {
	Name   string
	Paths  []string
	Layout Layout
}

// Options choose what is compared and what stops the run.
type Options struct {
	// Compare lists the fields that must agree beside the id and the amount.
	Compare []Field
	// RejectsMax is the number of rejected lines of a side above which the run fails.
	RejectsMax int64
	// Threads is the number of workers; 0 is one for each core.
	Threads int
}

// Reject is a line that is no row.
type Reject struct {
	Side   string `json:"side"`
	Path   string `json:"path"`
	Offset int64  `json:"offset"` // Of the line's first byte in its file, unpacked.
	Reason string `json:"reason"`

	position int64
}

// Discrepancy is one explained difference with both raw lines, in UTF-8.
type Discrepancy struct {
	Class  string `json:"class"`
	Left   string `json:"left,omitempty"`
	Right  string `json:"right,omitempty"`
	Amount int64  `json:"amount"` // Of the left row, or of the right when there is no left.
	Action string `json:"action"`
}

// Total counts rows and sums their amounts, in minor units.
type Total struct {
	Rows   int64 `json:"rows"`
	Amount int64 `json:"amount"`
}

// Summary is the outcome of a run.
type Summary struct {
	Left    Total            `json:"left"`
	Right   Total            `json:"right"`
	Matched Total            `json:"matched"` // Left rows that an equal right row took.
	Classes map[string]Total `json:"classes"`
	Rejects []Reject         `json:"rejects"`
	Digest  string           `json:"digest"` // SHA-256 over the sorted differences, hex.
}

// Clean reports whether the two sides agree in full.
func (s *Summary) Clean() bool { return len(s.Classes) == 0 && len(s.Rejects) == 0 }

type job struct {
	options    Options
	compare    [fieldCount + 1]bool
	seed       uint64
	partitions int
	shift      uint
	sources    [2]*source
	shards     [2][]*shard
}

// Run reconciles two sides; emit is called for each difference in a fixed order: by the
// position of the left row, then of right rows that have no left one. The outcome does
// not depend on the number of threads.
func Run(left, right Side, options Options, emit func(Discrepancy) error) (*Summary, error) {
	j := &job{options: options, seed: rand.Uint64()}
	if j.options.Threads < 1 {
		j.options.Threads = runtime.GOMAXPROCS(0)
	}
	for _, field := range options.Compare {
		j.compare[field] = true
	}
	bytesMax := int64(0)
	for i, side := range []Side{left, right} {
		if err := side.Layout.Validate(); err != nil {
			return nil, err
		}
		s, err := openSource(side)
		if err != nil {
			return nil, err
		}
		defer s.close()
		j.sources[i] = s
		bytesMax = max(bytesMax, s.parts[len(s.parts)-1].base+s.parts[len(s.parts)-1].size)
	}
	bits := uint(4)
	for bits < 12 && bytesMax>>bits > blockBytes {
		bits++
	}
	j.partitions, j.shift = 1<<bits, 64-bits
	for i, s := range j.sources {
		var err error
		if j.shards[i], err = j.scanSide(s); err != nil {
			return nil, err
		}
	}
	found, err := j.join()
	if err != nil {
		return nil, err
	}
	return j.report(found, emit)
}

// join takes partitions with all workers and returns the differences in their order.
func (j *job) join() ([]finding, error) {
	workers := make([]joiner, j.options.Threads)
	failures := make([]error, len(workers))
	var next atomic.Int64
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			worker := &workers[i]
			worker.job = j
			for side, s := range j.sources {
				worker.parser[side], failures[i] = s.parsers()
			}
			for failures[i] == nil {
				number := int(next.Add(1) - 1)
				if number >= j.partitions {
					return
				}
				failures[i] = worker.partition(number)
			}
		})
	}
	group.Wait()
	var found []finding
	for i := range workers {
		found = append(found, workers[i].found...)
	}
	slices.SortFunc(found, func(a, b finding) int {
		return cmp.Or(cmp.Compare(uint64(a.left), uint64(b.left)), cmp.Compare(a.right, b.right))
	})
	return found, errors.Join(failures...)
}

// read parses the row at position again.
func (j *job) read(parsers []*parser, side int, position int64, r *row) error {
	_, err := j.readLine(parsers, side, position, r)
	return err
}

func (j *job) readLine(parsers []*parser, side int, position int64, r *row) ([]byte, error) {
	s := j.sources[side]
	line, err := s.line(position)
	if err != nil {
		return nil, fmt.Errorf("reconcile: cannot read side %s again: %w", s.name, err)
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	for i := range s.parts {
		if &s.parts[i] == s.part(position) {
			p := *parsers[i]
			p.scratch = nil // The caller keeps both rows.
			if err := p.parse(line, r); err != nil {
				return nil, fmt.Errorf("reconcile: side %s changed while it was read: %w", s.name, err)
			}
		}
	}
	if s.layout.Encoding == "gbk" {
		return simplifiedchinese.GB18030.NewDecoder().Bytes(line)
	}
	return line, nil
}

func (j *job) report(found []finding, emit func(Discrepancy) error) (*Summary, error) {
	sum := &Summary{Classes: map[string]Total{}, Rejects: []Reject{}}
	for side, total := range []*Total{&sum.Left, &sum.Right} {
		var rejects []Reject
		for _, s := range j.shards[side] {
			total.Rows += s.rows
			total.Amount += s.amount
			rejects = append(rejects, s.reject...)
		}
		slices.SortFunc(rejects, func(a, b Reject) int { return cmp.Compare(a.position, b.position) })
		sum.Rejects = append(sum.Rejects, rejects...)
	}
	sum.Matched = sum.Left
	digest := sha256.New()
	var parsers [2][]*parser
	for side, s := range j.sources {
		parsers[side], _ = s.parsers() // They were compiled before, by every worker.
	}
	for _, f := range found {
		difference, err := j.explain(f, parsers, sum)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(digest, "%s\x00%s\x00%s\n", difference.Class, difference.Left, difference.Right)
		if err := emit(difference); err != nil {
			return nil, err
		}
	}
	for _, r := range sum.Rejects {
		fmt.Fprintf(digest, "reject\x00%s\x00%d\x00%s\n", r.Side, r.position, r.Reason)
	}
	io.WriteString(digest, fmt.Sprint(sum.Left, sum.Right))
	sum.Digest = hex.EncodeToString(digest.Sum(nil))
	return sum, nil
}

func (j *job) explain(f finding, parsers [2][]*parser, sum *Summary) (Discrepancy, error) {
	var r row
	d := Discrepancy{Class: f.class.String(), Action: f.class.Action()}
	if f.right >= 0 {
		line, err := j.readLine(parsers[1], 1, f.right, &r)
		if err != nil {
			return d, err
		}
		d.Right, d.Amount = string(line), r.amount
	}
	if f.left >= 0 {
		line, err := j.readLine(parsers[0], 0, f.left, &r)
		if err != nil {
			return d, err
		}
		d.Left, d.Amount = string(line), r.amount
		sum.Matched.Rows--
		sum.Matched.Amount -= r.amount
	}
	total := sum.Classes[d.Class]
	sum.Classes[d.Class] = Total{total.Rows + 1, total.Amount + d.Amount}
	return d, nil
}
