package settlement

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// The kinds of a row: the payment's own money, or a fee. What two persons booked has kinds of
// its own, whose rows end with one field more: the reason.
const (
	rowDetail     = "D"
	rowFee        = "F"
	rowChargeback = "C" // Money that a chargeback took back; a fee that it returned is F.
	rowAdjustment = "A"
)

// rowKind is the kind of a row of p that is no fee.
func rowKind(p *payment.Payment) string {
	switch p.Kind {
	case payment.Chargeback:
		return rowChargeback
	case payment.Adjustment:
		return rowAdjustment
	}
	return rowDetail
}

// row is one transfer as it stands in the statements of both its sides, and, as text, a
// leaf of the window's tree.
type row struct {
	at      journal.Position
	payment *payment.Payment
	ledger.Transfer
}

// columns names the fields of a row's text, without the reason.
var columns = []string{
	"row", "sequence", "offset", "payment", "kind", "original", "institution", "request_id",
	"decided", "payer", "payee", "amount_fen",
}

const timeLayout = "2006-01-02T15:04:05.000000000Z"

// stamp writes times. Rows come thousands to the second: what of a time is of its second
// is worked out once.
type stamp struct {
	second int64
	text   [len("2006-01-02T15:04:05.")]byte
}

func (s *stamp) appendTo(dst []byte, at time.Time) []byte {
	if second := at.Unix(); second != s.second || s.text[0] == 0 {
		s.second = second
		at.UTC().AppendFormat(s.text[:0], "2006-01-02T15:04:05.")
	}
	dst = append(dst, s.text[:]...)
	var digits [10]byte
	digits[9] = 'Z'
	for i, rest := 8, at.Nanosecond(); i >= 0; i-- {
		digits[i] = byte('0' + rest%10)
		rest /= 10
	}
	return append(dst, digits[:]...)
}

// appendTo appends the row's text: CSV without an end of line.
func (r *row) appendTo(dst []byte, times *stamp) []byte {
	kind := rowKind(r.payment)
	if r.Fee {
		kind = rowFee
	}
	dst = append(append(dst, kind...), ',')
	dst = append(strconv.AppendUint(dst, r.at.Sequence, 10), ',')
	dst = append(strconv.AppendUint(dst, uint64(r.at.Offset), 10), ',')
	dst = append(append(dst, r.payment.ID...), ',')
	dst = append(append(dst, r.payment.Kind.String()...), ',')
	dst = append(append(dst, r.payment.Original...), ',')
	dst = append(appendField(dst, r.payment.Institution), ',')
	dst = append(appendField(dst, r.payment.RequestID), ',')
	dst = append(times.appendTo(dst, r.payment.Decided), ',')
	dst = append(appendField(dst, r.Payer), ',')
	dst = append(appendField(dst, r.Payee), ',')
	dst = strconv.AppendInt(dst, int64(r.Amount), 10)
	if kind == rowChargeback || kind == rowAdjustment {
		dst = append(append(dst, ','), r.payment.Reason.Code()...)
	}
	return dst
}

// appendField appends text as one field of CSV (RFC 4180), quoted where it must be.
func appendField(dst []byte, text string) []byte {
	if !strings.ContainsAny(text, ",\"\r\n") {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for i := 0; i < len(text); i++ {
		if text[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, text[i])
	}
	return append(dst, '"')
}

// rowOf reads a row's fields back.
func rowOf(fields []string) (row, bool) {
	var r row
	if len(fields) < len(columns) || len(fields) > len(columns)+1 {
		return r, false
	}
	sequence, err1 := strconv.ParseUint(fields[1], 10, 64)
	offset, err2 := strconv.ParseUint(fields[2], 10, 32)
	amount, err3 := strconv.ParseInt(fields[11], 10, 64)
	decided, err4 := time.Parse(timeLayout, fields[8])
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil || amount <= 0 {
		return r, false
	}
	r.at = journal.Position{Sequence: sequence, Offset: uint32(offset)}
	r.payment = &payment.Payment{ID: payment.ID(fields[3]), Original: payment.ID(fields[5]),
		Institution: fields[6], RequestID: fields[7], Decided: decided}
	kind, known := payment.ParseKind(fields[4])
	r.payment.Kind = kind
	if len(fields) > len(columns) {
		r.payment.Reason, _ = payment.ParseReason(fields[len(columns)])
	}
	r.Transfer = ledger.Transfer{Payer: fields[9], Payee: fields[10], Amount: payment.Fen(amount), Fee: fields[0] == rowFee}
	return r, known && r.written(fields)
}

// written reports whether the first and the last of fields are as a row of r's kind has them.
func (r *row) written(fields []string) bool {
	kind, plain := rowKind(r.payment), len(fields) == len(columns)
	if r.Fee {
		return plain
	}
	return fields[0] == kind && plain == (kind == rowDetail) && (plain || r.payment.Reason.Fits(r.payment.Kind))
}

// compareTransfers is the order of the rows of one payment; see row.compare.
func compareTransfers(a, b ledger.Transfer) int {
	return cmp.Or(strings.Compare(a.Payer, b.Payer), strings.Compare(a.Payee, b.Payee))
}

// compare is the order of rows in a statement: the journal's, and by name inside a payment.
func (r *row) compare(other *row) int {
	return cmp.Or(cmp.Compare(r.at.Sequence, other.at.Sequence), cmp.Compare(r.at.Offset, other.at.Offset),
		compareTransfers(r.Transfer, other.Transfer))
}

// rows turns one ending into rows; the transfers are appended to into[:0].
func rows(into []ledger.Transfer, ended *engine.Ending, visit func(*row) error) ([]ledger.Transfer, error) {
	list, err := ledger.Transfers(into[:0], &ended.Payment, ended.Postings)
	if err != nil {
		return list, err
	}
	if len(list) > 1 {
		slices.SortStableFunc(list, compareTransfers)
	}
	for _, transfer := range list {
		if err := visit(&row{ended.At, &ended.Payment, transfer}); err != nil {
			return list, err
		}
	}
	return list, nil
}
