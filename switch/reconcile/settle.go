package reconcile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"
)

// settledFile is what is left of one file of a side after its rows that are matched in full
// went away: raw lines in their order, header included, and beside them where each stood.
type settledFile struct {
	number int    // Of the file among those of its side, in the order in which they were taken.
	rows   string // Path of the lines.
	path   string // Of the file that they come from.
}

// places is the name of the file beside rows: for each line 16 bytes, its offset there and
// its offset in the file that it comes from.
func (s *settledFile) places() string { return s.rows + ".places" }

const placeBytes = 16

// origin finds where the lines of a settled file stood. It holds a stretch of the places,
// because lines are asked for in their order most of the time. It belongs to one goroutine.
type origin struct {
	path string
	file *os.File
	rows int
	near []byte // Places that were read last.
}

// placesNear is how many places are read at once.
const placesNear = 4096

func openOrigin(s *settledFile) (*origin, error) {
	file, err := os.Open(s.places())
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &origin{path: s.path, file: file, rows: int(info.Size() / placeBytes)}, nil
}

// offset is where the line at offset at stood.
func (o *origin) offset(at int64) (int64, error) {
	if place, ok := findPlace(o.near, at); ok {
		return place, nil
	}
	var one [placeBytes]byte
	var failed error
	i := sort.Search(o.rows, func(i int) bool {
		if _, err := o.file.ReadAt(one[:], int64(i)*placeBytes); err != nil {
			failed = err
		}
		return int64(binary.LittleEndian.Uint64(one[:])) >= at
	})
	if o.near == nil {
		o.near = make([]byte, placesNear*placeBytes)
	}
	o.near = o.near[:min(placesNear, o.rows-i)*placeBytes]
	if _, err := o.file.ReadAt(o.near, int64(i)*placeBytes); err != nil && !errors.Is(err, io.EOF) {
		failed = err
	}
	place, ok := findPlace(o.near, at)
	if failed != nil || !ok {
		return 0, errors.Join(fmt.Errorf("reconcile: %s does not know line %d", o.file.Name(), at), failed)
	}
	return place, nil
}

// findPlace looks for the line at offset at among places.
func findPlace(places []byte, at int64) (int64, bool) {
	line := func(i int) int64 { return int64(binary.LittleEndian.Uint64(places[i*placeBytes:])) }
	n := len(places) / placeBytes
	i := sort.Search(n, func(i int) bool { return line(i) >= at })
	if i == n || line(i) != at {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint64(places[i*placeBytes+8:])), true
}

// openSettled adds what is left of a file.
func (s *source) openSettled(f *settledFile) error {
	o, err := openOrigin(f)
	if err != nil {
		return err
	}
	parts := len(s.parts)
	err = s.open(f.rows, "", nil)
	if len(s.parts) == parts {
		o.file.Close()
		return err
	}
	s.parts[parts].origin, s.parts[parts].number = o, f.number
	return err
}

// settler writes down what a run over new files and what is left of the others did not match
// in full, file by file.
type settler struct {
	folder string
	first  [2]int // Number of the first new file of each side.
	files  [2]int // New files of each side: the first parts of the run.

	counts  [2]*count // Of the run.
	sizes   [2][]int64
	left    [2][]settledFile
	open    [2]Total
	groups  [2]groups
	writing *settledWriter
}

// settleRows is how many rows are gathered in memory before they go to disk.
const settleRows = 1 << 20

// keep takes every row that is in a difference, once, in the order of its side.
func (s *settler) keep(j *job) error {
	rows := findings{folder: j.directory, max: settleRows}
	defer rows.close()
	var all []*findings
	for _, w := range j.workers {
		all = append(all, &w.found, &w.opened)
	}
	err := inOrder(all, func(f finding) error {
		var errs [2]error
		if f.left >= 0 {
			errs[0] = rows.add(finding{left: f.left, right: -1})
		}
		if f.right >= 0 {
			errs[1] = rows.add(finding{left: -1, right: f.right})
		}
		return errors.Join(errs[0], errs[1], j.stopped())
	})
	if err != nil {
		return err
	}
	last := finding{left: -1, right: -1}
	err = inOrder([]*findings{&rows}, func(f finding) error {
		if f.left == last.left && f.right == last.right {
			return nil
		}
		last = f
		if f.left >= 0 {
			return s.row(j, 0, f.left)
		}
		return s.row(j, 1, f.right)
	})
	for side := range s.counts {
		s.counts[side] = j.counts[side]
		for i := range s.files[side] {
			s.sizes[side] = append(s.sizes[side], j.sources[side].parts[i].size)
		}
	}
	if err = errors.Join(err, s.writing.close()); err != nil {
		return err
	}
	var names []string
	for side := range s.left {
		for i := range s.left[side] {
			names = append(names, s.left[side][i].rows, s.left[side][i].places())
		}
	}
	return syncAll(names)
}

