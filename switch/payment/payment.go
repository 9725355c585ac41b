// Package payment holds the words of the trade: Fen, Operation, Outcome, Answer,
// Failure, Status, Leg, Payment. It imports the standard library only and knows
// nothing else of this project; everything else of this project may know it.
package payment

import (
	"strconv"
	"time"
)

// Fen is an amount in minor units of its currency; for the renminbi 1 yuan = 100 fen.
type Fen int64

// AmountMax is the largest amount of one payment, in minor units: ten billion yuan.
// It is far from the limit of int64, so that sums over a window cannot overflow.
const AmountMax Fen = 1_000_000_000_000

// Valid reports whether f can be the amount of a payment: above zero, at most AmountMax.
func (f Fen) Valid() bool { return f > 0 && f <= AmountMax }

// String prints f as an integer of minor units.
func (f Fen) String() string { return strconv.FormatInt(int64(f), 10) }

// Yuan prints f with two decimals, for people: 2372 is "23.72".
func (f Fen) Yuan() string {
	sign, n := "", uint64(f)
	if f < 0 {
		sign, n = "-", uint64(-f)
	}
	cents := n % 100
	return sign + strconv.FormatUint(n/100, 10) + "." + string([]byte{'0' + byte(cents/10), '0' + byte(cents%10)})
}

// Kind says what a payment does. All but Pay are payments of their own, linked to the
// original. The numbers stand in journals.
type Kind uint8

// The kinds of payment.
const (
	Pay    Kind = iota // Money from payer to payee.
	Refund             // Money back, all or part.
	Cancel             // The whole payment undone, as if it had not been.
	// What two persons booked. No institution is called: it is told by its statement.
	Chargeback // Money back, all or part, against the payee's side's will.
	Adjustment // Money from one institution to another, to put right what went wrong.
)

var kindNames = [...]string{"pay", "refund", "cancel", "chargeback", "adjustment"}

// String returns the word used in the API and in records.
func (k Kind) String() string { return nameOf(kindNames[:], uint8(k)) }

// ParseKind is the inverse of Kind.String.
func ParseKind(word string) (Kind, bool) { i, ok := indexOf(kindNames[:], word); return Kind(i), ok }

// Turns reports whether a payment of kind k moves its original's money the way back.
func (k Kind) Turns() bool { return k == Refund || k == Cancel || k == Chargeback }

// Mode says who shows the code.
type Mode uint8

// The two modes of a barcode payment.
const (
	CustomerPresented Mode = iota // The acquirer scans the payer's code.
	MerchantPresented             // The payer's app scans the merchant's code.
)

var modeNames = [...]string{"customer_presented", "merchant_presented"}

// String returns the word used in the API and in records.
func (m Mode) String() string { return nameOf(modeNames[:], uint8(m)) }

// ParseMode is the inverse of Mode.String.
func ParseMode(word string) (Mode, bool) { i, ok := indexOf(modeNames[:], word); return Mode(i), ok }

// Scene says where a payment happens.
type Scene uint8

// The scenes of the design. The zero value is the till in a shop.
const (
	InStore Scene = iota
	Touch
	Online
	CashOnDelivery
	Offline
	CrossBorder
)

var sceneNames = [...]string{
	"in_store", "touch", "online", "cash_on_delivery", "offline", "cross_border",
}

// String returns the word used in the API and in records.
func (s Scene) String() string { return nameOf(sceneNames[:], uint8(s)) }

// ParseScene is the inverse of Scene.String.
func ParseScene(word string) (Scene, bool) {
	i, ok := indexOf(sceneNames[:], word)
	return Scene(i), ok
}

// Status is where a payment stands. The zero value claims nothing.
type Status uint8

// The states that a caller can see.
const (
	StatusUnknown   Status = iota // Money may have moved; the switch is finding out.
	StatusPending                 // Accepted and durable; the answer is awaited.
	StatusApproved                // Money moved. Final.
	StatusDeclined                // Money did not move and will not. Final.
	StatusCancelled               // Money did not move, or was put back. Final.
	StatusManual                  // The query plan is spent; people decide.
)

var statusNames = [...]string{"unknown", "pending", "approved", "declined", "cancelled", "manual"}

// String returns the word used in the API and in records.
func (s Status) String() string { return nameOf(statusNames[:], uint8(s)) }

// Final reports whether nothing can change s any more by itself.
func (s Status) Final() bool {
	return s == StatusApproved || s == StatusDeclined || s == StatusCancelled
}

// Payment is one payment as the switch knows it.
type Payment struct {
	ID       ID
	Kind     Kind
	Reason   Reason // Of a chargeback or an adjustment.
	Original ID     // The payment that this one turns round or, an adjustment, puts right; empty for Pay.

	Institution string // The calling institution.
	RequestID   string // Its own id for the request, unique within the institution.
	Digest      Digest // Of the request's content: same id, other content is a conflict.
	Requested   time.Time
	Accepted    time.Time

	Mode     Mode
	Scene    Scene
	Amount   Fen
	Currency string // ISO 4217 number, three digits.
	CodeMask string // The code with all but its prefix and its last four characters hidden.
	Scheme   string
	Merchant string // Merchant id or name as the request or the code gave it.
	Category string // Merchant category, ISO 18245, four digits; empty where nobody said.

	Rule         string // The routing rule that chose the target.
	TableVersion string // Version and digest of the table that it stands in.
	Shape        string // What routing saw of the code, with nothing that could be paid with.

	Legs    []Leg
	Status  Status
	Failure Failure
	Decided time.Time // When Status became final; zero before.

	Refunded    Fen       // Sum of the approved refunds; of a chargeback, what was won back.
	ChargedBack Fen       // Sum of the chargebacks.
	Fees        []Posting // The lines of its outcome that are fees, the bearer's last; a refund returns these.
}

// Returned is what has gone the way back: refunds and chargebacks together, never more than
// Amount.
func (p *Payment) Returned() Fen { return p.Refunded + p.ChargedBack }

// Digest is the first 16 bytes of the SHA-256 of a request's content.
type Digest [16]byte

// Leg is one remote step of a payment, in its fixed order.
type Leg struct {
	Kind        OperationKind // Debit, Credit, Refund or Cancel.
	Institution string        // Whom the switch calls.
	Original    string        // Reference of the leg that this one refunds or cancels.
	Amount      Fen
	Medium      Medium // The kind of money that it moves.
	Outcome     Outcome
	Cancelled   bool // The leg was approved, or may have been, and is now undone.
	Failure     Failure
	Remote      string // The institution's own reference, as it answered.
}

// Party reports whether institution takes part in p, as caller or in a leg.
func (p *Payment) Party(institution string) bool {
	if p.Institution == institution {
		return true
	}
	for i := range p.Legs {
		if p.Legs[i].Institution == institution {
			return true
		}
	}
	return false
}

// Reference is the switch's reference of leg number leg of p, unique for ever: what the
// institution is asked by when an answer was lost.
func (p *Payment) Reference(leg int) string { return p.ID.Reference(leg) }

func nameOf(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return "invalid(" + strconv.Itoa(int(i)) + ")"
}

func indexOf(names []string, word string) (int, bool) {
	for i, name := range names {
		if name == word {
			return i, true
		}
	}
	return 0, false
}
