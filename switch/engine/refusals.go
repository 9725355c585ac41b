package engine

import (
	"encoding/binary"
	"sync"
	"time"
)

// refusals bounds how many refusals of a second are kept one by one. It stands before
// the writer's inbox, so that a flood of refused requests costs a counter each.
type refusals struct {
	mu         sync.Mutex
	perSecond  int
	second     int64
	kept       int
	suppressed uint64 // Not kept since the last one that was.
}

// keep reports whether one more refusal may be written down now, and how many were not
// since the last one that was.
func (r *refusals) keep(now time.Time) (suppressed uint64, keep bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if second := now.Unix(); second != r.second {
		r.second, r.kept = second, 0
	}
	if r.kept >= r.perSecond {
		r.suppressed++
		return 0, false
	}
	r.kept++
	suppressed, r.suppressed = r.suppressed, 0
	return suppressed, true
}

// refuse writes down that a request was refused before it became a payment.
func (w *writer) refuse(in *input) {
	b := w.batch
	from := len(b.bodies)
	b.bodies = appendRefused(b.bodies, in.refused, in.suppressed)
	b.record(recordRefused, from)
	if len(b.records) >= w.options.Limits.BlockRecordsMax {
		w.flush()
	}
}

// appendRefused appends the body of a refusal. It begins with an empty payment id.
func appendRefused(dst []byte, note *Refused, suppressed uint64) []byte {
	dst = appendString(dst, "")
	dst = append(dst, byte(note.Failure))
	dst = binary.AppendVarint(dst, note.Time.UnixNano())
	dst = appendString(dst, note.Institution)
	dst = appendString(dst, note.RequestID)
	dst = appendString(dst, note.Path)
	return binary.AppendUvarint(dst, suppressed)
}

func appendVarint(dst []byte, n int64) []byte { return binary.AppendVarint(dst, n) }
