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
)

// manifest says which run a work directory belongs to, and what its files depend on.
type manifest struct {
	Version    int    `json:"version"`
	Inputs     string `json:"inputs"` // Digest over names, sizes, times of change and the plan.
	Seed       uint64 `json:"seed"`
	Partitions int    `json:"partitions"`
}

const manifestVersion = 1

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
	name := filepath.Join(j.directory, "manifest.json")
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		text, _ = json.Marshal(manifest{manifestVersion, inputs, j.seed, j.partitions})
		if err := os.WriteFile(name+".new", text, 0o600); err != nil {
			return err
		}
		return os.Rename(name+".new", name)
	}
	if err != nil {
		return err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("reconcile: cannot resume: %s: %w", name, err)
	}
	if m.Version != manifestVersion || m.Inputs != inputs || m.Partitions&(m.Partitions-1) != 0 ||
		m.Partitions < 1<<partitionBits {
		return errOtherRun
	}
	j.seed, j.partitions, j.shift = m.Seed, m.Partitions, 64
	for n := m.Partitions; n > 1; n /= 2 {
		j.shift--
	}
	return j.resume()
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
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// finish empties the work directory: the run's outcome is out.
func (j *job) finish() error {
	if j.options.Work == "" {
		return nil
	}
	var failures []error
	for _, pattern := range []string{"*.run", "*.plain", "flush-*", "manifest.json"} {
		names, err := filepath.Glob(filepath.Join(j.directory, pattern))
		failures = append(failures, err)
		for _, name := range names {
			failures = append(failures, os.Remove(name))
		}
	}
	return errors.Join(failures...)
}
