package reconcile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// worker has everything that one goroutine needs, with memory that it keeps.
type worker struct {
	job    *job
	arena  arena
	shards [2]*shard

	found  findings // Typed differences.
	opened findings // Rows that no row of the other side met under the rule at hand.
	pairs  findings // Matches, when they are wanted.
	tally  *tally   // Nil without a work directory.

	row        row // The one at hand while a side is read.
	separators separators

	keyText []byte
	parsers [2][]*parser
	near    [2]near
	line    [2][]byte // The lines of rows, within near.
	rows    [2]row

	loaded  [2][][]entry
	buffer  []entry
	seats   []seat
	slots   []uint32
	partner []int64 // Of each seat: position of the right row, when pairs are wanted.
	rest    [2][]entry
}

// seat is one distinct content of the left side in the set at hand.
type seat struct {
	entry
	left, right uint32
}

// set is what is joined at once: strands of both sides that hold all rows of their keys.
type set struct {
	sides [2][]*strand
	rows  [2]int64
}

func (s *set) total() int64 { return s.rows[0] + s.rows[1] }

// load brings a set into memory.
func (w *worker) load(s *set) error {
	need := int64(0)
	for _, strands := range s.sides {
		for _, strand := range strands {
			need += (strand.end - strand.at) / entryBytes
		}
	}
	if int64(cap(w.buffer)) < need {
		w.buffer = make([]entry, need)
	}
	free := w.buffer[:need]
	for side, strands := range s.sides {
		w.loaded[side] = w.loaded[side][:0]
		for _, strand := range strands {
			w.loaded[side] = append(w.loaded[side], strand.chunks...)
			if n := (strand.end - strand.at) / entryBytes; n > 0 {
				if err := readEntries(strand.file, free[:n], strand.at); err != nil {
					return err
				}
				w.loaded[side] = append(w.loaded[side], free[:n])
				free = free[n:]
			}
			w.loaded[side] = append(w.loaded[side], strand.tail)
		}
	}
	return nil
}

// unload gives the chunks of a set back.
func (w *worker) unload(s *set) {
	for _, strands := range s.sides {
		for _, strand := range strands {
			w.arena.give(strand.chunks)
			strand.chunks = nil
		}
	}
}

// join joins a set that fits in memory under the rule at hand.
func (w *worker) join(s *set) error {
	if err := w.load(s); err != nil {
		return err
	}
	defer w.unload(s)
	rule := &w.job.plan.Rules[w.job.rule]
	if rule.kind() != equalRule {
		return w.joinLoose(rule)
	}
	if err := w.exact(s.rows[0]); err != nil {
		return err
	}
	if len(w.rest[0]) == 0 && len(w.rest[1]) == 0 {
		return nil
	}
	return w.residue(rule)
}

// exact matches rows that agree in everything, the k-th copy with the k-th, and leaves
// the others in rest.
func (w *worker) exact(rows int64) error {
	w.rest[0], w.rest[1] = w.rest[0][:0], w.rest[1][:0]
	w.seat(rows)
	pairs := w.job.options.Pairs != nil
	for _, chunk := range w.loaded[1] {
		for i := range chunk {
			e := &chunk[i]
			at := w.find(e)
			if at < 0 {
				w.rest[1] = append(w.rest[1], *e)
				continue
			}
			w.seats[at].right++
			if pairs {
				w.partner[at] = e.position()
			}
		}
	}
	var several map[int]*copies
	for i := range w.seats {
		s := &w.seats[i]
		switch {
		case s.left == 1 && s.right == 1:
			if err := w.match(s.position(), i); err != nil {
				return err
			}
		case s.left == 1 && s.right == 0:
			w.rest[0] = append(w.rest[0], s.entry)
		case s.left != s.right || pairs:
			if several == nil {
				several = map[int]*copies{}
			}
			several[i] = &copies{}
		}
	}
	return w.copies(several)
}

func (w *worker) match(left int64, seat int) error {
	if w.job.options.Pairs == nil {
		return nil
	}
	return w.pairs.add(finding{left, w.partner[seat], Matched, uint8(w.job.rule)})
}

// copies are the rows of one content that occurs several times.
type copies [2][]entry

