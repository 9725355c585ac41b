package reconcile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// Carry is the store of open rows across days, or across the files of one day as they
// come: a directory with one directory for each business day and cycle. A run takes the
// newest one before it and writes its own, so that running it again gives the same.
type Carry struct {
	Directory string
	Day       time.Time // The business day of the files.
	Cycle     int       // Of the day, from 1; 0 where a day has only one.
}

// CyclesMax is how many cycles a day may have.
const CyclesMax = 9999

// name is the run's own directory. Names sort as days and cycles do.
func (c *Carry) name() string {
	if c.Cycle == 0 {
		return c.Day.Format(time.DateOnly)
	}
	return fmt.Sprintf("%s.%04d", c.Day.Format(time.DateOnly), c.Cycle)
}

// Carried is one open row and where it came from.
type Carried struct {
	Path   string `json:"path"`
	Offset int64  `json:"offset"`
	Since  string `json:"since"` // The business day on which it was open first.
	At     int64  `json:"at"`    // Of the line in the store's own file, in bytes.
	Amount int64  `json:"amount"`
}

// carriedFile is a file of raw lines of one side, header included.
type carriedFile struct {
	path  string
	items []Carried
}

// ParseDay reads a business day.
func ParseDay(text string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return day, fmt.Errorf("reconcile: day is %q, want a date such as 2026-11-24", text)
	}
	return day, nil
}

// take adds the rows that the newest run before left open.
func (c *Carry) take(left, right *Side) error {
	days, err := os.ReadDir(c.Directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reconcile: cannot read the carry-over: %w", err)
	}
	newest := ""
	for _, day := range days {
		date, _, _ := strings.Cut(day.Name(), ".")
		if _, err := ParseDay(date); err == nil && day.Name() < c.name() {
			newest = day.Name()
		}
	}
	if newest == "" {
		return nil
	}
	for i, side := range []*Side{left, right} {
		names, err := filepath.Glob(filepath.Join(c.Directory, newest, fmt.Sprintf("%d-*.items", i)))
		if err != nil {
			return err
		}
		sort.Strings(names)
		for _, name := range names {
			items, err := readItems(name)
			if err != nil {
				return fmt.Errorf("reconcile: cannot read the carry-over: %w", err)
			}
			side.carried = append(side.carried, carriedFile{name[:len(name)-len("items")] + "rows", items})
		}
	}
	return nil
}

func readItems(name string) ([]Carried, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var items []Carried
	for decoder := json.NewDecoder(bufio.NewReader(file)); decoder.More(); {
		var item Carried
		if err := decoder.Decode(&item); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		items = append(items, item)
	}
	return items, nil
}

// item finds what is known of the carried line at offset; nil in other files.
func (p *part) item(offset int64) *Carried {
	i := sort.Search(len(p.carried), func(i int) bool { return p.carried[i].At >= offset })
	if i == len(p.carried) || p.carried[i].At != offset {
		return nil
	}
	return &p.carried[i]
}

func (s *source) isCarried(position int64) bool {
	return s.parts[s.part(position)].carried != nil
}

// age is for how many days a row has been open.
func (j *job) age(side int, position int64, r *row) int {
	s := j.sources[side]
	p := &s.parts[s.part(position)]
	since := j.options.Carry.Day
	if item := p.item(position - p.base); item != nil {
		if day, err := ParseDay(item.Since); err == nil {
			since = day
		}
	}
	return int(j.options.Carry.Day.Sub(since).Hours() / 24)
}

// keeper writes the rows that stay open, and counts the carried ones that do not.
type keeper struct {
	carry   *Carry
	job     *job
	folder  string
	files   map[string]*keptFile
	waiting Total // Carried rows that came from the day before.
	still   Total // Of them, those that are in a difference today.
	carried Total
	expired Total
}

type keptFile struct {
	rows, items *os.File
	size        int64
}

