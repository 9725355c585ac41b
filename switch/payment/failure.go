package payment

// Failure is a code of the one closed list of reasons. Callers act on the code, never
// on the text. The zero value is no failure.
type Failure uint8

// The reasons for which a request is refused or a payment is not approved. Their numbers
// stand in journals: from the first release on a new one goes to the end, and none is
// used again (testdata/failures.txt holds them to it).
const (
	NoFailure Failure = iota

	// The message.
	MalformedRequest
	BodyTooLarge
	NotUTF8
	DuplicateKey
	UnknownField
	WrongType
	MissingField
	FieldInvalid
	AmountInvalid
	CurrencyUnsupported
	TimeMissing
	TimeOutsideWindow
	PathUnknown
	MethodNotAllowed

	// The caller.
	SignatureMissing
	SignatureInvalid
	InstitutionUnknown
	InstitutionUnlicensed
	InstitutionSuspended
	RateLimited
	NotAParty

	// The code and its route.
	CodeUnknown
	CodeInvalid
	AmountMismatch
	ModeMismatch
	NoRoute
	NoAgreement
	AgreementLimit
	Maintenance
	TargetUnlicensed

	// The request against what is known.
	RequestConflict
	PaymentNotFound
	NotRefundable
	RefundExceeds
	NotCancellable

	// The switch.
	NotReady
	Overloaded
	ShuttingDown
	JournalUnavailable
	InternalError

	// The institution, before anything left us.
	InstitutionUnavailable
	InstitutionBusy

	// The institution's word.
	DeclinedByInstitution
	InsufficientFunds
	CodeExpired
	CodeUsed
	AccountInvalid
	LimitExceeded
	RiskRefused
	LegNotFound
	LegPending
	LegNotCancellable

	// What could not be told.
	AnswerMismatch
	AnswerUnreadable
	AnswerMissing
	CancelledByCaller
	CancelledBySwitch

	// The message, again: numbers only grow.
	HeadersTooLarge
	FramingInvalid

	// The money.
	LiquidityShort

	// The switch, again. The one refusal of a new request after which money may have moved.
	JournalFailed

	// What people may not decide.
	NotDecidable
	NotChargeable
	ChargebackExceeds
	PaymentOpen
	ReasonInvalid

	// The message, for the third time.
	RequestTimeout

	failureCount // Number of failures; keep last.
)

// failureText is one line of the closed list.
type failureText struct {
	code     string
	status   int // HTTP
	sentence string
}

