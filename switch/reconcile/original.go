package reconcile

import "slices"

// takesBack reports a refund or reversal whose original is to be looked for.
func (j *job) takesBack(r *row) bool {
	return j.plan.Refunds != nil && slices.Contains(j.plan.Refunds.Kinds, string(r.text[Kind]))
}

// originals looks for the originals that refunds in one partition ask for, among the ids
// of their own side. It runs under the first rule only, before the partition is joined.
func (w *worker) originals(number int) error {
	if w.job.plan.Refunds == nil || w.job.rule > 0 {
		return nil
	}
	asked, present := w.job.partition(w.job.partitions+number), w.job.partition(number)
	for side := range asked.sides {
		if asked.rows[side] == 0 {
			continue
		}
		wanted := map[uint64][]int64{}
		err := merge(asked.sides[side], func(e entry) error {
			wanted[e.key()] = append(wanted[e.key()], e.position())
			return nil
		})
		if err != nil {
			return err
		}
		err = merge(present.sides[side], func(e entry) error {
			delete(wanted, e.key())
			return nil
		})
		if err != nil {
			return err
		}
		for _, positions := range wanted {
			for _, position := range positions {
				f := finding{left: position, right: -1, class: RefundOrphan}
				if side == 1 {
					f.left, f.right = -1, position
				}
				if err := w.found.add(f); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
