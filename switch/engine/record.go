package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// recordKind is the kind of a journal record. The numbers are on disk: never reuse one.
type recordKind uint8

const (
	recordIntent   recordKind = 1  // A payment, before anything of it is sent.
	recordLeg      recordKind = 2  // The legs, after one of them was decided or undone.
	recordRoute    recordKind = 3  // The leg at hand went to another target; nothing had left us.
	recordOutcome  recordKind = 4  // The end, with its postings. A later cancel adds a second one.
	recordUnknown  recordKind = 5  // The caller was told that the outcome is not known.
	recordManual   recordKind = 6  // The plan is spent; people decide.
	recordNote     recordKind = 7  // An answer that changed nothing, kept as evidence.
	recordRefunded recordKind = 8  // The sums of a payment's approved refunds and of its chargebacks.
	recordRefused  recordKind = 9  // A request that was refused before intent.
	recordAct      recordKind = 10 // What a person did to the switch, or was refused.
	recordOwed     recordKind = 11 // The caller, who was told "unknown", is owed the outcome that stands before.
	recordTold     recordKind = 12 // The caller has acknowledged the outcome that it was owed.
)

var recordNames = map[recordKind]string{
	recordIntent: "intent", recordLeg: "leg", recordRoute: "route", recordOutcome: "outcome",
	recordUnknown: "unknown", recordManual: "manual", recordNote: "note",
	recordRefunded: "refunded", recordRefused: "refused", recordAct: "act",
	recordOwed: "owed", recordTold: "told",
}

func (k recordKind) String() string { return recordNames[k] }

// RecordName says which kind of record number kind is; empty for one that this engine
// does not write.
func RecordName(kind uint8) string { return recordNames[recordKind(kind)] }

// The versions of record bodies. An intent's is two ahead: first it added the code's shape,
// so that a draft of a routing table can be tried on recorded traffic, then the reason of a
// chargeback or an adjustment. An act's adds what the act posted, the sums of what was
// returned add the chargebacks. The ones before them are still read.
const (
	recordVersion   = 2
	shapeVersion    = 3 // The first intent with a shape.
	intentVersion   = 4
	actVersion      = 3
	refundedVersion = 3
)

// version is the one that this engine writes.
func (k recordKind) version() uint8 {
	switch k {
	case recordIntent:
		return intentVersion
	case recordAct:
		return actVersion
	case recordRefunded:
		return refundedVersion
	}
	return recordVersion
}

// readable reports whether this build reads the record's kind and version.
func readable(record *journal.Record) bool {
	kind := recordKind(record.Kind)
	return kind.String() != "" && record.Version >= recordVersion && record.Version <= kind.version()
}

// errRecord is what every unreadable record body wraps.
var errRecord = errors.New("engine: record body cannot be read")

// appendRecord appends the body of a record about l. Bodies are fields in fixed order:
// integers as varints, strings as length and bytes, times as Unix nanoseconds UTC.
func appendRecord(dst []byte, a *action) []byte {
	l := a.life
	dst = appendString(dst, string(l.ID))
	switch a.record {
	case recordIntent:
		dst = appendIntent(dst, l.Payment)
		dst = append(dst, byte(l.phase))
		return appendLegs(dst, l)
	case recordLeg, recordRoute, recordUnknown, recordManual:
		dst = append(dst, byte(l.Status), byte(l.phase), byte(l.failure))
		return appendLegs(dst, l)
	case recordOutcome:
		dst = append(dst, byte(l.Status), byte(l.Failure))
		dst = binary.AppendVarint(dst, l.Decided.UnixNano())
		dst = appendLegs(dst, l)
		return appendPostings(dst, a.postings)
	case recordNote:
		return appendNote(dst, a.note)
	case recordOwed:
		return appendString(dst, l.Institution)
	case recordRefunded:
		dst = binary.AppendVarint(dst, int64(l.Refunded))
		return binary.AppendVarint(dst, int64(l.ChargedBack))
	}
	panic("engine: record kind without a body: " + a.record.String())
}

func appendIntent(dst []byte, p *payment.Payment) []byte {
	dst = append(dst, byte(p.Kind), byte(p.Mode), byte(p.Scene), byte(p.Reason))
	dst = append(dst, p.Digest[:]...)
	dst = appendString(dst, string(p.Original))
	dst = appendString(dst, p.Institution)
	dst = appendString(dst, p.RequestID)
	dst = binary.AppendVarint(dst, p.Requested.UnixNano())
	dst = binary.AppendVarint(dst, p.Accepted.UnixNano())
	dst = binary.AppendVarint(dst, int64(p.Amount))
	dst = appendString(dst, p.Currency)
	dst = appendString(dst, p.CodeMask)
	dst = appendString(dst, p.Scheme)
	dst = appendString(dst, p.Merchant)
	dst = appendString(dst, p.Category)
	dst = appendString(dst, p.Rule)
	dst = appendString(dst, p.TableVersion)
	return appendString(dst, p.Shape)
}

func appendLegs(dst []byte, l *life) []byte {
	dst = append(dst, byte(l.leg), byte(len(l.Legs)))
	for i := range l.Legs {
		leg := &l.Legs[i]
		dst = append(dst, byte(leg.Kind), byte(leg.Medium), byte(leg.Outcome), byte(leg.Failure), boolByte(leg.Cancelled))
		dst = appendString(dst, leg.Institution)
		dst = appendString(dst, leg.Original)
		dst = binary.AppendVarint(dst, int64(leg.Amount))
		dst = appendString(dst, leg.Remote)
	}
	return dst
}