// copies matches the copies of each content in their order and leaves the surplus.
func (w *worker) copies(several map[int]*copies) error {
	if several == nil {
		return nil
	}
	var wanted sieve
	for i := range several {
		wanted.add(w.seats[i].value())
	}
	for side := range w.loaded {
		for _, chunk := range w.loaded[side] {
			for i := range chunk {
				if !wanted.has(chunk[i].value()) {
					continue
				}
				if c := several[w.find(&chunk[i])]; c != nil {
					c[side] = append(c[side], chunk[i])
				}
			}
		}
	}
	for _, c := range several {
		slices.SortFunc(c[0], byPosition)
		slices.SortFunc(c[1], byPosition)
		n := min(len(c[0]), len(c[1]))
		w.rest[0] = append(w.rest[0], c[0][n:]...)
		w.rest[1] = append(w.rest[1], c[1][n:]...)
		if w.job.options.Pairs == nil {
			continue
		}
		for i := range n {
			f := finding{c[0][i].position(), c[1][i].position(), Matched, uint8(w.job.rule)}
			if err := w.pairs.add(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// sieve remembers some hashes among many: has may err on others, a few of which then cost
// a look at the table, never on those that were added.
type sieve [64]uint64

func (s *sieve) add(hash uint64) { s[hash>>6%64] |= 1 << (hash % 64) }

func (s *sieve) has(hash uint64) bool { return s[hash>>6%64]>>(hash%64)&1 != 0 }

func byPosition(a, b entry) int { return cmp.Compare(a.position(), b.position()) }

// seat fills the table with the left side's distinct rows.
func (w *worker) seat(rows int64) {
	size := 16
	for int64(size) < rows*3/2 {
		size *= 2
	}
	if cap(w.slots) < size {
		w.slots = make([]uint32, size)
	}
	w.slots = w.slots[:size]
	clear(w.slots)
	w.seats = w.seats[:0]
	mask := uint64(size - 1)
	for _, chunk := range w.loaded[0] {
		for i := range chunk {
			e := &chunk[i]
			at := e.value() & mask
			for ; w.slots[at] != 0; at = (at + 1) & mask {
				if s := &w.seats[w.slots[at]-1]; s.same(e) {
					s.left++
					break
				}
			}
			if w.slots[at] == 0 {
				w.seats = append(w.seats, seat{entry: *e, left: 1})
				w.slots[at] = uint32(len(w.seats))
			}
		}
	}
	if w.job.options.Pairs != nil && cap(w.partner) < len(w.seats) {
		w.partner = make([]int64, cap(w.seats))
	}
	w.partner = w.partner[:cap(w.partner)]
}

func (e *entry) same(f *entry) bool {
	return e.words[3] == f.words[3] && e.words[4] == f.words[4] && e.key() == f.key()
}

// find returns the number of the seat with e's content, or -1.
func (w *worker) find(e *entry) int {
	mask := uint64(len(w.slots) - 1)
	for at := e.value() & mask; w.slots[at] != 0; at = (at + 1) & mask {
		if s := &w.seats[w.slots[at]-1]; s.same(e) {
			return int(w.slots[at] - 1)
		}
	}
	return -1
}

// residue explains the rows that no equal row took: those of one key are paired in input
// order and typed by what differs; more of them on one side are duplicates if the other
// side has the key at all.
func (w *worker) residue(rule *Rule) error {
	for side := range w.rest {
		slices.SortFunc(w.rest[side], func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.key(), b.key()), byPosition(a, b))
		})
	}
	met := w.met()
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
		n := min(a, b)
		for i := range n {
			if err := w.pair(rule, left[i].position(), right[i].position()); err != nil {
				return err
			}
		}
		for i := n; i < a; i++ {
			if err := w.alone(0, left[i].position(), i > 0 || met[key]); err != nil {
				return err
			}
		}
		for i := n; i < b; i++ {
			if err := w.alone(1, right[i].position(), i > 0 || met[key]); err != nil {
				return err
			}
		}
		left, right = left[a:], right[b:]
	}
	return nil
}

func sameKeys(list []entry, key uint64) int {
	n := 0
	for n < len(list) && list[n].key() == key {
		n++
	}
	return n
}

// met tells of each key in rest whether some of its rows were matched.
func (w *worker) met() map[uint64]bool {
	met := make(map[uint64]bool, len(w.rest[0])+len(w.rest[1]))
	var wanted sieve
	for _, list := range w.rest {
		for i := range list {
			met[list[i].key()] = false
			wanted.add(list[i].key())
		}
	}
	for i := range w.seats {
		if s := &w.seats[i]; s.right > 0 && wanted.has(s.key()) {
			if _, asked := met[s.key()]; asked {
				met[s.key()] = true
			}
		}
	}
	return met
}

// alone types a row whose key has no partner left on the other side. The first row of a
// key that the other side does not have at all stays open, for looser rules.
func (w *worker) alone(side int, position int64, repeated bool) error {
	if !repeated {
		return w.open(side, position)
	}
	f := finding{left: position, right: -1, rule: uint8(w.job.rule), class: DuplicateLeft}
	if side == 1 {
		f.left, f.right, f.class = -1, position, DuplicateRight
	}
	return w.found.add(f)
}

func (w *worker) open(side int, position int64) error {
	f := finding{left: position, right: -1, class: Short}
	if side == 1 {
		f = finding{left: -1, right: position, class: Long}
	}
	return w.opened.add(f)
}

// pair reads both lines again and compares them byte by byte. Two keys that only share a
// hash are no pair: each row then stays open.
func (w *worker) pair(rule *Rule, left, right int64) error {
	for side, position := range []int64{left, right} {
		if err := w.read(side, position); err != nil {
			return err
		}
	}
	if !w.sameKey(rule, &w.rows[0], &w.rows[1]) {
		return errors.Join(w.open(0, left), w.open(1, right))
	}
	late := w.job.sources[0].isCarried(left) || w.job.sources[1].isCarried(right)
	f := finding{left, right, w.job.differs(rule, &w.rows[0], &w.rows[1], late), uint8(w.job.rule)}
	if f.class != Matched {
		return w.found.add(f)
	}
	if w.job.options.Pairs != nil {
		return w.pairs.add(f)
	}
	return nil
}

// read parses the row at position again, into rows[side].
func (w *worker) read(side int, position int64) error {
	s := w.job.sources[side]
	line, err := s.lineNear(&w.near[side], position)
	if err != nil {
		return fmt.Errorf("reconcile: cannot read side %s again: %w", s.name, err)
	}
	if w.parsers[side] == nil {
		w.parsers[side] = s.parsers()
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	w.line[side] = line
	if err := w.parsers[side][s.part(position)].parse(line, &w.rows[side]); err != nil {
		return fmt.Errorf("reconcile: side %s changed while it was read: %w", s.name, err)
	}
	return nil
}
