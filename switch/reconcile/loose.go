package reconcile

import (
	"cmp"
	"slices"
)

// joinLoose joins the loaded set under a rule whose rows meet by nearness in time or by
// their sum.
func (w *worker) joinLoose(rule *Rule) error {
	for side := range w.loaded {
		w.rest[side] = w.rest[side][:0]
		for _, chunk := range w.loaded[side] {
			w.rest[side] = append(w.rest[side], chunk...)
		}
		slices.SortFunc(w.rest[side], func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.key(), b.key()), cmp.Compare(int64(a.value()), int64(b.value())),
				byPosition(a, b))
		})
	}
	left, right := w.rest[0], w.rest[1]
	for len(left) > 0 || len(right) > 0 {
		key := uint64(keyMask + 1)
		if len(left) > 0 {
			key = left[0].key()
		}
		if len(right) > 0 {
			key = min(key, right[0].key())
		}
		a, b := sameKeys(left, key), sameKeys(right, key)
		var err error
		if rule.kind() == windowRule {
			err = w.byTime(rule, left[:a], right[:b])
		} else {
			err = w.bySum(rule, [2][]entry{left[:a], right[:b]})
		}
		if err != nil {
			return err
		}
		left, right = left[a:], right[b:]
	}
	return nil
}

// byTime pairs rows of one key, both sides in order of time: the earliest left with the
// earliest right inside the window. No other pairing inside the window has more pairs.
func (w *worker) byTime(rule *Rule, left, right []entry) error {
	window := int64(rule.Window.Seconds())
	for len(left) > 0 || len(right) > 0 {
		var err error
		switch {
		case len(right) == 0 || len(left) > 0 && int64(left[0].value()) < int64(right[0].value())-window:
			err = w.open(0, left[0].position())
			left = left[1:]
		case len(left) == 0 || int64(right[0].value()) < int64(left[0].value())-window:
			err = w.open(1, right[0].position())
			right = right[1:]
		default:
			err = w.pair(rule, left[0].position(), right[0].position())
			left, right = left[1:], right[1:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bySum holds the sum of the many against the one. Where the other side has no row of the
// key, or more than one, all stay open.
func (w *worker) bySum(rule *Rule, sides [2][]entry) error {
	many := 0
	if rule.Many == "right" {
		many = 1
	}
	if len(sides[many]) == 0 || len(sides[1-many]) != 1 {
		for side, list := range sides {
			for i := range list {
				if err := w.open(side, list[i].position()); err != nil {
					return err
				}
			}
		}
		return nil
	}
	one, sum := &sides[1-many][0], int64(0)
	for i := range sides[many] {
		sum += int64(sides[many][i].value())
	}
	class := Matched
	if difference := sum - int64(one.value()); abs(difference) > w.job.plan.Tolerance.Amount {
		class = BatchDiffers
	}
	for i := range sides[many] {
		f := finding{sides[many][i].position(), one.position(), class, uint8(w.job.rule)}
		if many == 1 {
			f.left, f.right = f.right, f.left
		}
		var err error
		if class != Matched {
			err = w.found.add(f)
		} else if w.job.options.Pairs != nil {
			err = w.pairs.add(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
