// Package reconcile measures the reconciliation: both sides of a day are generated from a
// seed, and the built command, DuckDB and a plain hash join find what differs.
//
// It knows the command line and the outputs of the switch's binary alone. All three read
// the same files, which were just written and are in the page cache as far as it holds
// them; all have as many threads.
package reconcile

import (
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
)

//go:embed rules.yaml
var rules []byte

// result is the last line that Run prints.
type result struct {
	Rows           uint64  `json:"rows"` // Payments; each side has about as many rows.
	Seconds        float64 `json:"seconds"`
	RowsPerS       float64 `json:"rows_per_s"` // Payments reconciled in a second.
	DuckDBSeconds  float64 `json:"duckdb_seconds,omitempty"`
	LimitSeconds   float64 `json:"limit_seconds"`
	RatioDuckDB    float64 `json:"ratio_duckdb,omitempty"`
	RatioLimit     float64 `json:"ratio_limit"`
	PeakPrivateMiB float64 `json:"peak_private_mib"`

	CPUSeconds       float64 `json:"cpu_seconds"` // Of processors, as those below.
	DuckDBCPUSeconds float64 `json:"duckdb_cpu_seconds,omitempty"`
	LimitCPUSeconds  float64 `json:"limit_cpu_seconds"`
	RatioDuckDBCPU   float64 `json:"ratio_duckdb_cpu,omitempty"`
	RatioLimitCPU    float64 `json:"ratio_limit_cpu"`

	SmallMemorySeconds float64 `json:"small_memory_seconds,omitempty"` // With --memory 256MiB.
	SmallMemoryCPU     float64 `json:"small_memory_cpu_seconds,omitempty"`
	HotCPU             float64 `json:"hot_cpu_seconds,omitempty"`
	HotSeconds         float64 `json:"hot_seconds,omitempty"` // With one id on a fifth of the rows.
	KilledAtSeconds    float64 `json:"killed_at_seconds,omitempty"`
	WholeSeconds       float64 `json:"work_whole_seconds,omitempty"`   // With --work, not killed.
	ResumedSeconds     float64 `json:"work_resumed_seconds,omitempty"` // After the kill.
	RowsTaken          float64 `json:"work_rows_taken,omitempty"`      // Share of rows that were not read again.
	SetsTaken          float64 `json:"work_sets_taken,omitempty"`      // Share of sets that were not joined again.
	WholeCPU           float64 `json:"work_whole_cpu_seconds,omitempty"`
	ResumedCPU         float64 `json:"work_resumed_cpu_seconds,omitempty"`
}

// bench is one run.
type bench struct {
	data    data
	threads int
	rounds  int
	memory  string
	folder  string
	left    string
	right   string
	rules   string
	binary  string
	duckdb  string
	truth   *truth
	digest  string
	result  result
}

// Run generates, reconciles, checks and prints. Flags: -rows, -seed, -memory, -threads,
// -rounds, -duckdb, -checks, -growth, -hostile, -folder.
func Run(args []string) error {
	flags := flag.NewFlagSet("reconcile", flag.ContinueOnError)
	rows := flags.Uint64("rows", 1_000_000, "payments")
	seed := flags.Uint64("seed", 1, "what the data follow from")
	memory := flags.String("memory", "2.25GiB", "budget of the matcher")
	threads := flags.Int("threads", runtime.GOMAXPROCS(0), "threads of the matcher and of DuckDB")
	rounds := flags.Int("rounds", 2, "how often each is timed; the best counts")
	duckdb := flags.Bool("duckdb", true, "also run DuckDB")
	checks := flags.Bool("checks", true, "also: other threads, 256MiB, a hot id, a kill; the digest must stay")
	growth := flags.String("growth", "", "instead: time the matcher alone at these millions of rows, such as 1,5,10,50, each also with a hot id")
	hostile := flags.Int64("hostile", 0, "instead: so many rows of one id within 256MiB, and a line of 1 GiB")
	folder := flags.String("folder", "", "where the files go, and stay; a temporary folder by default")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &bench{data: data{rows: *rows, seed: mix(*seed)}, threads: *threads, rounds: max(*rounds, 1), memory: *memory, folder: *folder}
	b.result.Rows = *rows
	if *hostile != 0 && *hostile < 1000 || *rows < 1000 {
		return errors.New("bench: want -rows and -hostile of 1000 or more")
	}
	if *folder == "" {
		var err error
		if b.folder, err = os.MkdirTemp("", "bench-reconcile-*"); err != nil {
			return err
		}
		defer os.RemoveAll(b.folder)
	}
	if *growth != "" || *hostile > 0 {
		return b.alone(*growth, *hostile)
	}
	if err := b.prepare(*duckdb); err != nil {
		return err
	}
	if err := b.measure(*duckdb); err != nil {
		return err
	}
	if *checks {
		if err := b.check(); err != nil {
			return err
		}
	}
	return b.print()
}

