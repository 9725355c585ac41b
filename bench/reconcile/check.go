package reconcile

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// check runs the matcher again in other ways over the same files. The digest must be the
// same each time.
func (b *bench) check() error {
	threads := strconv.Itoa(b.threads)
	for _, other := range []string{"1", strconv.Itoa(b.threads + 3)} {
		run, err := b.matcher("--memory", b.memory, "--threads", other)
		if err != nil {
			return fmt.Errorf("%s threads: %w", other, err)
		}
		fmt.Printf("%s threads: %.2f s (%.2f of processors), same digest\n", other, run.seconds, run.cpu)
	}
	run, err := b.matcher("--memory", "256MiB", "--threads", threads)
	if err != nil {
		return fmt.Errorf("256MiB: %w", err)
	}
	b.result.SmallMemorySeconds, b.result.SmallMemoryCPU = run.seconds, run.cpu
	fmt.Printf("--memory 256MiB: %.2f s (%.2f times), %.2f of processors (%.2f times), %.0f MiB private at most, same digest\n",
		run.seconds, run.seconds/b.result.Seconds, run.cpu, run.cpu/b.result.CPUSeconds, run.peakMiB)
	if err := b.kill(threads); err != nil {
		return err
	}
	return b.heat()
}

// kill ends a run at a random moment and starts it again over the same work directory.
func (b *bench) kill(threads string) error {
	work := filepath.Join(b.folder, "work")
	args := []string{"--memory", b.memory, "--threads", threads, "--work", work}
	whole, err := b.matcher(args...)
	if err != nil {
		return err
	}
	at := time.Duration((0.2 + 0.6*rand.Float64()) * whole.seconds * float64(time.Second))
	command := b.command(args...)
	if err := command.Start(); err != nil {
		return err
	}
	time.Sleep(at)
	if err := command.Process.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	_ = command.Wait() // It was killed.
	resumed, err := b.matcher(args...)
	if err != nil {
		return fmt.Errorf("killed: %w", err)
	}
	r := &b.result
	r.WholeSeconds, r.KilledAtSeconds, r.ResumedSeconds = whole.seconds, at.Seconds(), resumed.seconds
	r.WholeCPU, r.ResumedCPU = whole.cpu, resumed.cpu
	var rows, allRows, sets, allSets float64
	if n, _ := fmt.Sscanf(resumed.told, "taken up: %f of %f rows were read and %f of %f sets", // Nothing: killed too early.
		&rows, &allRows, &sets, &allSets); n == 4 {
		r.RowsTaken, r.SetsTaken = rows/allRows, sets/allSets
	}
	fmt.Printf("--work: %.2f s (%.2f of processors, %.2f times); killed after %.2f s and started again: %.2f s (%.2f), same digest, "+
		"%.0f %% of rows not read and %.0f %% of sets not joined again\n", whole.seconds, whole.cpu, whole.cpu/r.CPUSeconds,
		at.Seconds(), resumed.seconds, resumed.cpu, 100*r.RowsTaken, 100*r.SetsTaken)
	return nil
}

// heat gives one id a fifth of all rows, in files of their own.
func (b *bench) heat() error {
	if err := b.remove(); err != nil {
		return err
	}
	hot, err := b.variant("hot", b.data.rows, hotRows)
	if err != nil {
		return err
	}
	run, err := hot.once()
	if err != nil {
		return err
	}
	b.result.HotSeconds, b.result.HotCPU = run.seconds, run.cpu
	fmt.Printf("one id on a fifth of the rows: %.2f s (%.2f times), %.2f of processors (%.2f times), %.0f MiB private at most\n",
		run.seconds, run.seconds/b.result.Seconds, run.cpu, run.cpu/b.result.CPUSeconds, run.peakMiB)
	return nil
}
