package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Follower matches the files of one business day as they come, so that the day's end has only
// the open rows left. After each cycle its store holds which files were taken and every row
// that is not matched in full yet; a process that was killed at any instant goes on from the
// cycle before.
//
// Only rows that agree in the first rule's key and in everything compared leave early: which
// rows a looser rule, or a tolerance, would pair depends on what is still to come. The end of
// the day looks whether a key came again whose rows had left, takes those rows back, and
// explains the rest by all rules. What it finds, and its digest, are those of one run over
// all files in the order in which they were taken.
type Follower struct {
	plan    *Plan
	options Options
	store   string
	lock    *os.File
	state   followState
	keysMax int // See backKeysMax.
}

// followState is what a cycle leaves behind.
type followState struct {
	Version int              `json:"version"`
	Rules   string           `json:"rules"` // SHA-256 of the rules file.
	Cycle   int              `json:"cycle"`
	Files   [2][]TakenFile   `json:"files"`
	Refused [2][]RefusedFile `json:"refused"`
	Lines   [2][]Reject      `json:"rejects"`  // Lines that are no rows.
	Ends    [2][]Reject      `json:"trailers"` // Files whose totals are wrong.
	Groups  [2]groups        `json:"groups"`
	Left    [2][]openFile    `json:"left"`
	Open    [2]Total         `json:"open"`
	// OpenGroups are the totals of what is left, which the next cycle reads once more.
	OpenGroups [2]groups `json:"open_groups"`
	Closed     bool      `json:"closed"`
}

// openFile names a file of which something is left.
type openFile struct {
	Number int    `json:"number"`
	Path   string `json:"path"`
}

// TakenFile is one file that was taken.
type TakenFile struct {
	Path  string `json:"path"`
	Size  int64  `json:"size"` // As it was found.
	Time  int64  `json:"time"` // Of its last change, Unix nanoseconds.
	Bytes int64  `json:"bytes"`
	Rows  Total  `json:"rows"`
}

// RefusedFile is one that cannot be taken as it is.
type RefusedFile struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	Time   int64  `json:"time"`
	Reason string `json:"reason"`
}

const followVersion = 1

// FilesMax is how many files of a side a day may have.
const FilesMax = 100_000

// The faults of a follower.
var (
	ErrFollowed    = errors.New("reconcile: another process follows into this store")
	ErrOtherRules  = errors.New("reconcile: the store was begun under other rules")
	ErrDayClosed   = errors.New("reconcile: the day is closed; the next one needs a store of its own")
	ErrFileChanged = errors.New("reconcile: a file that was taken has changed or is gone; it is needed until the day is closed")
	ErrCannotLeave = errors.New("reconcile: rows can leave early only under a first rule with a plain key: no window, no many")
)

// OpenFollower opens a store, or begins one; rules is the text that plan was read from. The
// store belongs to this process until Close.
func OpenFollower(store string, rules []byte, plan *Plan, options Options) (*Follower, error) {
	if plan.Rules[0].kind() != equalRule {
		return nil, ErrCannotLeave
	}
	if err := os.MkdirAll(filepath.Join(store, "files"), 0o700); err != nil {
		return nil, fmt.Errorf("reconcile: cannot open the store: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(store, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("reconcile: cannot open the store: %w", err)
	}
	f := &Follower{plan: plan, options: options, store: store, lock: lock, keysMax: backKeysMax}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(ErrFollowed, lock.Close())
	}
	sum := sha256.Sum256(rules)
	if err := f.load(hex.EncodeToString(sum[:])); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return f, nil
}

// Close lets go of the store.
func (f *Follower) Close() error { return f.lock.Close() }

func (f *Follower) folder(cycle int) string {
	return filepath.Join(f.store, fmt.Sprintf("cycle-%09d", cycle))
}

