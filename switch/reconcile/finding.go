package reconcile

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"unsafe"
)

// finding is one difference, or one match; a position is -1 for a row that is not there.
type finding struct {
	left, right int64
	class       Class
	rule        uint8
}

func (f finding) compare(g finding) int {
	return cmp.Or(cmp.Compare(uint64(f.left), uint64(g.left)), cmp.Compare(f.right, g.right),
		cmp.Compare(f.class, g.class), cmp.Compare(f.rule, g.rule))
}

const findingBytes = int64(unsafe.Sizeof(finding{}))

// findings gathers without bound: what is beyond its memory is sorted to files.
type findings struct {
	folder string
	max    int
	buffer []finding
	files  []*os.File

	tally *tally // Where they are written down for a run that is started again, or nil.
	list  int    // The list's number there.
}

func (f *findings) add(x finding) error {
	if f.tally != nil {
		if err := f.tally.note(f.list, x); err != nil {
			return err
		}
	}
	return f.keep(x)
}

// keep is add for what is written down already.
func (f *findings) keep(x finding) error {
	f.buffer = append(f.buffer, x)
	if len(f.buffer) < f.max {
		return nil
	}
	slices.SortFunc(f.buffer, finding.compare)
	file, err := temporary(f.folder)
	if err != nil {
		return err
	}
	f.files = append(f.files, file)
	if _, err := file.Write(findingMemory(f.buffer)); err != nil {
		return fmt.Errorf("reconcile: cannot spill: %w", err)
	}
	f.buffer = f.buffer[:0]
	return nil
}

func (f *findings) close() {
	for _, file := range f.files {
		file.Close()
	}
	f.files, f.buffer = nil, nil
}

func findingMemory(list []finding) []byte {
	if len(list) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&list[0])), len(list)*int(findingBytes))
}

// findingRun is a sorted stretch of findings, in memory or in a file.
type findingRun struct {
	ready  []finding
	file   *os.File
	at     int64
	buffer []finding
}

func (r *findingRun) next() (*finding, error) {
	if len(r.ready) == 0 && r.file != nil {
		if r.buffer == nil {
			r.buffer = make([]finding, 2048)
		}
		info, err := r.file.Stat()
		if err != nil {
			return nil, err
		}
		n := min(int64(len(r.buffer)), (info.Size()-r.at)/findingBytes)
		if n > 0 {
			if _, err := r.file.ReadAt(findingMemory(r.buffer[:n]), r.at); err != nil {
				return nil, fmt.Errorf("reconcile: cannot read spilled findings: %w", err)
			}
		}
		r.at += n * findingBytes
		r.ready = r.buffer[:n]
	}
	if len(r.ready) == 0 {
		return nil, nil
	}
	return &r.ready[0], nil
}

// skip takes the finding that next returned.
func (r *findingRun) skip() { r.ready = r.ready[1:] }

// inOrder calls fn with the findings of all lists in their order: by the position of the
// left row, then of right rows that have no left one.
func inOrder(lists []*findings, fn func(finding) error) error {
	var runs []*findingRun
	var rest []finding
	for _, list := range lists {
		rest = append(rest, list.buffer...)
		for _, file := range list.files {
			runs = append(runs, &findingRun{file: file})
		}
	}
	slices.SortFunc(rest, finding.compare)
	runs = append(runs, &findingRun{ready: rest})
	return mergeInto(runs, func(a, b *finding) bool { return a.compare(*b) < 0 }, fn)
}
