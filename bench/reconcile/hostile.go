package reconcile

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

const hostileRules = `
left: {name: ours, layout: {columns: {id: {index: 1}, amount: {index: 2}}}}
right: {name: theirs, layout: {columns: {id: {index: 1}, amount: {index: 2}}}}
compare: [amount]
rules: [{name: id, key: [id]}]
`

// hostileMemory is the budget under which hostile files are reconciled.
const hostileMemory = "256MiB"

// hostile holds the matcher against rows of one id, nearly all of them equal, and against
// a line of 1 GiB.
func (b *bench) hostile(rows int64) error {
	own := *b
	own.rules = filepath.Join(b.folder, "hostile.yaml")
	if err := os.WriteFile(own.rules, []byte(hostileRules), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(own.right, []byte("P,100\nP,100\nP,100\nP,100\nP,100\nP,300\nP,300\nP,300\n"), 0o600); err != nil {
		return err
	}
	if err := own.repeat(rows); err != nil {
		return err
	}
	run, err := own.matcher("--memory", hostileMemory, "--threads", strconv.Itoa(own.threads))
	if err != nil {
		return fmt.Errorf("rows of one id: %w", err)
	}
	fmt.Printf("%d rows of one id, --memory %s: %.1f s (%.1f of processors), %.0f MiB resident at most, each row told\n",
		rows, hostileMemory, run.seconds, run.cpu, run.residentMiB)
	long, err := own.longLine()
	if err != nil {
		return err
	}
	fmt.Printf("a line of 1 GiB: %.2f s, %.0f MiB resident at most, one rejected line\n", long.seconds, long.residentMiB)
	line, err := json.Marshal(map[string]any{"rows": rows, "seconds": run.seconds, "cpu_seconds": run.cpu,
		"peak_resident_mib": run.residentMiB, "long_line_seconds": long.seconds, "long_line_peak_resident_mib": long.residentMiB})
	fmt.Println(string(line))
	return err
}

// repeat writes the left side: one id, each hundredth row of another amount. The first five
// rows match, three more meet rows of another amount, all others are repetitions.
func (b *bench) repeat(rows int64) error {
	file, err := os.Create(b.left)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriterSize(file, 1<<20)
	sum := int64(0)
	for i := range rows {
		text, amount := "P,100\n", int64(100)
		if i%100 == 99 {
			text, amount = "P,200\n", 200
		}
		sum += amount
		if _, err := out.WriteString(text); err != nil {
			return err
		}
	}
	b.truth = &truth{Left: total{rows, sum}, Right: total{8, 1400}, Matched: total{5, 500},
		Classes: map[string]total{"amount": {3, 300}, "duplicate-left": {rows - 8, sum - 800}}}
	return out.Flush()
}

// longLine puts a line of 1 GiB, a hole in the file, behind a good one.
func (b *bench) longLine() (*child, error) {
	if err := os.WriteFile(b.left, []byte("P,100\n"), 0o600); err != nil {
		return nil, err
	}
	if err := os.Truncate(b.left, 1<<30); err != nil {
		return nil, err
	}
	c, err := runChild(b.command("--memory", hostileMemory))
	if err == nil {
		err = json.Unmarshal(c.output, &c.sum)
	}
	if err != nil {
		return nil, err
	}
	if c.sum.Left.Rows != 1 || len(c.sum.Rejects) != 1 || c.sum.Rejects[0].Line != 2 {
		return nil, fmt.Errorf("bench: a line of 1 GiB gave %+v", c.sum)
	}
	return c, nil
}