var failures = [failureCount]failureText{
	NoFailure: {"", 200, ""},

	MalformedRequest:    {"malformed_request", 400, "The body is not one JSON object."},
	BodyTooLarge:        {"body_too_large", 413, "The body is larger than the limit."},
	NotUTF8:             {"not_utf8", 400, "The body is not valid UTF-8."},
	DuplicateKey:        {"duplicate_key", 400, "A key stands twice in one object."},
	UnknownField:        {"unknown_field", 400, "The body has a field that this operation does not know."},
	WrongType:           {"wrong_type", 400, "A field has the wrong JSON type."},
	MissingField:        {"missing_field", 400, "A required field is missing."},
	FieldInvalid:        {"field_invalid", 400, "A field has a value outside its rules."},
	AmountInvalid:       {"amount_invalid", 400, "The amount is not a whole number of fen above zero and below the limit."},
	CurrencyUnsupported: {"currency_unsupported", 400, "The currency is not one that the switch moves."},
	TimeMissing:         {"time_missing", 400, "The request carries no time."},
	TimeOutsideWindow:   {"time_outside_window", 400, "The request's time is outside the replay window."},
	HeadersTooLarge:     {"headers_too_large", 431, "The request line and the headers are larger than the limit."},
	RequestTimeout:      {"request_timeout", 408, "The request did not come whole in time."},
	FramingInvalid:      {"framing_invalid", 400, "Two readers could disagree where the request ends."},
	PathUnknown:         {"path_unknown", 404, "There is nothing at this path."},
	MethodNotAllowed:    {"method_not_allowed", 405, "The path does not take this method."},

	SignatureMissing:      {"signature_missing", 401, "The request carries no signature."},
	SignatureInvalid:      {"signature_invalid", 401, "The signature does not fit the request."},
	InstitutionUnknown:    {"institution_unknown", 401, "The institution is not in the register."},
	InstitutionUnlicensed: {"institution_unlicensed", 403, "The institution has no licence in force."},
	InstitutionSuspended:  {"institution_suspended", 403, "The institution is suspended."},
	RateLimited:           {"rate_limited", 429, "The institution sends more requests than agreed."},
	NotAParty:             {"not_a_party", 403, "The institution takes no part in this payment."},

	CodeUnknown:      {"code_unknown", 422, "The code is of no standard that the switch knows."},
	CodeInvalid:      {"code_invalid", 422, "The code breaks the rules of its standard."},
	AmountMismatch:   {"amount_mismatch", 422, "The amount differs from the one that the code carries."},
	ModeMismatch:     {"mode_mismatch", 422, "The code is not shown by the side that the request says."},
	NoRoute:          {"no_route", 422, "No institution answers for this code."},
	NoAgreement:      {"no_agreement", 403, "The institution has no agreement to pay this code."},
	AgreementLimit:   {"agreement_limit", 403, "The amount is above what the agreement allows."},
	Maintenance:      {"maintenance", 503, "The code's institution is under maintenance."},
	TargetUnlicensed: {"target_unlicensed", 422, "The code's institution has no licence in force."},

	RequestConflict: {"request_conflict", 409, "The request id was used before with other content."},
	PaymentNotFound: {"payment_not_found", 404, "There is no such payment."},
	NotRefundable:   {"not_refundable", 409, "The payment is not in a state that can be refunded."},
	RefundExceeds:   {"refund_exceeds", 409, "The refunds together would exceed the payment."},
	NotCancellable:  {"not_cancellable", 409, "The payment is not in a state that can be cancelled."},

	NotReady:           {"not_ready", 503, "The switch has no routing table in use."},
	Overloaded:         {"overloaded", 503, "The switch has as many payments in flight as it allows."},
	ShuttingDown:       {"shutting_down", 503, "The switch is stopping."},
	JournalUnavailable: {"journal_unavailable", 503, "The journal does not accept records."},
	JournalFailed:      {"journal_failed", 503, "The journal failed while the request was at work: its outcome is not known. Send the same request again."},

	NotDecidable:      {"not_decidable", 409, "The payment is not in people's hands, or what it turns round still is."},
	NotChargeable:     {"not_chargeable", 409, "The payment is not in a state that can be charged back."},
	ChargebackExceeds: {"chargeback_exceeds", 409, "Refunds and chargebacks together would exceed the payment, or more would be won back than was charged back."},
	PaymentOpen:       {"payment_open", 409, "The payment has no end yet: what would be put right may still happen."},
	ReasonInvalid:     {"reason_invalid", 400, "The reason is not one for this kind of entry."},

	InternalError: {"internal_error", 500, "The switch met a fault of its own."},

	InstitutionUnavailable: {"institution_unavailable", 503, "The code's institution is not reachable; nothing was sent."},
	InstitutionBusy:        {"institution_busy", 503, "The code's institution has as many calls in flight as agreed; nothing was sent."},

	LiquidityShort: {"liquidity_short", 422, "The paying side has no liquidity left: prefunded balance and cap are used up."},

	DeclinedByInstitution: {"declined_by_institution", 200, "The institution declined."},
	InsufficientFunds:     {"insufficient_funds", 200, "The payer has not enough money."},
	CodeExpired:           {"code_expired", 200, "The payer's code has expired."},
	CodeUsed:              {"code_used", 200, "The payer's code was used before."},
	AccountInvalid:        {"account_invalid", 200, "The account does not exist or is closed."},
	LimitExceeded:         {"limit_exceeded", 200, "The amount is above the account's limit."},
	RiskRefused:           {"risk_refused", 200, "The institution's risk control refused."},
	LegNotFound:           {"leg_not_found", 200, "The institution has not seen this reference."},
	LegPending:            {"leg_pending", 200, "The institution has not decided yet."},
	LegNotCancellable:     {"leg_not_cancellable", 200, "The institution cannot cancel this reference."},

	AnswerMismatch:    {"answer_mismatch", 200, "The institution's answer does not fit what was asked."},
	AnswerUnreadable:  {"answer_unreadable", 200, "The institution's answer could not be read."},
	AnswerMissing:     {"answer_missing", 200, "The institution did not answer in time."},
	CancelledByCaller: {"cancelled_by_caller", 200, "The payment was cancelled at the caller's wish."},
	CancelledBySwitch: {"cancelled_by_switch", 200, "The payment was cancelled because its outcome could not be told in time."},
}

// Failures lists every failure but NoFailure, in order.
func Failures() []Failure {
	list := make([]Failure, 0, failureCount-1)
	for f := NoFailure + 1; f < failureCount; f++ {
		list = append(list, f)
	}
	return list
}

// Code is the stable word of f, for the wire and the journal; empty for NoFailure.
func (f Failure) Code() string {
	if f >= failureCount {
		return failures[InternalError].code
	}
	return failures[f].code
}

// Institutional reports whether f is a word that an institution may say of an operation.
func (f Failure) Institutional() bool {
	switch f {
	case NoFailure, AnswerMismatch, AnswerUnreadable, AnswerMissing:
		return false
	}
	return f.HTTPStatus() == 200
}

// String is Code, for logs and scripts.
func (f Failure) String() string { return f.Code() }

// HTTPStatus is the status with which the gateway answers a request that f refused. A
// payment that was carried out and declined is a successful request: 200.
func (f Failure) HTTPStatus() int {
	if f >= failureCount {
		return failures[InternalError].status
	}
	return failures[f].status
}

// Sentence says f to a person.
func (f Failure) Sentence() string {
	if f >= failureCount {
		return failures[InternalError].sentence
	}
	return failures[f].sentence
}

// ParseFailure is the inverse of Failure.Code.
func ParseFailure(code string) (Failure, bool) {
	for f := range failures {
		if failures[f].code == code {
			return Failure(f), true
		}
	}
	return NoFailure, false
}

// Refusal is a Failure as an error: the request was refused before anything was moved
// or written as an intent. Field names the part of the request at fault, if one is.
type Refusal struct {
	Failure Failure
	Field   string
	Detail  string // Never a code, an account, a name or a key.
}

// Error returns the failure's code, the field and the detail.
func (r *Refusal) Error() string {
	text := "payment: refused: " + r.Failure.Code()
	if r.Field != "" {
		text += " " + r.Field
	}
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	return text
}