// load reads the newest cycle and removes what came before it, or was not finished.
func (f *Follower) load(rules string) error {
	names, err := filepath.Glob(filepath.Join(f.store, "cycle-*"))
	if err != nil {
		return err
	}
	unfinished, err := filepath.Glob(filepath.Join(f.store, "new-*"))
	if err != nil {
		return err
	}
	f.state = followState{Version: followVersion, Rules: rules}
	if slices.Sort(names); len(names) > 0 {
		newest := names[len(names)-1]
		text, err := os.ReadFile(filepath.Join(newest, "state.json"))
		if err == nil {
			err = json.Unmarshal(text, &f.state)
		}
		if err != nil {
			return fmt.Errorf("reconcile: cannot read the store: %w", err)
		}
		if f.state.Version != followVersion || f.folder(f.state.Cycle) != newest {
			return fmt.Errorf("reconcile: %s is not of this build", newest)
		}
		if f.state.Rules != rules {
			return ErrOtherRules
		}
		unfinished = append(unfinished, names[:len(names)-1]...)
	}
	for _, name := range unfinished {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// Standing is how far a day is.
type Standing struct {
	Cycle   int      `json:"cycle"`
	Files   [2]int   `json:"files"`
	Refused [2]int   `json:"refused"`
	Rows    [2]Total `json:"rows"`
	Open    [2]Total `json:"open"`
	Rejects [2]int   `json:"rejects"`
	Closed  bool     `json:"closed"`
}

// Standing tells how far the day is.
func (f *Follower) Standing() Standing {
	s := Standing{Cycle: f.state.Cycle, Open: f.state.Open, Closed: f.state.Closed, Rows: f.totals()}
	for side := range f.state.Files {
		s.Files[side], s.Refused[side] = len(f.state.Files[side]), len(f.state.Refused[side])
		s.Rejects[side] = len(f.state.Lines[side]) + len(f.state.Ends[side])
	}
	return s
}

func (f *Follower) totals() (sum [2]Total) {
	for side, files := range f.state.Files {
		for i := range files {
			sum[side].Rows += files[i].Rows.Rows
			sum[side].Amount += files[i].Rows.Amount
		}
	}
	return sum
}

// Refused lists the files that cannot be taken as they are.
func (f *Follower) Refused(side int) []RefusedFile { return f.state.Refused[side] }

// Paths lists the files that were taken, in their order: one run over them finds the same.
func (f *Follower) Paths(side int) []string {
	var list []string
	for i := range f.state.Files[side] {
		list = append(list, f.state.Files[side][i].Path)
	}
	return list
}

// Take matches complete files, and what is open, in one cycle; files that were taken or
// refused before, and have not changed, are passed over. A file that cannot be read is refused
// alone. It returns how many files were taken.
func (f *Follower) Take(ctx context.Context, left, right []string) (int, error) {
	if f.state.Closed {
		return 0, ErrDayClosed
	}
	fresh, refused := [2][]TakenFile{}, [2][]RefusedFile{}
	for side, paths := range [2][]string{left, right} {
		for _, path := range paths {
			file, bad, err := f.look(side, path)
			switch {
			case err != nil:
				return 0, err
			case bad != nil:
				refused[side] = append(refused[side], *bad)
			case file != nil:
				fresh[side] = append(fresh[side], *file)
			}
		}
		if len(f.state.Files[side])+len(fresh[side]) > FilesMax {
			return 0, fmt.Errorf("reconcile: side %d has more than %d files", side, FilesMax)
		}
	}
	if len(fresh[0])+len(fresh[1])+len(refused[0])+len(refused[1]) == 0 {
		return 0, nil
	}
	next := f.state
	for side := range refused {
		next.Refused[side] = append(slices.Clip(next.Refused[side]), refused[side]...)
	}
	f.state = next
	err := f.cycle(ctx, fresh)
	if err == nil || ctx.Err() != nil {
		return len(fresh[0]) + len(fresh[1]), err
	}
	return f.oneByOne(ctx, fresh, err)
}

// oneByOne takes each file in a cycle of its own, and refuses those that fail alone.
func (f *Follower) oneByOne(ctx context.Context, fresh [2][]TakenFile, cause error) (taken int, err error) {
	for side := range fresh {
		for _, file := range fresh[side] {
			var alone [2][]TakenFile
			alone[side] = []TakenFile{file}
			if len(fresh[0])+len(fresh[1]) > 1 {
				cause = f.cycle(ctx, alone)
			}
			if ctx.Err() != nil {
				return taken, ctx.Err()
			}
			if cause == nil {
				taken++
				continue
			}
			if !isFileFault(cause) {
				return taken, cause
			}
			f.state.Refused[side] = append(slices.Clip(f.state.Refused[side]), RefusedFile{file.Path, file.Size, file.Time, cause.Error()})
			if err := f.cycle(ctx, [2][]TakenFile{}); err != nil {
				return taken, err
			}
		}
	}
	return taken, nil
}

// isFileFault tells what is wrong with a file from what is wrong with the machine.
func isFileFault(err error) bool {
	var path *fs.PathError
	var number syscall.Errno
	return !errors.As(err, &path) && !errors.As(err, &number)
}

// look finds out what a file is: new, known (both nil), or changed since.
func (f *Follower) look(side int, path string) (*TakenFile, *RefusedFile, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil // It was taken away again.
	}
	if err != nil {
		return nil, nil, err
	}
	size, at := info.Size(), info.ModTime().UnixNano()
	for i := range f.state.Refused[side] {
		if r := &f.state.Refused[side][i]; r.Path == path && r.Size == size && r.Time == at {
			return nil, nil, nil
		}
	}
	for i := range f.state.Files[side] {
		if t := &f.state.Files[side][i]; t.Path == path {
			if t.Size == size && t.Time == at {
				return nil, nil, nil
			}
			return nil, &RefusedFile{path, size, at, "a file of this name was taken before, with other content"}, nil
		}
	}
	return &TakenFile{Path: path, Size: size, Time: at}, nil, nil
}

// kept is where the store holds on to a file that was taken.
func (f *Follower) kept(side, number int) string {
	name := f.state.Files[side][number].Path
	extension := ""
	for _, packed := range []string{".gz", ".zst"} {
		if strings.HasSuffix(name, packed) {
			extension = packed
		}
	}
	return filepath.Join(f.store, "files", fmt.Sprintf("%d-%06d%s", side, number, extension))
}

// hold links a file into the store, so that it is there until the day is closed though its
// sender takes it away, or copies it where links cannot be made.
func (f *Follower) hold(side, number int) (string, error) {
	from, to := f.state.Files[side][number].Path, f.kept(side, number)
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if os.Link(from, to) == nil {
		return to, f.unchanged(side, number)
	}
	in, err := openRegular(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, in)
	return to, errors.Join(err, out.Close())
}

// unchanged checks that what the store holds is what was taken.
func (f *Follower) unchanged(side, number int) error {
	info, err := os.Stat(f.kept(side, number))
	if err == nil && info.Size() == f.state.Files[side][number].Size {
		return nil
	}
	return errors.Join(fmt.Errorf("%w: %s", ErrFileChanged, f.state.Files[side][number].Path), err)
}

// cycle matches fresh files and what is left, and makes what is then left the store's.
func (f *Follower) cycle(ctx context.Context, fresh [2][]TakenFile) (err error) {
	before := f.state
	defer func() {
		if err != nil {
			f.state = before
		}
	}()
	folder, err := os.MkdirTemp(f.store, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	s := &settler{folder: folder}
	sides := [2]Side{{Name: f.plan.Left.Name, Layout: f.plan.Left.Layout}, {Name: f.plan.Right.Name, Layout: f.plan.Right.Layout}}
	for side := range sides {
		s.first[side] = len(f.state.Files[side])
		f.state.Files[side] = append(slices.Clip(f.state.Files[side]), fresh[side]...)
		for i := range fresh[side] {
			path, err := f.hold(side, s.first[side]+i)
			if err != nil {
				return err
			}
			sides[side].Paths = append(sides[side].Paths, path)
			sides[side].names = append(sides[side].names, fresh[side][i].Path)
		}
		s.files[side], sides[side].settled = len(fresh[side]), f.left(side)
	}
	if err := syncAll(append(slices.Clone(sides[0].Paths), sides[1].Paths...)); err != nil {
		return err // Taken is taken, after a power cut too.
	}
	options := f.options
	options.settle, options.Carry, options.Pairs = s, nil, nil
	if _, err := Run(ctx, sides[0], sides[1], f.strict(), options, nil); err != nil {
		return err
	}
	for side := range sides {
		if err := f.count(side, s); err != nil {
			return err
		}
	}
	return f.commit(folder)
}

// strict is the plan of a cycle: the first rule alone, and nothing tolerated.
func (f *Follower) strict() *Plan {
	p := *f.plan
	p.Rules, p.Refunds, p.Tolerance = p.Rules[:1:1], nil, Tolerance{}
	return &p
}

// left lists what is left of the files of a side.
func (f *Follower) left(side int) []settledFile {
	var list []settledFile
	for _, l := range f.state.Left[side] {
		list = append(list, settledFile{l.Number, filepath.Join(f.folder(f.state.Cycle), settledName(side, l.Number)), l.Path})
	}
	return list
}

// count takes what a cycle counted into the state.
func (f *Follower) count(side int, s *settler) error {
	c, files := s.counts[side], f.state.Files[side]
	base := int64(0) // Of the first new file, among all of the side.
	for i := range files[:s.first[side]] {
		base += files[i].Bytes
	}
	for i := range s.files[side] {
		file := &files[s.first[side]+i]
		file.Bytes, file.Rows = s.sizes[side][i], c.totals[i]
	}
	lines, ends := slices.Clip(f.state.Lines[side]), slices.Clip(f.state.Ends[side])
	for _, r := range c.rejects {
		r.Position, r.Block = base+r.Position, 0
		if r.Line > 0 {
			lines = append(lines, r)
		} else {
			ends = append(ends, r)
		}
	}
	if int64(len(lines)) > f.plan.RejectsMax {
		return fmt.Errorf("reconcile: the day has more than %d rejected lines", f.plan.RejectsMax)
	}
	f.state.Lines[side], f.state.Ends[side] = lines, ends
	if f.plan.TotalsBy != nil {
		sum := groups{}
		sum.merge(f.state.Groups[side])
		sum.merge(c.groups)
		sum.subtract(f.state.OpenGroups[side])
		f.state.Groups[side], f.state.OpenGroups[side] = sum, s.groups[side]
	}
	f.state.Open[side] = s.open[side]
	f.state.Left[side] = nil
	slices.SortFunc(s.left[side], func(a, b settledFile) int { return a.number - b.number })
	for _, l := range s.left[side] {
		f.state.Left[side] = append(f.state.Left[side], openFile{l.number, l.path})
	}
	return nil
}

// subtract takes the totals of other away; what is left without rows is gone.
func (g groups) subtract(other groups) {
	for text, t := range other {
		own := g[text]
		if own == nil {
			own = g[groupsRest]
		}
		if own == nil {
			continue
		}
		own.Rows -= t.Rows
		own.Amount -= t.Amount
		if own.Rows == 0 && own.Amount == 0 {
			delete(g, text)
		}
	}
}

// commit makes a folder with rows the newest cycle: whole or not at all.
func (f *Follower) commit(folder string) error {
	old := f.folder(f.state.Cycle)
	f.state.Cycle++
	text, err := json.Marshal(&f.state)
	if err != nil {
		return err
	}
	state, err := os.Create(filepath.Join(folder, "state.json"))
	if err != nil {
		return err
	}
	_, err = state.Write(text)
	err = errors.Join(err, state.Sync(), state.Close(), syncAll([]string{folder, filepath.Join(f.store, "files")}),
		os.Rename(folder, f.folder(f.state.Cycle)), syncFile(f.store))
	if err != nil {
		return fmt.Errorf("reconcile: cannot keep the cycle: %w", err)
	}
	return os.RemoveAll(old)
}
