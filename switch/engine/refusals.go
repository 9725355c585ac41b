package engine

import (
	"encoding/binary"
	"time"

	"tongma/switch/journal"
)

// refusals bounds how many refusals of a second are kept one by one.
type refusals struct {
	perSecond  int
	second     int64
	kept       int
	suppressed uint64 // Not kept since the last one that was.
}

// keep reports whether one more refusal may be written down now.
func (r *refusals) keep(now time.Time) bool {
	if second := now.Unix(); second != r.second {
		r.second, r.kept = second, 0
	}
	if r.kept >= r.perSecond {
		r.suppressed++
		return false
	}
	r.kept++
	return true
}

// refuse writes down that a request was refused before it became a payment.
func (w *writer) refuse(now time.Time, note *Refused) {
	if !w.refusals.keep(now) {
		return
	}
	b := w.batch
	from := len(b.bodies)
	b.bodies = appendRefused(b.bodies, note, w.refusals.suppressed)
	w.refusals.suppressed = 0
	b.spans = append(b.spans, span{from, len(b.bodies)})
	b.records = append(b.records, journal.Record{Kind: uint8(recordRefused), Version: recordVersion})
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