// alone runs the matcher without a rival.
func (b *bench) alone(growth string, hostile int64) error {
	if err := b.build(false); err != nil {
		return err
	}
	if hostile > 0 {
		return b.hostile(hostile)
	}
	return b.grow(growth)
}

// prepare builds the binaries and writes the files.
func (b *bench) prepare(duckdb bool) error {
	if err := b.build(duckdb); err != nil {
		return err
	}
	var err error
	if b.truth, err = b.data.write(b.left, b.right); err != nil {
		return err
	}
	return b.describe()
}

// build builds the binaries, and says where the files go.
func (b *bench) build(duckdb bool) error {
	b.binary, b.duckdb = filepath.Join(b.folder, "switch"), filepath.Join(b.folder, "duckdb")
	b.rules = filepath.Join(b.folder, "rules.yaml")
	root, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("bench: cannot find the module: %w", err)
	}
	module := filepath.Dir(string(root))
	if err := build(module, b.binary, "./switch"); err != nil {
		return err
	}
	if duckdb {
		if err := build(filepath.Join(module, "bench", "rivals", "duckdb"), b.duckdb, "."); err != nil {
			return err
		}
	}
	if err := os.WriteFile(b.rules, rules, 0o600); err != nil {
		return err
	}
	b.left, b.right = filepath.Join(b.folder, "left.csv"), filepath.Join(b.folder, "right.csv")
	return nil
}

func build(folder, output, target string) error {
	command := exec.Command("go", "build", "-o", output, target)
	command.Dir = folder
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("bench: cannot build %s: %w\n%s", target, err, text)
	}
	return nil
}

func (b *bench) describe() error {
	fmt.Printf("generated %d and %d rows from seed %d", b.truth.Left.Rows, b.truth.Right.Rows, b.data.seed)
	for _, name := range []string{b.left, b.right} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		fmt.Printf(", %.2f GB", float64(info.Size())/1e9)
	}
	fmt.Printf("; %d rows of each kind of difference, about\n", b.truth.Classes["amount"].Rows)
	return nil
}

// measure runs the three in turn, for some rounds, and keeps the best time of each: what
// else the machine does only ever adds. Each must find what was generated.
func (b *bench) measure(duckdb bool) error {
	for range b.rounds {
		if err := b.round(duckdb); err != nil {
			return err
		}
	}
	r := &b.result
	r.RowsPerS = float64(b.data.rows) / r.Seconds
	r.RatioLimit = r.Seconds / r.LimitSeconds
	r.RatioLimitCPU = r.CPUSeconds / r.LimitCPUSeconds
	if duckdb {
		r.RatioDuckDB = r.Seconds / r.DuckDBSeconds
		r.RatioDuckDBCPU = r.CPUSeconds / r.DuckDBCPUSeconds
	}
	return nil
}