func appendPostings(dst []byte, postings []payment.Posting) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(postings)))
	for i := range postings {
		dst = appendString(dst, postings[i].Account)
		dst = binary.AppendVarint(dst, int64(postings[i].Amount))
		dst = appendString(dst, postings[i].Currency)
	}
	return dst
}

func appendNote(dst []byte, n *event) []byte {
	dst = append(dst, byte(n.op.Leg), byte(n.op.Kind), byte(n.answer.Outcome), byte(n.answer.Failure))
	dst = appendString(dst, n.answer.Reference)
	dst = binary.AppendVarint(dst, int64(n.answer.Amount))
	dst = appendString(dst, n.answer.Currency)
	return appendString(dst, n.answer.Remote)
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// reader takes a record body apart. After the first fault it reads zeros and keeps the
// fault.
type reader struct {
	body    []byte
	version uint8 // Of the record or snapshot that body is of.
	err     error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s ends early", errRecord, what)
	}
	r.body = nil
}

func (r *reader) byte() byte {
	if len(r.body) == 0 {
		r.fail("byte")
		return 0
	}
	b := r.body[0]
	r.body = r.body[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.body)
	if size <= 0 {
		r.fail("number")
		return 0
	}
	r.body = r.body[size:]
	return n
}

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.body)
	if size <= 0 {
		r.fail("number")
		return 0
	}
	r.body = r.body[size:]
	return n
}

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.body)) {
		r.fail("text")
		return ""
	}
	s := string(r.body[:n])
	r.body = r.body[n:]
	return s
}

func (r *reader) time() time.Time {
	ns := r.varint()
	if r.err != nil {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func (r *reader) intent(p *payment.Payment) {
	p.Kind, p.Mode, p.Scene = payment.Kind(r.byte()), payment.Mode(r.byte()), payment.Scene(r.byte())
	if r.version >= intentVersion {
		p.Reason = payment.Reason(r.byte())
	}
	for i := range p.Digest {
		p.Digest[i] = r.byte()
	}
	p.Original = payment.ID(r.string())
	p.Institution, p.RequestID = r.string(), r.string()
	p.Requested, p.Accepted = r.time(), r.time()
	p.Amount = payment.Fen(r.varint())
	p.Currency, p.CodeMask = r.string(), r.string()
	p.Scheme, p.Merchant, p.Category = r.string(), r.string(), r.string()
	p.Rule, p.TableVersion = r.string(), r.string()
	if r.version >= shapeVersion {
		p.Shape = r.string()
	}
	p.Status = payment.StatusPending
}

func (r *reader) legs(l *life) {
	l.leg = int(r.byte())
	n := int(r.byte())
	if n > payment.LegsMax || (n > 0 && l.leg >= n) {
		r.fail("legs")
		return
	}
	l.Legs = make([]payment.Leg, n)
	for i := range l.Legs {
		leg := &l.Legs[i]
		leg.Kind, leg.Medium = payment.OperationKind(r.byte()), payment.Medium(r.byte())
		leg.Outcome = payment.Outcome(r.byte())
		leg.Failure, leg.Cancelled = payment.Failure(r.byte()), r.byte() != 0
		leg.Institution, leg.Original = r.string(), r.string()
		leg.Amount = payment.Fen(r.varint())
		leg.Remote = r.string()
	}
}

// returned reads the sums of a payment's refunds and chargebacks.
func (r *reader) returned() (refunded, chargedBack payment.Fen) {
	refunded = payment.Fen(r.varint())
	if r.version >= refundedVersion {
		chargedBack = payment.Fen(r.varint())
	}
	return refunded, chargedBack
}

// postings reads what an outcome posted.
func (r *reader) postings() []payment.Posting {
	n := r.uvarint()
	var list []payment.Posting
	for i := uint64(0); i < n && r.err == nil; i++ {
		list = append(list, payment.Posting{
			Account: r.string(), Amount: payment.Fen(r.varint()), Currency: r.string(),
		})
	}
	return list
}

// fold applies one record to the payment that it is about.
func fold(l *life, kind recordKind, r *reader) error {
	switch kind {
	case recordIntent:
		r.intent(l.Payment)
		l.phase = phase(r.byte())
		r.legs(l)
	case recordLeg, recordRoute, recordUnknown, recordManual:
		l.Status = payment.Status(r.byte())
		l.phase, l.failure = phase(r.byte()), payment.Failure(r.byte())
		r.legs(l)
	case recordOutcome:
		l.Status, l.Failure = payment.Status(r.byte()), payment.Failure(r.byte())
		l.Decided = r.time()
		r.legs(l)
		l.posted = r.postings()
		l.Fees = ledger.FeesOf(l.Payment, l.posted)
	case recordRefunded:
		l.Refunded, l.ChargedBack = r.returned()
	case recordOwed:
		r.string()
	case recordTold:
		r.told()
	}
	if r.err == nil && len(r.body) > 0 && kind != recordNote {
		return fmt.Errorf("%w: %d bytes too many in %s", errRecord, len(r.body), kind)
	}
	return r.err
}
