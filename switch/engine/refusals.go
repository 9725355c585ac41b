package engine

import (
	"encoding/binary"
	"sync"
	"time"
)

// refusals bounds how many refusals of a second are kept one by one. It stands before
// the writer's inbox, so that a flood of refused requests costs a counter each. Requests of
// which nothing proves whose they are have a share of it, so that they leave room to the others.
type refusals struct {
	mu         sync.Mutex
	perSecond  int
	second     int64
	kept       int
	claimed    int    // Of those kept, without a proof.
	suppressed uint64 // Not kept since the last one that was.
}

// keep reports whether one more refusal may be written down now, and how many were not
// since the last one that was.
func (r *refusals) keep(now time.Time, claimed bool) (suppressed uint64, keep bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if second := now.Unix(); second != r.second {
		r.second, r.kept, r.claimed = second, 0, 0
	}
	if r.kept >= r.perSecond || claimed && r.claimed*claimedPart >= r.perSecond {
		r.suppressed++
		return 0, false
	}
	r.kept++
	if claimed {
		r.claimed++
	}
	suppressed, r.suppressed = r.suppressed, 0
	return suppressed, true
}

// claimedPart is which part of the refusals kept may be of nobody proved: a half.
const claimedPart = 2

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
