package reconcile

import (
	"cmp"
	"slices"
)

// joiner joins partitions one after another, with memory that it keeps between them.
type joiner struct {
	job    *job
	seats  []seat
	slots  []uint32
	left   []entry // Left rows that no right row equals.
	right  []entry
	parser [2][]*parser
	found  []finding
}

// seat is one distinct content of the left side in this partition.
type seat struct {
	entry
	count, taken uint32
}

// finding is one difference; a position is -1 for a row that is not there.
type finding struct {
	class       Class
	left, right int64
}

// partition joins one partition: first rows that agree in everything, the k-th copy
// with the k-th; then what is left, by key.
func (j *joiner) partition(number int) error {
	j.left, j.right, j.seats = j.left[:0], j.right[:0], j.seats[:0]
	j.seat(number)
	for e := range ordered(j.job.shards[1], number) {
		if s := j.find(e); s != nil && s.taken < s.count {
			s.taken++
		} else {
			j.right = append(j.right, e)
		}
	}
	taken := func(s *seat) bool { return s.taken > 0 }
	if !slices.ContainsFunc(j.seats, func(s seat) bool { return s.taken < s.count }) &&
		len(j.right) == 0 {
		return nil
	}
	matched := map[uint64]bool{}
	for _, e := range j.right {
		matched[e.key] = false
	}
	for i := range j.seats {
		if j.seats[i].taken < j.seats[i].count {
			matched[j.seats[i].key] = false
		}
	}
	for i := range j.seats {
		if _, open := matched[j.seats[i].key]; open && taken(&j.seats[i]) {
			matched[j.seats[i].key] = true
		}
	}
	for e := range ordered(j.job.shards[0], number) {
		if s := j.find(e); s.taken > 0 {
			s.taken--
		} else if _, open := matched[e.key]; open {
			j.left = append(j.left, e)
		}
	}
	return j.residue(matched)
}

// seat fills the table with the left side's distinct rows.
func (j *joiner) seat(number int) {
	rows := 0
	for _, s := range j.job.shards[0] {
		for _, chunk := range s.chunks[number] {
			rows += len(chunk)
		}
	}
	size := 16
	for size < rows*2 {
		size *= 2
	}
	if cap(j.slots) < size {
		j.slots = make([]uint32, size)
	}
	j.slots = j.slots[:size]
	clear(j.slots)
	mask := uint64(size - 1)
	for e := range ordered(j.job.shards[0], number) {
		at := e.value & mask
		for ; j.slots[at] != 0; at = (at + 1) & mask {
			if s := &j.seats[j.slots[at]-1]; s.value == e.value && s.key == e.key {
				s.count++
				break
			}
		}
		if j.slots[at] == 0 {
			j.seats = append(j.seats, seat{entry: e, count: 1})
			j.slots[at] = uint32(len(j.seats))
		}
	}
}

func (j *joiner) find(e entry) *seat {
	mask := uint64(len(j.slots) - 1)
	for at := e.value & mask; j.slots[at] != 0; at = (at + 1) & mask {
		if s := &j.seats[j.slots[at]-1]; s.value == e.value && s.key == e.key {
			return s
		}
	}
	return nil
}

// residue explains the rows that no equal row took: those of one key are paired in
// input order and typed by what differs; more of them on one side are duplicates.
func (j *joiner) residue(matched map[uint64]bool) error {
	order := func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.position, b.position))
	}
	slices.SortFunc(j.left, order)
	slices.SortFunc(j.right, order)
	left, right := j.left, j.right
	for len(left) > 0 || len(right) > 0 {
		switch {
		case len(right) == 0 || len(left) > 0 && left[0].key < right[0].key:
			key := left[0].key
			j.one(&left, 0, matched[key])
			matched[key] = true
		case len(left) == 0 || right[0].key < left[0].key:
			key := right[0].key
			j.one(&right, 1, matched[key])
			matched[key] = true
		default:
			key := left[0].key
			if err := j.pair(left[0].position, right[0].position); err != nil {
				return err
			}
			left, right = left[1:], right[1:]
			matched[key] = true
		}
	}
	return nil
}

// one types a row whose key has no partner left on the other side.
func (j *joiner) one(rows *[]entry, side int, repeated bool) {
	position := (*rows)[0].position
	*rows = (*rows)[1:]
	found := finding{Short, position, -1}
	if side == 1 {
		found = finding{Long, -1, position}
	}
	if repeated {
		found.class = DuplicateLeft + Class(side)
	}
	j.found = append(j.found, found)
}

// pair reads both lines again and compares them byte by byte. Two ids that only share
// a hash are no pair: each row is then missing on the other side.
func (j *joiner) pair(left, right int64) error {
	var rows [2]row
	for side, position := range []int64{left, right} {
		if err := j.job.read(j.parser[side], side, position, &rows[side]); err != nil {
			return err
		}
	}
	if string(rows[0].text[ID]) != string(rows[1].text[ID]) {
		j.found = append(j.found, finding{Short, left, -1}, finding{Long, -1, right})
		return nil
	}
	if class := j.job.differs(&rows[0], &rows[1]); class != Matched {
		j.found = append(j.found, finding{class, left, right})
	}
	return nil
}

// ordered walks one partition of a side in ascending position: each worker's entries
// ascend already, so that this is a merge of as many streams as there were workers.
func ordered(shards []*shard, number int) func(yield func(entry) bool) {
	return func(yield func(entry) bool) {
		streams := make([][][]entry, 0, len(shards))
		for _, s := range shards {
			if len(s.chunks[number]) > 0 {
				streams = append(streams, s.chunks[number])
			}
		}
		at := make([]int, len(streams))
		for len(streams) > 0 {
			first := 0
			for i := 1; i < len(streams); i++ {
				if streams[i][0][at[i]].position < streams[first][0][at[first]].position {
					first = i
				}
			}
			if !yield(streams[first][0][at[first]]) {
				return
			}
			if at[first]++; at[first] == len(streams[first][0]) {
				at[first], streams[first] = 0, streams[first][1:]
				if len(streams[first]) == 0 {
					streams = slices.Delete(streams, first, first+1)
					at = slices.Delete(at, first, first+1)
				}
			}
		}
	}
}
