package gateway

import (
	"unsafe"

	"tongma/institutions/object"
	"tongma/switch/payment"
)

// Limits of the texts of a request, in bytes.
const (
	requestIDMax = 64
	codeMax      = 2048
	accountMax   = 128
	merchantMax  = 128
	fieldMax     = 64 // Of a name that nobody knows.
)

// payMessage is the body of a payment. Its texts alias the body's copy.
type payMessage struct {
	requestID, code, currency, mode, scene string
	merchantID, merchantName, category     string
	payerInstitution, payerAccount         string
	amount                                 int64
	hasAmount                              bool
}

// The fields of the messages, as bits, so that none is taken twice.
const (
	bitRequestID = 1 << iota
	bitCode
	bitAmount
	bitCurrency
	bitMode
	bitScene
	bitMerchant
	bitMerchantID
	bitMerchantName
	bitCategory
	bitPayer
	bitPayerInstitution
	bitPayerAccount
)

// What each body may hold.
const (
	payFields     = bitPayerAccount<<1 - 1 // All of the above.
	decodeFields  = bitCode
	resolveFields = bitCode | bitAmount | bitScene
)

// message reads one object strictly: every key known, none twice.
type message struct {
	object.Reader
	allowed int
	seen    int
	failed  *payment.Refusal
}

func (m *message) once(bit int, field string) bool {
	if m.allowed&bit == 0 {
		m.Reject(object.Unknown, field)
		return false
	}
	if m.seen&bit != 0 {
		m.Reject(object.Duplicate, field)
		return false
	}
	m.seen |= bit
	return true
}

// text reads a string of at most max bytes that is not empty.
func (m *message) text(bit int, field string, max int) string {
	if !m.once(bit, field) {
		return ""
	}
	text := m.Text()
	if m.Fault != object.None {
		m.name(field)
		return ""
	}
	if (len(text) == 0 || len(text) > max) && m.failed == nil {
		m.failed = &payment.Refusal{Failure: payment.FieldInvalid, Field: field, Detail: "is empty or too long"}
	}
	return unsafe.String(unsafe.SliceData(text), len(text)) // Of the desk's own copy, or unescaped anew.
}

// id reads a request id. It stands in records, statements and on people's screens, so
// that it holds no control character.
func (m *message) id() string {
	text := m.text(bitRequestID, "request_id", requestIDMax)
	for i := range len(text) {
		if (text[i] < ' ' || text[i] == 0x7f) && m.failed == nil {
			m.failed = &payment.Refusal{Failure: payment.FieldInvalid, Field: "request_id", Detail: "holds a control character"}
		}
	}
	return text
}

func (m *message) amount(field string) int64 {
	if !m.once(bitAmount, field) {
		return 0
	}
	n := m.Int()
	m.name(field)
	return n
}

// unknown refuses the key that was read, which stands within what inside names.
func (m *message) unknown(inside string) {
	m.Reject(object.Unknown, clip(inside+string(m.Key), fieldMax))
}

// name says which field the fault is in, if there is one and none was named.
func (m *message) name(field string) {
	if m.Fault != object.None && m.Field == "" {
		m.Field = field
	}
}

// refusal is what is wrong with the message, if anything is.
func (m *message) refusal() *payment.Refusal {
	switch m.Fault {
	case object.None:
		return m.failed
	case object.NotUTF8:
		return &payment.Refusal{Failure: payment.NotUTF8}
	case object.Duplicate:
		return &payment.Refusal{Failure: payment.DuplicateKey, Field: m.Field}
	case object.Unknown:
		return &payment.Refusal{Failure: payment.UnknownField, Field: m.Field}
	case object.WrongType:
		return &payment.Refusal{Failure: payment.WrongType, Field: m.Field}
	case object.NotInteger:
		return &payment.Refusal{Failure: payment.AmountInvalid, Field: m.Field}
	}
	return &payment.Refusal{Failure: payment.MalformedRequest}
}

// readPay reads the body of a payment, a resolution or a decoding, of which each may
// hold the allowed fields.
func readPay(body string, allowed int, into *payMessage) *payment.Refusal {
	*into = payMessage{}
	m := message{allowed: allowed}
	m.Reset(unsafe.Slice(unsafe.StringData(body), len(body))) // Read only.
	for m.Next() {
		switch string(m.Key) {
		case "request_id":
			into.requestID = m.id()
		case "code":
			into.code = m.text(bitCode, "code", codeMax)
		case "amount_fen":
			into.amount, into.hasAmount = m.amount("amount_fen"), true
		case "currency":
			into.currency = m.text(bitCurrency, "currency", 3)
		case "mode":
			into.mode = m.text(bitMode, "mode", 32)
		case "scene":
			into.scene = m.text(bitScene, "scene", 32)
		case "merchant":
			m.merchant(into)
		case "payer":
			m.payer(into)
		default:
			m.unknown("")
		}
	}
	return m.refusal()
}

func (m *message) merchant(into *payMessage) {
	if !m.once(bitMerchant, "merchant") {
		return
	}
	m.Enter()
	m.name("merchant")
	for m.Next() {
		switch string(m.Key) {
		case "id":
			into.merchantID = m.text(bitMerchantID, "merchant.id", merchantMax)
		case "name":
			into.merchantName = m.text(bitMerchantName, "merchant.name", merchantMax)
		case "category":
			into.category = m.text(bitCategory, "merchant.category", 4)
		default:
			m.unknown("merchant.")
		}
	}
}

func (m *message) payer(into *payMessage) {
	if !m.once(bitPayer, "payer") {
		return
	}
	m.Enter()
	m.name("payer")
	for m.Next() {
		switch string(m.Key) {
		case "institution":
			into.payerInstitution = m.text(bitPayerInstitution, "payer.institution", requestIDMax)
		case "account":
			into.payerAccount = m.text(bitPayerAccount, "payer.account", accountMax)
		default:
			m.unknown("payer.")
		}
	}
}

// turnBackMessage is the body of a refund or a cancel.
type turnBackMessage struct {
	requestID string
	amount    int64
	hasAmount bool
}

func readTurnBack(body string, kind payment.Kind, into *turnBackMessage) *payment.Refusal {
	*into = turnBackMessage{}
	m := message{allowed: bitRequestID | bitAmount}
	m.Reset(unsafe.Slice(unsafe.StringData(body), len(body))) // Read only.
	for m.Next() {
		switch {
		case string(m.Key) == "request_id":
			into.requestID = m.id()
		case string(m.Key) == "amount_fen" && kind == payment.Refund:
			into.amount, into.hasAmount = m.amount("amount_fen"), true
		default:
			m.unknown("")
		}
	}
	if refusal := m.refusal(); refusal != nil {
		return refusal
	}
	if into.requestID == "" {
		return &payment.Refusal{Failure: payment.MissingField, Field: "request_id"}
	}
	if kind == payment.Refund && !into.hasAmount {
		return &payment.Refusal{Failure: payment.MissingField, Field: "amount_fen"}
	}
	return nil
}
