package engine

import (
	"container/heap"
	"time"

	"tongma/switch/payment"
)

// timers holds when which payment wants to be looked at, the earliest first. An entry
// is never taken out before its time: looking too early does nothing.
//
// Nearly every entry is later than all before it, one plan's time from now: those stand in
// a queue, where taking one out costs nothing. With a heap of all of them, which at a
// hundred thousand payments a second holds half a million, each would cost twenty steps
// through cold memory. The rest are in a heap.
type timers struct {
	queue timerQueue
	heap  timerHeap
}

type timer struct {
	at int64 // Unix nanoseconds.
	id payment.ID
}

// set adds an entry for at, Unix nanoseconds.
func (t *timers) set(at int64, id payment.ID) {
	entry := timer{at: at, id: id}
	if last, ok := t.queue.last(); ok && entry.at < last.at {
		heap.Push(&t.heap, entry)
		return
	}
	t.queue.push(entry)
}

// first is the earliest entry, and whether it stands in the heap; ok is false where there
// is none.
func (t *timers) first() (entry timer, inHeap, ok bool) {
	entry, ok = t.queue.first()
	if len(t.heap) > 0 && (!ok || t.heap[0].at < entry.at) {
		return t.heap[0], true, true
	}
	return entry, false, ok
}

// due removes and returns the earliest entry that has come by now.
func (t *timers) due(now time.Time) (payment.ID, bool) {
	entry, inHeap, ok := t.first()
	if !ok || entry.at > now.UnixNano() {
		return "", false
	}
	if inHeap {
		heap.Pop(&t.heap)
	} else {
		t.queue.pop()
	}
	return entry.id, true
}

// next is the time until the earliest entry, at most limit.
func (t *timers) next(now time.Time, limit time.Duration) time.Duration {
	entry, _, ok := t.first()
	if !ok {
		return limit
	}
	return max(0, min(limit, time.Duration(entry.at-now.UnixNano())))
}

// timerQueue holds entries in the order of their times, in pieces: to grow one long slice of
// a million would stop the writer for as long as it takes to copy it.
type timerQueue struct {
	pieces [][]timer // None is empty; the first one holds the earliest entries.
	taken  int       // Entries of the first piece before this one are gone.
	spare  []timer   // A piece that was emptied, to be filled again.
}

// timerPiece is how many entries a piece holds: 96 KiB.
const timerPiece = 4096

func (q *timerQueue) first() (timer, bool) {
	if len(q.pieces) == 0 {
		return timer{}, false
	}
	return q.pieces[0][q.taken], true
}

func (q *timerQueue) last() (timer, bool) {
	if len(q.pieces) == 0 {
		return timer{}, false
	}
	piece := q.pieces[len(q.pieces)-1]
	return piece[len(piece)-1], true
}

func (q *timerQueue) push(entry timer) {
	if n := len(q.pieces); n > 0 && len(q.pieces[n-1]) < timerPiece {
		q.pieces[n-1] = append(q.pieces[n-1], entry)
		return
	}
	piece := q.spare
	q.spare = nil
	if piece == nil {
		piece = make([]timer, 0, timerPiece)
	}
	q.pieces = append(q.pieces, append(piece, entry))
}

func (q *timerQueue) pop() {
	piece := q.pieces[0]
	piece[q.taken] = timer{} // Lets go of the id.
	q.taken++
	if q.taken < len(piece) {
		return
	}
	q.spare, q.taken = piece[:0], 0
	q.pieces[0] = nil
	q.pieces = q.pieces[1:]
}

// timerHeap is heap.Interface.
type timerHeap []timer

func (t timerHeap) Len() int           { return len(t) }
func (t timerHeap) Less(i, j int) bool { return t[i].at < t[j].at }
func (t timerHeap) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }

// Push and Pop are heap.Interface's.
func (t *timerHeap) Push(x any) { *t = append(*t, x.(timer)) }

// Pop removes the last entry, for package heap.
func (t *timerHeap) Pop() any {
	old := *t
	last := old[len(old)-1]
	old[len(old)-1] = timer{}
	*t = old[:len(old)-1]
	return last
}
