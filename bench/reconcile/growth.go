package reconcile

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// grown is what one size took, with ids of their own and with one id on a fifth of all
// rows; the best of the rounds.
type grown struct {
	Rows       uint64  `json:"rows"`
	Seconds    float64 `json:"seconds"`
	CPU        float64 `json:"cpu_seconds"`
	PeakMiB    float64 `json:"peak_private_mib"`
	HotSeconds float64 `json:"hot_seconds"`
	HotCPU     float64 `json:"hot_cpu_seconds"`
}

// hotRows is how many rows of a thousand the hot id has.
const hotRows = 200

// grow times the matcher alone over files of several sizes. Wanted: seconds for each
// million are the same within a fifth, and a hot id costs at most a quarter more.
func (b *bench) grow(millions string) error {
	var list []grown
	for word := range strings.SplitSeq(millions, ",") {
		n, err := strconv.ParseFloat(word, 64)
		if err != nil || n < 0.001 {
			return fmt.Errorf("bench: -growth has %q, want millions of rows such as 1,5,10,50", word)
		}
		g := grown{Rows: uint64(n * 1e6)}
		if g.Seconds, g.CPU, g.PeakMiB, err = b.size(g.Rows, 0); err != nil {
			return err
		}
		if g.HotSeconds, g.HotCPU, _, err = b.size(g.Rows, hotRows); err != nil {
			return err
		}
		million := float64(g.Rows) / 1e6
		fmt.Printf("%g million: %.2f s (%.3f a million), %.2f of processors (%.3f a million), %.0f MiB private; "+
			"one id on a fifth: %.2f s (%.2f times), %.2f of processors (%.2f times)\n", million,
			g.Seconds, g.Seconds/million, g.CPU, g.CPU/million, g.PeakMiB,
			g.HotSeconds, g.HotSeconds/g.Seconds, g.HotCPU, g.HotCPU/g.CPU)
		list = append(list, g)
	}
	wall := spread(list, func(g grown) float64 { return g.Seconds })
	cpu := spread(list, func(g grown) float64 { return g.CPU })
	fmt.Printf("the dearest million costs %.2f times the cheapest in wall time, %.2f times in processor time\n", wall, cpu)
	line, err := json.Marshal(map[string]any{"growth": list, "spread": wall, "spread_cpu": cpu})
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return nil
}

// spread is the largest cost of a million rows divided by the smallest.
func spread(list []grown, seconds func(grown) float64) float64 {
	var costs []float64
	for _, g := range list {
		costs = append(costs, seconds(g)/float64(g.Rows))
	}
	return slices.Max(costs) / slices.Min(costs)
}

// size writes files of their own and reconciles them some times. The digest must stay.
func (b *bench) size(rows, hot uint64) (seconds, cpu, peakMiB float64, err error) {
	own := *b
	own.data, own.digest = data{rows, b.data.seed, hot}, ""
	if own.truth, err = own.data.write(own.left, own.right); err != nil {
		return 0, 0, 0, err
	}
	for range own.rounds {
		run, err := own.matcher("--memory", own.memory, "--threads", strconv.Itoa(own.threads))
		if err != nil {
			return 0, 0, 0, fmt.Errorf("%d rows, %d of a thousand hot: %w", rows, hot, err)
		}
		own.digest = run.sum.Digest
		best(&seconds, run.seconds)
		best(&cpu, run.cpu)
		peakMiB = max(peakMiB, run.peakMiB)
	}
	return seconds, cpu, peakMiB, errors.Join(os.Remove(own.left), os.Remove(own.right))
}
