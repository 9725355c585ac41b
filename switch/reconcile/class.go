package reconcile

// Class is the kind of a difference, seen from the left side, ours.
type Class uint8

const (
	Matched         Class = iota
	Long                  // The right side has it, the left does not.
	Short                 // The left side has it, the right does not.
	AmountDiffers         // Both have it, the principal differs.
	FeeDiffers            // The principal is equal, the fee differs.
	StatusDiffers         // Such as success against failed.
	CurrencyDiffers       // The currency differs, so that amounts cannot be compared.
	PartyDiffers          // It is booked for another institution or merchant.
	CutOff                // Equal but for the business day: it fell into the next cycle.
	OtherDiffers          // Another compared field differs (kind, reference, time, original).
	DuplicateLeft         // The left side has it more often than the right.
	DuplicateRight        // The right side has it more often than the left.

	classCount = int(DuplicateRight) + 1
)

var classNames = [classCount]string{"matched", "long", "short", "amount", "fee", "status",
	"currency", "party", "cut-off", "other", "duplicate-left", "duplicate-right"}

// String returns the class as it is written in outputs.
func (c Class) String() string { return classNames[c] }

var classActions = [classCount]string{
	Long:            "query the institution, then supplement the payment",
	Short:           "wait one cycle, then query the institution",
	AmountDiffers:   "propose an adjustment entry for two-person approval",
	FeeDiffers:      "record the fee variance",
	StatusDiffers:   "query the institution and repair the status",
	CurrencyDiffers: "review by hand",
	PartyDiffers:    "route to the institution it belongs to",
	CutOff:          "carry forward to the next cycle",
	OtherDiffers:    "review by hand",
	DuplicateLeft:   "hold the repeated row",
	DuplicateRight:  "hold the repeated row",
}

// Action is what is proposed for a difference of this class; nothing is done by itself.
func (c Class) Action() string { return classActions[c] }

// differs says which class explains two rows with one id, by the field that weighs most.
func (j *job) differs(left, right *row) Class {
	compared := func(f Field) bool { return j.compare[f] }
	same := func(f Field) bool { return string(left.text[f]) == string(right.text[f]) }
	switch {
	case compared(Currency) && !same(Currency):
		return CurrencyDiffers
	case left.amount != right.amount:
		return AmountDiffers
	case compared(Fee) && left.fee != right.fee:
		return FeeDiffers
	case compared(Status) && !same(Status):
		return StatusDiffers
	case compared(Party) && !same(Party):
		return PartyDiffers
	case compared(Reference) && !same(Reference), compared(Kind) && !same(Kind),
		compared(Original) && !same(Original):
		return OtherDiffers
	case compared(Day) && left.day() != right.day():
		return CutOff
	case compared(Time) && left.second != right.second:
		return OtherDiffers
	}
	return Matched
}
