package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// manifest says which run a work directory belongs to, and what its files depend on.
type manifest struct {
	Version    int    `json:"version"`
	Inputs     string `json:"inputs"` // Digest over names, sizes, times of change and the plan.
	Seed       uint64 `json:"seed"`
	Partitions int    `json:"partitions"`
	Sections   int    `json:"sections"`
}

const (
	manifestVersion = 2
	manifestName    = "manifest.json"
)

// halfWritten are the names of files that only a run which was killed leaves, workFiles
// those of everything that a run keeps in its work directory.
var (
	halfWritten = []string{"flush-*", "spool-*"}
	workFiles   = append([]string{"*.run", "*.plain", "*.tally", manifestName}, halfWritten...)
)

func removeMatching(folder string, patterns []string) error {
	var failures []error
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join(folder, pattern))
		failures = append(failures, err)
		for _, name := range names {
			failures = append(failures, os.Remove(name))
		}
	}
	return errors.Join(failures...)
}

var errOtherRun = errors.New("reconcile: the work directory belongs to a run over other files or rules; " +
	"finish that one or remove the directory")

// takeUp chooses the seed of the run's hashes; with a work directory it takes up the run
// that was killed there.
func (j *job) takeUp(left, right *Side) error {
	j.seed = rand.Uint64()
	if j.options.Work == "" {
		return nil
	}
	inputs, err := j.inputs(left, right)
	if err != nil {
		return err
	}
	name := filepath.Join(j.directory, manifestName)
	m, err := readManifest(name)
	if errors.Is(err, fs.ErrNotExist) {
		text, _ := json.Marshal(manifest{manifestVersion, inputs, j.seed, j.partitions, j.sections()})
		return writeDurably(name, text)
	}
	if err != nil {
		return err
	}
	if m.Version != manifestVersion || m.Inputs != inputs || m.Partitions&(m.Partitions-1) != 0 ||
		m.Partitions < 1<<partitionBits {
		return errOtherRun
	}
	j.seed, j.partitions, j.shift = m.Seed, m.Partitions, 64
	for n := m.Partitions; n > 1; n /= 2 {
		j.shift--
	}
	if err := removeMatching(j.directory, halfWritten); err != nil {
		return err
	}
	if j.tallies, err = tallyFiles(j.directory); err != nil {
		return err
	}
	return j.resume()
}

func readManifest(name string) (m manifest, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("reconcile: cannot resume: %s: %w", name, err)
	}
	return m, nil
}

// WorkDone tells what a run that was killed has left in its work directory for the next
// one: rows that need not be read and sets that need not be joined again. It must not be
// asked while a run is going on there.
func WorkDone(directory string) (done Worked, err error) {
	m, err := readManifest(filepath.Join(directory, manifestName))
	if err != nil {
		return done, err
	}
	names, err := filepath.Glob(filepath.Join(directory, "*.run"))
	if err != nil {
		return done, err
	}
	for _, name := range names {
		run, err := readRun(name, m.Sections)
		if errors.Is(err, errTorn) {
			continue
		}
		if err != nil {
			return done, err
		}
		done.RowsTaken += run.count.rows()
		run.file.Close()
	}
	attempts, err := tallyFiles(directory)
	if err != nil {
		return done, err
	}
	seen := map[setAt]bool{}
	for _, names := range attempts {
		sets, err := joinedSets(names, m.Seed)
		if err != nil {
			return done, err
		}
		for at := range sets {
			seen[at] = true
		}
	}
	done.SetsTaken = int64(len(seen))
	return done, nil
}

// writeDurably writes a small file that is there in whole or not at all, and stays.
func writeDurably(name string, text []byte) error {
	file, err := os.Create(name + ".new")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// tallyFiles lists what earlier attempts wrote down, by attempt.
func tallyFiles(folder string) (attempts [][]string, err error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.tally")) // In order of their names.
	if err != nil {
		return nil, err
	}
	last := ""
	for _, name := range names {
		attempt, _, _ := strings.Cut(filepath.Base(name), "-")
		if attempt != last {
			attempts, last = append(attempts, nil), attempt
		}
		attempts[len(attempts)-1] = append(attempts[len(attempts)-1], name)
	}
	return attempts, nil
}

// inputs is a digest over everything that the entries on disk depend on.
func (j *job) inputs(left, right *Side) (string, error) {
	sum := sha256.New()
	plan, err := json.Marshal(j.plan)
	if err != nil {
		return "", err
	}
	sum.Write(plan)
	for _, side := range []*Side{left, right} {
		paths := side.Paths
		for _, c := range side.carried {
			paths = append(paths[:len(paths):len(paths)], c.path)
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(sum, "%q %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
		fmt.Fprintf(sum, "%+v\n", side.Layout)
	}
	fmt.Fprintln(sum, "pairs", j.options.Pairs != nil)
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// finish empties the work directory: the run's outcome is out.
func (j *job) finish() error {
	if j.options.Work == "" {
		return nil
	}
	return removeMatching(j.directory, workFiles)
}
