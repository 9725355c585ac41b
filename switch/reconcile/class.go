package reconcile

import "slices"

// Class is the kind of a difference, seen from the left side, ours.
type Class uint8

// The classes. The zero value is no difference.
const (
	Matched         Class = iota
	Long                  // The right side has it, the left does not.
	Short                 // The left side has it, the right does not.
	AmountDiffers         // Both have it, the principal differs.
	FeeDiffers            // The principal is equal, the fee differs.
	StatusDiffers         // Such as success against failed.
	CurrencyDiffers       // The currency differs, so that amounts cannot be compared.
	PartyDiffers          // It is booked for another institution or merchant.
	CutOff                // Equal but for the business day, or expected in the next file.
	OtherDiffers          // Another compared field differs (kind, reference, time, original).
	DuplicateLeft         // The left side has it more often than the right.
	DuplicateRight        // The right side has it more often than the left.
	BatchDiffers          // The rows of a batch do not sum up to the row that settles it.
	RefundOrphan          // A refund or reversal whose original its side does not have.

	classCount = int(RefundOrphan) + 1
)

var classNames = [classCount]string{"matched", "long", "short", "amount", "fee", "status",
	"currency", "party", "cut-off", "other", "duplicate-left", "duplicate-right", "batch",
	"refund-without-original"}

// String returns the class as it is written in outputs.
func (c Class) String() string { return classNames[c] }

// Repair is the action as one word, for programs.
func (c Class) Repair() string { return remedies[c].word }

// Action is what is proposed for a difference of this class; nothing is done by itself.
func (c Class) Action() string { return remedies[c].action }

// ParseClass finds the class that a discrepancy names; false for a word that is none, and for
// what is no difference.
func ParseClass(word string) (Class, bool) {
	i := slices.Index(classNames[:], word)
	return Class(max(i, 0)), i > int(Matched)
}

// differs says which class explains two rows that met under rule, by the field that
// weighs most, beyond what the plan tolerates. late says that one of them was waited for,
// so that its day is another.
func (j *job) differs(rule *Rule, left, right *row, late bool) Class {
	plan := j.plan
	compared := func(f Field) bool { return j.compared[f] }
	same := func(f Field) bool { return string(left.text[f]) == string(right.text[f]) }
	switch {
	case compared(Currency) && !same(Currency):
		return CurrencyDiffers
	case abs(left.amount-right.amount) > plan.Tolerance.Amount:
		return AmountDiffers
	case compared(Fee) && abs(left.fee-right.fee) > plan.Tolerance.Fee:
		return FeeDiffers
	case compared(Status) && !same(Status):
		return StatusDiffers
	case compared(Party) && !same(Party):
		return PartyDiffers
	case compared(Reference) && !same(Reference), compared(Kind) && !same(Kind),
		compared(Original) && !same(Original), compared(Batch) && !same(Batch):
		return OtherDiffers
	case late, rule.Window > 0: // How far moments may lie apart was the rule's to say.
		return Matched
	case compared(Day) && abs(left.day()-right.day()) > plan.Tolerance.Days:
		return CutOff
	case compared(Time) && left.second != right.second:
		return OtherDiffers
	}
	return Matched
}
