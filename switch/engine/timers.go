package engine

import (
	"container/heap"
	"time"

	"tongma/switch/payment"
)

// timers holds when which payment wants to be looked at, the earliest first. An entry
// is never taken out before its time: looking too early does nothing.
type timers []timer

type timer struct {
	at int64 // Unix nanoseconds.
	id payment.ID
}

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at < t[j].at }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }

// Push and Pop are heap.Interface's.
func (t *timers) Push(x any) { *t = append(*t, x.(timer)) }

// Pop removes the last entry, for package heap.
func (t *timers) Pop() any {
	old := *t
	last := old[len(old)-1]
	old[len(old)-1] = timer{}
	*t = old[:len(old)-1]
	return last
}

// set adds an entry. Most are later than all before, which costs one comparison.
func (t *timers) set(at time.Time, id payment.ID) {
	*t = append(*t, timer{at: at.UnixNano(), id: id})
	if n := len(*t); n > 1 && (*t)[n-1].at < (*t)[(n-2)/2].at {
		heap.Fix(t, n-1)
	}
}

// due removes and returns the earliest entry that has come by now.
func (t *timers) due(now time.Time) (payment.ID, bool) {
	if len(*t) == 0 || (*t)[0].at > now.UnixNano() {
		return "", false
	}
	return heap.Pop(t).(timer).id, true
}

// next is the time until the earliest entry, at most limit.
func (t timers) next(now time.Time, limit time.Duration) time.Duration {
	if len(t) == 0 {
		return limit
	}
	return max(0, min(limit, time.Duration(t[0].at-now.UnixNano())))
}