// row writes one row to the file of what is left of its own.
func (s *settler) row(j *job, side int, position int64) error {
	w, source := j.workers[0], j.sources[side]
	if err := w.read(side, position); err != nil {
		return err
	}
	at := source.part(position)
	part := &source.parts[at]
	from, offset := settledFile{number: s.first[side] + at, path: part.path}, position-part.base
	if part.origin != nil {
		var err error
		from.number, from.path = part.number, part.origin.path
		if offset, err = part.origin.offset(offset); err != nil {
			return err
		}
	}
	r := &w.rows[side]
	s.open[side].Rows++
	s.open[side].Amount += r.amount
	if by := j.plan.TotalsBy; by != nil {
		if s.groups[side] == nil {
			s.groups[side] = groups{}
		}
		s.groups[side].add(r.text[*by], r.amount)
	}
	if s.writing == nil || s.writing.side != side || s.writing.number != from.number {
		if err := s.writing.close(); err != nil {
			return err
		}
		from.rows = filepath.Join(s.folder, settledName(side, from.number))
		var err error
		if s.writing, err = createSettled(side, from, part.header); err != nil {
			return err
		}
		s.left[side] = append(s.left[side], from)
	}
	return s.writing.add(w.line[side], offset)
}

func settledName(side, number int) string { return fmt.Sprintf("%d-%06d.rows", side, number) }

// settledWriter writes one settled file.
type settledWriter struct {
	settledFile
	side         int
	rows, places *os.File
	text, at     *bufio.Writer
	size         int64
}

func createSettled(side int, f settledFile, header []byte) (*settledWriter, error) {
	rows, err := os.Create(f.rows)
	if err != nil {
		return nil, err
	}
	places, err := os.Create(f.places())
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	w := &settledWriter{settledFile: f, side: side, rows: rows, places: places,
		text: bufio.NewWriterSize(rows, 1<<16), at: bufio.NewWriterSize(places, 1<<16)}
	if header != nil {
		w.write(header)
	}
	return w, nil
}

// write keeps the first fault until the buffer is flushed.
func (w *settledWriter) write(line []byte) {
	_, _ = w.text.Write(line)
	_ = w.text.WriteByte('\n')
	w.size += int64(len(line)) + 1
}

func (w *settledWriter) add(line []byte, offset int64) error {
	var place [placeBytes]byte
	binary.LittleEndian.PutUint64(place[:], uint64(w.size))
	binary.LittleEndian.PutUint64(place[8:], uint64(offset))
	w.write(line)
	_, err := w.at.Write(place[:])
	return err
}

// close ends the file, which is not durable by that; a nil writer has nothing to close.
func (w *settledWriter) close() error {
	if w == nil || w.rows == nil {
		return nil
	}
	err := errors.Join(w.text.Flush(), w.at.Flush(), w.rows.Close(), w.places.Close())
	w.rows = nil
	if err != nil {
		return fmt.Errorf("reconcile: cannot keep open rows: %w", err)
	}
	return nil
}

// syncsAtOnce is how many files are made durable side by side: a file system writes what is
// asked for together in one go, and a day may leave rows of hundreds of files.
const syncsAtOnce = 32

// syncAll makes files durable.
func syncAll(names []string) error {
	failures := make([]error, len(names))
	places := make(chan struct{}, syncsAtOnce)
	var group sync.WaitGroup
	for i, name := range names {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			failures[i] = syncFile(name)
		})
	}
	group.Wait()
	return errors.Join(failures...)
}

// syncFile makes a file, or a folder's list of names, durable.
func syncFile(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// whole is what a summary says of rows that are not part of the run that explains the rest.
type whole struct {
	totals  [2]Total
	rejects []Reject
	groups  [2]groups
}

func (w *whole) apply(s *Summary) {
	s.Left, s.Right = w.totals[0], w.totals[1]
	s.Rejects = append([]Reject{}, w.rejects...)
	s.Groups = compareGroups(w.groups[0], w.groups[1])
}
