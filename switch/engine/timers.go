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

// set adds an entry.
func (t *timers) set(at time.Time, id payment.ID) {
	entry := timer{at: at.UnixNano(), id: id}
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

// timerQueue holds entries in the order of their times.
type timerQueue struct {
	entries []timer
	taken   int // Entries before this one are gone.
}

func (q *timerQueue) first() (timer, bool) {
	if q.taken == len(q.entries) {
		return timer{}, false
	}
	return q.entries[q.taken], true
}

func (q *timerQueue) last() (timer, bool) {
	if q.taken == len(q.entries) {
		return timer{}, false
	}
	return q.entries[len(q.entries)-1], true
}

// push adds an entry; room that is taken is used again when it is most of the queue.
func (q *timerQueue) push(entry timer) {
	if len(q.entries) == cap(q.entries) && q.taken > len(q.entries)/2 {
		kept := copy(q.entries, q.entries[q.taken:])
		clear(q.entries[kept:])
		q.entries, q.taken = q.entries[:kept], 0
	}
	q.entries = append(q.entries, entry)
}

func (q *timerQueue) pop() {
	q.entries[q.taken] = timer{} // Lets go of the id.
	q.taken++
	if q.taken == len(q.entries) {
		q.entries, q.taken = q.entries[:0], 0
	}
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
