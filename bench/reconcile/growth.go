package reconcile

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tongma/bench/figures"
)

// grown is what one size took: medians of the rounds.
type grown struct {
	Rows       uint64  `json:"rows"`
	Seconds    float64 `json:"seconds"`
	CPU        float64 `json:"cpu_seconds"`
	PeakMiB    float64 `json:"peak_private_mib"` // Of all rounds.
	HotSeconds float64 `json:"hot_seconds"`      // With one id on a fifth of all rows.
	HotTimes   float64 `json:"hot_times"`        // Of a run without it, just before.
}

// hotRows is how many rows of a thousand the hot id has.
const hotRows = 200

// grow times the matcher alone over files of several sizes. Wanted: each size within a
// fifth of one straight line through nothing, and a hot id costs at most a quarter more.
// What is compared is timed in turn, for a machine may be slower for some minutes.
func (b *bench) grow(millions string) error {
	var sizes []*bench
	for word := range strings.SplitSeq(millions, ",") {
		n, err := strconv.ParseFloat(word, 64)
		if err != nil || n < 0.001 {
			return fmt.Errorf("bench: -growth has %q, want millions of rows such as 1,5,10,50", word)
		}
		size, err := b.variant("plain-"+word, uint64(n*1e6), 0)
		if err != nil {
			return err
		}
		sizes = append(sizes, size)
	}
	list, err := b.sizes(sizes)
	if err != nil {
		return err
	}
	million, off := line(list, func(g grown) float64 { return g.Seconds })
	cpu, offCPU := line(list, func(g grown) float64 { return g.CPU })
	fmt.Printf("at %.3f s a million each size is within %.0f %%; at %.3f of processors within %.0f %%\n",
		million, 100*off, cpu, 100*offCPU)
	for i, size := range sizes {
		if err := size.hot(&list[i]); err != nil {
			return err
		}
	}
	last, err := json.Marshal(map[string]any{"growth": list, "from_linear": off, "from_linear_cpu": offCPU})
	if err != nil {
		return err
	}
	fmt.Println(string(last))
	return nil
}

// sizes times all sizes in each round, smaller ones several times so that each has a like
// share of the round.
func (b *bench) sizes(sizes []*bench) ([]grown, error) {
	list := make([]grown, len(sizes))
	seconds, cpu := make([][]float64, len(sizes)), make([][]float64, len(sizes))
	for range b.rounds {
		for i, size := range sizes {
			for range size.repeats() {
				run, err := size.once()
				if err != nil {
					return nil, err
				}
				seconds[i], cpu[i] = append(seconds[i], run.seconds), append(cpu[i], run.cpu)
				list[i].PeakMiB = max(list[i].PeakMiB, run.peakMiB)
			}
		}
	}
	for i, size := range sizes {
		g, million := &list[i], float64(size.data.rows)/1e6
		g.Rows, g.Seconds, g.CPU = size.data.rows, figures.Median(seconds[i]), figures.Median(cpu[i])
		fmt.Printf("%g million: %.2f s (%.3f a million), %.2f of processors (%.3f a million), %.0f MiB private, median of %d\n",
			million, g.Seconds, g.Seconds/million, g.CPU, g.CPU/million, g.PeakMiB, len(seconds[i]))
	}
	return list, nil
}

// repeats is how often a round times these files: a run of a third of a second says less
// than one of ten.
func (b *bench) repeats() int {
	const enough = 10_000_000
	return int(max(1, min(enough/b.data.rows, 5)))
}

// line is the cost of a million rows from which no size is further than need be, and how far
// the furthest is, as a part of one.
func line(list []grown, seconds func(grown) float64) (million, off float64) {
	var costs []float64
	for _, g := range list {
		costs = append(costs, seconds(g)/float64(g.Rows)*1e6)
	}
	most, least := slices.Max(costs), slices.Min(costs)
	million = (most + least) / 2
	return million, most/million - 1
}

// hot writes files with a hot id beside those of b, times both in turn, and takes all away.
func (b *bench) hot(g *grown) error {
	hot, err := b.variant("hot", b.data.rows, hotRows)
	if err != nil {
		return err
	}
	var seconds, times []float64
	for range b.rounds * b.repeats() {
		plain, err := b.once()
		if err != nil {
			return err
		}
		run, err := hot.once()
		if err != nil {
			return err
		}
		seconds, times = append(seconds, run.seconds), append(times, run.seconds/plain.seconds)
	}
	g.HotSeconds, g.HotTimes = figures.Median(seconds), figures.Median(times)
	fmt.Printf("%g million, one id on a fifth: %.2f s, %.2f times, median of %d pairs\n",
		float64(g.Rows)/1e6, g.HotSeconds, g.HotTimes, len(times))
	return errors.Join(b.remove(), hot.remove())
}

// variant is b over files of its own.
func (b *bench) variant(name string, rows, hot uint64) (*bench, error) {
	own := *b
	own.data, own.digest = data{rows, b.data.seed, hot}, ""
	own.left, own.right = filepath.Join(b.folder, name+"-left.csv"), filepath.Join(b.folder, name+"-right.csv")
	var err error
	own.truth, err = own.data.write(own.left, own.right)
	return &own, err
}

// once runs the matcher; every time with the same digest.
func (b *bench) once() (*child, error) {
	run, err := b.matcher("--memory", b.memory, "--threads", strconv.Itoa(b.threads))
	if err != nil {
		return nil, fmt.Errorf("%d rows, %d of a thousand hot: %w", b.data.rows, b.data.hot, err)
	}
	b.digest = run.sum.Digest
	return run, nil
}

// remove takes the files away.
func (b *bench) remove() error { return errors.Join(os.Remove(b.left), os.Remove(b.right)) }
