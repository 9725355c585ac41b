package reconcile

import "slices"

// The actions that a remedy names. The switch takes the first four when a person asks it to
// (switch reconcile repair); the others are left to time and to people.
const (
	RepairQuery  = "query"  // Ask the institution again how the leg stands; the answer is evidence.
	RepairNotify = "notify" // Tell the caller of the payment its outcome again.
	RepairAdjust = "adjust" // Propose an adjustment entry, which another person approves.
	RepairRecord = "record" // Write the difference down: it is small, and known to both sides.
	RepairWait   = "wait"   // The row may come with the next cycle's file.
	RepairHold   = "hold"   // The row is not to be paid out twice: people hold it.
	RepairAsk    = "ask"    // The other side has to hand in data that is missing.
	RepairReview = "review" // People find out.
)

// Remedy is what is done about the differences of one class.
type Remedy struct {
	word   string // What is proposed first, for programs.
	action string // The same for people.

	// Called is what the switch does where the other side is an institution that it called,
	// Caller where it is the one that asked for the payment.
	Called, Caller string
	// Waits tells that a row which is younger than a cycle is waited for first.
	Waits bool
	// May lists what a person may ask for instead.
	May []string
}

// remedies says which class gets which action. It is the only place that does.
var remedies = [classCount]Remedy{
	// class          proposed word and sentence                                                     called        caller        waits  may also
	Long:            {RepairQuery, "query the institution, then supplement the payment", RepairQuery, RepairNotify, false, []string{RepairQuery, RepairNotify, RepairAdjust}},
	Short:           {RepairWait, "wait one cycle, then query the institution", RepairQuery, RepairNotify, true, []string{RepairQuery, RepairNotify, RepairAdjust}},
	StatusDiffers:   {RepairQuery, "query the institution and repair the status", RepairQuery, RepairNotify, false, []string{RepairQuery, RepairNotify, RepairAdjust}},
	AmountDiffers:   {RepairAdjust, "propose an adjustment entry for two-person approval", RepairAdjust, RepairAdjust, false, []string{RepairQuery, RepairNotify, RepairAdjust}},
	FeeDiffers:      {RepairRecord, "record the fee variance", RepairRecord, RepairRecord, false, []string{RepairRecord}},
	CutOff:          {RepairWait, "carry forward to the next cycle", RepairWait, RepairWait, true, []string{RepairQuery}},
	CurrencyDiffers: {RepairReview, "review by hand", RepairReview, RepairReview, false, []string{RepairQuery, RepairNotify}},
	PartyDiffers:    {RepairReview, "route to the institution it belongs to", RepairReview, RepairReview, false, []string{RepairQuery, RepairNotify}},
	OtherDiffers:    {RepairReview, "review by hand", RepairReview, RepairReview, false, []string{RepairQuery, RepairNotify}},
	DuplicateLeft:   {RepairHold, "hold the repeated row", RepairHold, RepairHold, false, nil},
	DuplicateRight:  {RepairHold, "hold the repeated row", RepairHold, RepairHold, false, []string{RepairQuery}},
	BatchDiffers:    {RepairAsk, "ask the institution for the items of the batch", RepairAsk, RepairAsk, false, nil},
	RefundOrphan:    {RepairReview, "find the original before money goes back", RepairReview, RepairReview, false, nil},
}

// Remedy gives what is done about differences of class c.
func (c Class) Remedy() Remedy { return remedies[c] }

// Taken reports whether the switch itself takes the action when it is asked to.
func Taken(action string) bool {
	return slices.Contains([]string{RepairQuery, RepairNotify, RepairAdjust, RepairRecord}, action)
}
