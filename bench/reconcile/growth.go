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
)

// grown is what one size took, with ids of their own and with one id on a fifth of all
// rows; the best of the rounds, and the median of what the hot id cost in each.
type grown struct {
	Rows       uint64  `json:"rows"`
	Seconds    float64 `json:"seconds"`
	CPU        float64 `json:"cpu_seconds"`
	PeakMiB    float64 `json:"peak_private_mib"`
	HotSeconds float64 `json:"hot_seconds"`
	HotCPU     float64 `json:"hot_cpu_seconds"`
	HotTimes   float64 `json:"hot_times"`
}

// hotRows is how many rows of a thousand the hot id has.
const hotRows = 200

// grow times the matcher alone over files of several sizes. Wanted: each size within a
// fifth of one straight line through nothing, and a hot id costs at most a quarter more.
func (b *bench) grow(millions string) error {
	var list []grown
	for word := range strings.SplitSeq(millions, ",") {
		n, err := strconv.ParseFloat(word, 64)
		if err != nil || n < 0.001 {
			return fmt.Errorf("bench: -growth has %q, want millions of rows such as 1,5,10,50", word)
		}
		g, err := b.size(uint64(n * 1e6))
		if err != nil {
			return err
		}
		million := float64(g.Rows) / 1e6
		fmt.Printf("%g million: %.2f s (%.3f a million), %.2f of processors (%.3f a million), %.0f MiB private; "+
			"one id on a fifth: %.2f s, %.2f of processors, %.2f times in the median round\n", million,
			g.Seconds, g.Seconds/million, g.CPU, g.CPU/million, g.PeakMiB, g.HotSeconds, g.HotCPU, g.HotTimes)
		list = append(list, *g)
	}
	million, off := line(list, func(g grown) float64 { return g.Seconds })
	cpu, offCPU := line(list, func(g grown) float64 { return g.CPU })
	fmt.Printf("at %.3f s a million each size is within %.0f %%; at %.3f of processors within %.0f %%\n",
		million, 100*off, cpu, 100*offCPU)
	last, err := json.Marshal(map[string]any{"growth": list, "from_linear": off, "from_linear_cpu": offCPU})
	if err != nil {
		return err
	}
	fmt.Println(string(last))
	return nil
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

// size writes files of their own, without and with a hot id, and reconciles them in turn:
// a machine that is slower for a while is so for both. The digests must stay.
func (b *bench) size(rows uint64) (*grown, error) {
	plain, err := b.variant("plain", rows, 0)
	if err != nil {
		return nil, err
	}
	hot, err := b.variant("hot", rows, hotRows)
	if err != nil {
		return nil, err
	}
	g := &grown{Rows: rows}
	var times []float64
	for range b.rounds {
		run, err := plain.once()
		if err != nil {
			return nil, err
		}
		hotRun, err := hot.once()
		if err != nil {
			return nil, err
		}
		best(&g.Seconds, run.seconds)
		best(&g.CPU, run.cpu)
		best(&g.HotSeconds, hotRun.seconds)
		best(&g.HotCPU, hotRun.cpu)
		g.PeakMiB = max(g.PeakMiB, run.peakMiB)
		times = append(times, hotRun.seconds/run.seconds)
	}
	slices.Sort(times)
	g.HotTimes = times[len(times)/2]
	return g, errors.Join(plain.remove(), hot.remove())
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