func (b *bench) round(duckdb bool) error {
	limit, err := runLimit(b.left, b.right, b.data.rows)
	if err != nil {
		return err
	}
	if limit.Left != b.truth.Left.Rows || limit.Right != b.truth.Right.Rows || limit.Equal != b.truth.Matched.Rows {
		return fmt.Errorf("bench: the limit found %+v, want %+v", limit, b.truth)
	}
	r := &b.result
	best(&r.LimitSeconds, limit.Seconds)
	best(&r.LimitCPUSeconds, limit.CPU)
	fmt.Printf("plain hash join: %.2f s (%.2f of processors)\n", limit.Seconds, limit.CPU)
	debug.FreeOSMemory() // Its table goes back before others are measured.
	out := filepath.Join(b.folder, "out")
	run, err := b.matcher("--memory", b.memory, "--threads", strconv.Itoa(b.threads), "--out", out)
	if err != nil {
		return err
	}
	b.digest = run.sum.Digest
	best(&r.Seconds, run.seconds)
	best(&r.CPUSeconds, run.cpu)
	r.PeakPrivateMiB = max(r.PeakPrivateMiB, run.peakMiB)
	fmt.Printf("switch reconcile: %.2f s (%.2f of processors, %.2f in the kernel), %.0f MiB private at most, classes and sums as generated\n",
		run.seconds, run.cpu, run.system, run.peakMiB)
	if !duckdb {
		return nil
	}
	seconds, err := b.rival()
	best(&r.DuckDBSeconds, seconds)
	return err
}

func best(kept *float64, seconds float64) {
	if *kept == 0 || seconds < *kept {
		*kept = seconds
	}
}

// rival runs DuckDB and holds its classes against the truth. Duplicates come out of its
// join as surplus pairs; they are told from the numbers of rows.
func (b *bench) rival() (seconds float64, err error) {
	run, err := runChild(exec.Command(b.duckdb, b.left, b.right, strconv.Itoa(b.threads)))
	if err != nil {
		return 0, err
	}
	var got struct {
		Seconds float64
		Version string
		Classes map[string]total
	}
	if err := json.Unmarshal(run.output, &got); err != nil {
		return 0, err
	}
	pairs := total{}
	for name, t := range got.Classes {
		if name != "short" && name != "long" {
			pairs.Rows += t.Rows
		}
		if want, ok := b.truth.Classes[name]; ok && t != want {
			return 0, fmt.Errorf("bench: DuckDB found %s %+v, want %+v", name, t, want)
		}
	}
	onRight := pairs.Rows - (b.truth.Left.Rows - got.Classes["short"].Rows)
	onLeft := pairs.Rows - (b.truth.Right.Rows - got.Classes["long"].Rows)
	matched := got.Classes["matched"].Rows - onLeft - onRight
	if onRight != b.truth.Classes["duplicate-right"].Rows || onLeft != b.truth.Classes["duplicate-left"].Rows ||
		matched != b.truth.Matched.Rows {
		return 0, fmt.Errorf("bench: DuckDB found %d matches and %d and %d repetitions, want %+v",
			matched, onLeft, onRight, b.truth)
	}
	best(&b.result.DuckDBCPUSeconds, run.cpu)
	fmt.Printf("DuckDB %s: %.2f s for the query alone (%.2f of processors), %.0f MiB private at most, the same classes and sums\n",
		got.Version, got.Seconds, run.cpu, run.peakMiB)
	return got.Seconds, nil
}

func (b *bench) print() error {
	fmt.Println("included in switch reconcile: the whole process, reading, matching, explaining, writing CSV and JSON lines;")
	fmt.Println("in DuckDB: the query; in the plain hash join: reading, cutting, one table, counting. Files warm, written just before.")
	fmt.Printf("%s/%s, %d threads, rows are payments: each has a row on both sides\n", runtime.GOOS, runtime.GOARCH, b.threads)
	line, err := json.Marshal(b.result)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return nil
}
