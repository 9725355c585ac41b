package reconcile

import (
	"cmp"
	"slices"
)

// Candidate is an open row of the other side that could belong to this one.
type Candidate struct {
	Line
	// Difference is its amount minus this row's, in minor units.
	Difference int64 `json:"difference"`
	// Seconds is its moment minus this row's; absent when one has none.
	Seconds *int64 `json:"seconds,omitempty"`
	// Differs lists the texts that are not equal.
	Differs []string `json:"differs"`
}

const (
	candidatesMax    = 3
	candidateRowsMax = 100_000 // Open rows of a side that are looked through.
	candidateScan    = 64      // Rows of one amount that are looked at for each row.
)

// candidates are the open rows of both sides, by amount and by reference.
type candidates struct {
	report      *report
	byAmount    [2]map[int64][]int64 // Positions, ascending.
	byReference [2]map[string][]int64
	rows        [2]int
}

// gather indexes the open rows. Beyond the limit the rest has no candidates.
func (r *report) gather(open []*findings) (*candidates, error) {
	c := &candidates{report: r}
	for side := range c.byAmount {
		c.byAmount[side], c.byReference[side] = map[int64][]int64{}, map[string][]int64{}
	}
	return c, inOrder(open, func(f finding) error {
		side, position := 0, f.left
		if position < 0 {
			side, position = 1, f.right
		}
		if c.rows[side] >= candidateRowsMax {
			return nil
		}
		c.rows[side]++
		if err := r.reader.read(side, position); err != nil {
			return err
		}
		row := &r.reader.rows[side]
		c.byAmount[side][row.amount] = append(c.byAmount[side][row.amount], position)
		if text := string(row.text[Reference]); text != "" {
			c.byReference[side][text] = append(c.byReference[side][text], position)
		}
		return nil
	})
}

// nearest finds the open rows of the other side with the reference or the amount of the
// row of f, which the reader has at hand; nearest first.
func (c *candidates) nearest(f finding) []Candidate {
	side := 0
	if f.left < 0 {
		side = 1
	}
	other, own := 1-side, &c.report.reader.rows[side]
	positions := slices.Clone(some(c.byReference[other][string(own.text[Reference])]))
	positions = append(positions, some(c.byAmount[other][own.amount])...)
	slices.Sort(positions)
	positions = slices.Compact(positions)
	var list []Candidate
	for _, position := range positions {
		line, err := c.report.line(other, position)
		if err != nil {
			continue // A candidate is a hint; the row itself is reported.
		}
		list = append(list, newCandidate(*line, own, &c.report.reader.rows[other]))
	}
	slices.SortStableFunc(list, func(a, b Candidate) int { return cmp.Compare(a.distance(), b.distance()) })
	return list[:min(len(list), candidatesMax)]
}

func some(positions []int64) []int64 { return positions[:min(len(positions), candidateScan)] }

func newCandidate(line Line, own, other *row) Candidate {
	c := Candidate{Line: line, Difference: other.amount - own.amount, Differs: []string{}}
	if own.second != noTime && other.second != noTime {
		seconds := other.second - own.second
		c.Seconds = &seconds
	}
	for f := range own.text {
		if isText(Field(f)) && string(own.text[f]) != string(other.text[f]) {
			c.Differs = append(c.Differs, Field(f).String())
		}
	}
	return c
}

// distance orders candidates: each text that differs and each other amount weigh as much
// as an hour.
func (c *Candidate) distance() int64 {
	d := int64(len(c.Differs)) * 3600
	if c.Difference != 0 {
		d += 3600
	}
	if c.Seconds != nil {
		d += abs(*c.Seconds)
	}
	return d
}