func (c *Carry) keeper(j *job) (*keeper, error) {
	if err := os.MkdirAll(c.Directory, 0o700); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(c.Directory, "new-*")
	k := &keeper{carry: c, job: j, folder: folder, files: map[string]*keptFile{}}
	for _, s := range j.sources {
		for i := range s.parts {
			for _, item := range s.parts[i].carried {
				k.waiting.Rows++
				k.waiting.Amount += item.Amount
			}
		}
	}
	return k, err
}

// seen takes a difference: an open row is carried on until it is too old.
func (k *keeper) seen(f finding, d *Discrepancy, open bool) error {
	for side, position := range []int64{f.left, f.right} {
		if position < 0 || f.class == RefundOrphan {
			continue
		}
		line := d.Left
		if side == 1 {
			line = d.Right
		}
		if k.job.sources[side].isCarried(position) {
			k.still.Rows++
			k.still.Amount += line.Amount
		}
		if !open {
			continue
		}
		for _, e := range k.job.plan.Carry.Escalate {
			if d.AgeDays >= e.Days {
				d.Action = e.Action
			}
		}
		if d.AgeDays >= k.job.plan.Carry.DaysMax {
			k.expired.Rows++
			k.expired.Amount += line.Amount
			continue
		}
		if err := k.keep(side, position, line); err != nil {
			return err
		}
	}
	return nil
}

func (k *keeper) keep(side int, position int64, line *Line) error {
	s := k.job.sources[side]
	part := &s.parts[s.part(position)]
	key := fmt.Sprintf("%d %s", side, part.header)
	file := k.files[key]
	if file == nil {
		var err error
		if file, err = k.create(side, part.header); err != nil {
			return err
		}
		k.files[key] = file
	}
	item := Carried{Path: line.Path, Offset: line.Offset, At: file.size, Amount: line.Amount,
		Since: k.carry.Day.Format(time.DateOnly)}
	if old := part.item(position - part.base); old != nil {
		item.Since = old.Since
	}
	text, err := json.Marshal(item)
	if err != nil {
		return err
	}
	raw, err := s.line(position)
	if err != nil {
		return err
	}
	n, err := file.rows.Write(append(raw, '\n'))
	file.size += int64(n)
	if err == nil {
		_, err = file.items.Write(append(text, '\n'))
	}
	k.carried.Rows++
	k.carried.Amount += line.Amount
	return err
}

// create opens a file of rows with its header, and the file that says where they came from.
func (k *keeper) create(side int, header []byte) (*keptFile, error) {
	name := filepath.Join(k.folder, fmt.Sprintf("%d-%d.", side, len(k.files)))
	rows, err := os.Create(name + "rows")
	if err != nil {
		return nil, err
	}
	items, err := os.Create(name + "items")
	if err != nil {
		rows.Close()
		return nil, err
	}
	file := &keptFile{rows: rows, items: items}
	if header != nil {
		n, err := rows.Write(append(header[:len(header):len(header)], '\n'))
		file.size = int64(n)
		return file, err
	}
	return file, nil
}

// commit makes what was written the carry-over of the day.
func (k *keeper) commit(sum *Summary) error {
	for _, file := range k.files {
		if err := errors.Join(file.rows.Sync(), file.items.Sync(), file.rows.Close(), file.items.Close()); err != nil {
			return fmt.Errorf("reconcile: cannot write the carry-over: %w", err)
		}
	}
	k.files = nil
	day := filepath.Join(k.carry.Directory, k.carry.name())
	if err := os.RemoveAll(day); err != nil {
		return fmt.Errorf("reconcile: cannot write the carry-over: %w", err)
	}
	if err := os.Rename(k.folder, day); err != nil {
		return fmt.Errorf("reconcile: cannot write the carry-over: %w", err)
	}
	sum.Carried, sum.Expired = k.carried, k.expired
	sum.Closed = Total{k.waiting.Rows - k.still.Rows, k.waiting.Amount - k.still.Amount}
	return nil
}

// abandon removes what was not committed.
func (k *keeper) abandon() {
	for _, file := range k.files {
		file.rows.Close()
		file.items.Close()
	}
	os.RemoveAll(k.folder)
}
