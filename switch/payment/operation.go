package payment

import "time"

// OperationKind is what the switch asks of an institution.
type OperationKind uint8

// The operations. Debit, Credit and Refund move money and are sent once and never
// again; Query, CancelLeg and Resolve may be repeated.
const (
	OperationNone OperationKind = iota
	Debit                       // Take Amount from the payer that Code or Account names.
	Credit                      // Give Amount to the merchant that Code names.
	GiveBack                    // Refund: give Amount back to the payer of leg Original.
	TakeBack                    // Refund: take Amount back from the payee of leg Original.
	Query                       // What became of leg Original?
	CancelLeg                   // Undo leg Original whole, or make sure it never happens.
	Resolve                     // What is this code, and for how much? Moves nothing.
)

var operationNames = [...]string{
	"none", "debit", "credit", "give_back", "take_back", "query", "cancel", "resolve",
}

// String returns the word used in logs, records and scripts.
func (k OperationKind) String() string { return nameOf(operationNames[:], uint8(k)) }

// MovesMoney reports whether k may be sent only once for one reference.
func (k OperationKind) MovesMoney() bool {
	return k == Debit || k == Credit || k == GiveBack || k == TakeBack
}

// Operation is one call to one institution.
type Operation struct {
	Kind        OperationKind
	Institution string // Whom to call.
	Caller      string // The institution for which the switch asks.

	// Payment and Leg say on whose behalf the switch asks; the answer comes back to them.
	Payment ID
	Leg     int

	// Reference names the leg that moves money, the same on its query and its cancel:
	// an institution is asked by our reference, for theirs may never have arrived.
	Reference string
	// Original is the reference of the leg that a GiveBack or TakeBack returns.
	Original string

	Amount   Fen
	Currency string // ISO 4217 number.
	Code     string // The code as it was read; empty on query, cancel and refund.
	Account  string // The payer's account token where no code names it.
	Merchant string
	Scene    Scene
	Time     time.Time // When the caller asked, UTC.
}

// Outcome is what an institution's answer means to us.
type Outcome uint8

// The outcomes. Approved and Declined need an explicit word from the institution; a
// 5xx, a broken body and a time-out are Unknown.
const (
	Unknown  Outcome = iota // Money may have moved: ask before acting.
	Approved                // Money moved; for a cancel, the leg is undone for ever.
	Declined                // Money did not move and will not; a cancel was refused.
	NotSent                 // Nothing left us: safe to route again.
)

var outcomeNames = [...]string{"unknown", "approved", "declined", "not_sent"}

// String returns the word used in logs, records and scripts.
func (o Outcome) String() string { return nameOf(outcomeNames[:], uint8(o)) }

// Answer is what came back for an Operation, already translated. The zero Answer is
// Unknown without a reason.
type Answer struct {
	Outcome Outcome
	Failure Failure // Why, where Outcome is not Approved.

	// What the institution says that it answers to. The Link compares these with the
	// operation; an answer that does not fit is Unknown with AnswerMismatch.
	Reference string
	Amount    Fen
	Currency  string

	Remote string // The institution's own reference; at most 64 characters.

	// The answer to Resolve: who is to be paid, and how much if the code says so
	// (Amount above). Static is set for a code that serves many payments.
	Payee  string
	Static bool
}

// Fits reports whether the answer speaks of op: same reference and, where money was
// approved, the same amount and currency. A valid signature is not a valid meaning.
func (a *Answer) Fits(op *Operation) bool {
	if a.Reference != op.Reference {
		return false
	}
	if a.Outcome != Approved || op.Kind == Resolve {
		return true
	}
	return a.Amount == op.Amount && a.Currency == op.Currency
}
