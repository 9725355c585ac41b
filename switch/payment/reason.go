package payment

// Reason says why people booked a chargeback or an adjustment: a code of one closed list.
// The zero value is no reason, which every other payment has.
type Reason uint8

// The reasons. Their numbers stand in journals: a new one goes to the end, and none is
// used again (testdata/reasons.txt holds them to it). Those of chargebacks are what card
// schemes and wallets have in common; who proves what by when is theirs to say, not ours.
const (
	NoReason Reason = iota

	// Of a chargeback.
	GoodsNotReceived
	NotAsDescribed
	CancelledService
	RefundNotProcessed
	DuplicateProcessing
	AmountDiffers
	PaidByOtherMeans
	Fraud
	NotAuthorised

	// Of an adjustment.
	ReconciliationDifference
	LateOutcome
	FeeCorrection
	Representment
	ArbitrationRuling
	SettlementBankError
	SwitchError

	reasonCount // Number of reasons; keep last.
)

// reasonText is one line of the closed list.
type reasonText struct {
	code     string
	kind     Kind // The kind of entry that it is a reason for.
	sentence string
}

var reasons = [reasonCount]reasonText{
	NoReason: {"", Pay, ""},

	GoodsNotReceived:    {"goods_not_received", Chargeback, "The payer did not get what was paid for."},
	NotAsDescribed:      {"not_as_described", Chargeback, "What the payer got is not what was promised."},
	CancelledService:    {"cancelled_service", Chargeback, "The service or subscription had been cancelled."},
	RefundNotProcessed:  {"refund_not_processed", Chargeback, "The payee promised a refund and did not make it."},
	DuplicateProcessing: {"duplicate_processing", Chargeback, "The same purchase was paid twice."},
	AmountDiffers:       {"amount_differs", Chargeback, "More was taken than the payer agreed to."},
	PaidByOtherMeans:    {"paid_by_other_means", Chargeback, "The purchase was also paid in another way."},
	Fraud:               {"fraud", Chargeback, "Somebody else paid with the payer's code or account."},
	NotAuthorised:       {"not_authorised", Chargeback, "The payer's institution did not authorise the payment."},

	ReconciliationDifference: {"reconciliation_difference", Adjustment, "Reconciliation found a difference between two books."},
	LateOutcome:              {"late_outcome", Adjustment, "An outcome became known after the payment had been ended otherwise."},
	FeeCorrection:            {"fee_correction", Adjustment, "A fee was charged, shared or returned wrongly."},
	Representment:            {"representment", Adjustment, "The payee's side disproved a chargeback and gets the money back."},
	ArbitrationRuling:        {"arbitration_ruling", Adjustment, "An arbiter or a court decided who bears the amount."},
	SettlementBankError:      {"settlement_bank_error", Adjustment, "The settlement bank moved another amount than instructed."},
	SwitchError:              {"switch_error", Adjustment, "The switch itself booked wrongly."},
}

// Reasons lists the reasons that an entry of kind can have, in order.
func Reasons(kind Kind) []Reason {
	var list []Reason
	for r := NoReason + 1; r < reasonCount; r++ {
		if reasons[r].kind == kind {
			list = append(list, r)
		}
	}
	return list
}

// Fits reports whether r can be the reason of a payment of kind: one of the kind's own for
// a chargeback or an adjustment, none for every other.
func (r Reason) Fits(kind Kind) bool {
	if kind != Chargeback && kind != Adjustment {
		return r == NoReason
	}
	return r != NoReason && r < reasonCount && reasons[r].kind == kind
}

// Code is the stable word of r, for the wire, files and the journal; empty for NoReason and
// for a number that is not of the list.
func (r Reason) Code() string {
	if r >= reasonCount {
		return ""
	}
	return reasons[r].code
}

// String is Code, for logs and scripts.
func (r Reason) String() string { return r.Code() }

// Sentence says r to a person.
func (r Reason) Sentence() string {
	if r >= reasonCount {
		return ""
	}
	return reasons[r].sentence
}

// ParseReason is the inverse of Reason.Code; false for an empty word.
func ParseReason(code string) (Reason, bool) {
	for r := NoReason + 1; r < reasonCount; r++ {
		if reasons[r].code == code {
			return r, true
		}
	}
	return NoReason, false
}
