package admin

import "net/http"

// Code says why an act was refused. The list is closed; callers act on it.
type Code string

// The reasons.
const (
	SignatureMissing  Code = "signature_missing"
	SignatureInvalid  Code = "signature_invalid"
	TimeOutsideWindow Code = "time_outside_window"
	RequestRepeated   Code = "request_repeated"
	RoleMissing       Code = "role_missing"
	SamePerson        Code = "same_person"
	PathUnknown       Code = "path_unknown"
	BodyInvalid       Code = "body_invalid"
	TableMalformed    Code = "table_malformed"
	TableFaulty       Code = "table_has_errors"
	TableUnknown      Code = "table_unknown"
	TableKnown        Code = "table_known"
	TableState        Code = "table_state"
	PercentInvalid    Code = "percent_invalid"
	NothingBefore     Code = "nothing_to_roll_back"
	TablesFull        Code = "too_many_tables"
	PaymentUnknown    Code = "payment_unknown"
	NotInHand         Code = "not_in_hand"
	ProposalMissing   Code = "proposal_missing"
	ProposalChanged   Code = "proposal_changed"
	Busy              Code = "busy"

	EntryUnknown      Code = "entry_unknown"
	EntryDecided      Code = "entry_decided"
	EntryConflict     Code = "entry_conflict"
	ReferenceKnown    Code = "reference_known"
	ReasonInvalid     Code = "reason_invalid"
	NotChargeable     Code = "not_chargeable"
	ChargebackExceeds Code = "chargeback_exceeds"
	PaymentOpen       Code = "payment_open"
	NotAParty         Code = "not_a_party"
	LiquidityShort    Code = "liquidity_short"

	WindowUnknown       Code = "window_unknown"
	WindowState         Code = "window_state"
	NothingProposed     Code = "nothing_proposed"
	ConfirmationDiffers Code = "confirmation_differs"
	DepositShort        Code = "deposit_short"
	MemberUnknown       Code = "member_unknown"

	AccountInvalid  Code = "account_invalid"
	AccountUnknown  Code = "account_unknown"
	PositionInvalid Code = "position_invalid"
	PositionAhead   Code = "position_ahead"
	PageInvalid     Code = "page_invalid"
	HistoryTrimmed  Code = "history_trimmed"

	CaseInvalid      Code = "case_invalid"
	ClassUnknown     Code = "class_unknown"
	ActionForeign    Code = "action_foreign"
	PaymentUnclear   Code = "payment_unclear"
	LegUnclear       Code = "leg_unclear"
	QueriesSpent     Code = "queries_spent"
	OutcomesUnwanted Code = "outcomes_unwanted"
	NothingToAdjust  Code = "nothing_to_adjust"

	JournalRefused Code = "journal_unavailable"
)

var statuses = map[Code]int{
	SignatureMissing: http.StatusUnauthorized, SignatureInvalid: http.StatusUnauthorized,
	TimeOutsideWindow: http.StatusUnauthorized, RequestRepeated: http.StatusConflict,
	RoleMissing: http.StatusForbidden, SamePerson: http.StatusForbidden,
	PathUnknown: http.StatusNotFound, BodyInvalid: http.StatusBadRequest,
	TableMalformed: http.StatusUnprocessableEntity, TableFaulty: http.StatusUnprocessableEntity,
	TableUnknown: http.StatusNotFound, TableKnown: http.StatusConflict, TableState: http.StatusConflict,
	PercentInvalid: http.StatusBadRequest, NothingBefore: http.StatusConflict,
	TablesFull: http.StatusConflict, Busy: http.StatusTooManyRequests,
	PaymentUnknown: http.StatusNotFound, NotInHand: http.StatusConflict,
	ProposalMissing: http.StatusConflict, ProposalChanged: http.StatusConflict,
	EntryUnknown: http.StatusNotFound, EntryDecided: http.StatusConflict, EntryConflict: http.StatusConflict,
	ReferenceKnown: http.StatusConflict, ReasonInvalid: http.StatusBadRequest, NotChargeable: http.StatusConflict,
	ChargebackExceeds: http.StatusConflict, PaymentOpen: http.StatusConflict, NotAParty: http.StatusConflict,
	LiquidityShort: http.StatusConflict,
	JournalRefused: http.StatusServiceUnavailable,
	WindowUnknown:  http.StatusNotFound, WindowState: http.StatusConflict,
	NothingProposed: http.StatusConflict, ConfirmationDiffers: http.StatusUnprocessableEntity,
	AccountInvalid: http.StatusBadRequest, AccountUnknown: http.StatusNotFound,
	PositionInvalid: http.StatusBadRequest, PositionAhead: http.StatusNotFound,
	PageInvalid: http.StatusBadRequest, HistoryTrimmed: http.StatusGone,
	DepositShort: http.StatusConflict, MemberUnknown: http.StatusNotFound,
	CaseInvalid: http.StatusBadRequest, ClassUnknown: http.StatusBadRequest,
	ActionForeign: http.StatusConflict, PaymentUnclear: http.StatusUnprocessableEntity,
	LegUnclear: http.StatusUnprocessableEntity, QueriesSpent: http.StatusTooManyRequests,
	OutcomesUnwanted: http.StatusConflict, NothingToAdjust: http.StatusConflict,
}

// Refusal is an act that was not done, and why.
type Refusal struct {
	Code   Code   `json:"code"`
	Detail string `json:"detail,omitempty"`
}

// Error gives code and detail.
func (r *Refusal) Error() string {
	if r.Detail == "" {
		return "admin: refused: " + string(r.Code)
	}
	return "admin: refused: " + string(r.Code) + ": " + r.Detail
}
