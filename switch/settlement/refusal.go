package settlement

// Code says why something was not done. The list is closed; callers act on it.
type Code string

// The reasons.
const (
	SamePerson       Code = "same_person"
	WindowUnknown    Code = "window_unknown"
	WindowState      Code = "window_state"
	NothingProposed  Code = "nothing_proposed"
	ConfirmationDiff Code = "confirmation_differs"
	MemberUnknown    Code = "member_unknown"
	Busy             Code = "busy"
	JournalRefused   Code = "journal_unavailable"
)

// Refusal is what was not done, and why.
type Refusal struct {
	Code   Code
	Detail string
}

// Error gives code and detail.
func (r *Refusal) Error() string {
	if r.Detail == "" {
		return "settlement: refused: " + string(r.Code)
	}
	return "settlement: refused: " + string(r.Code) + ": " + r.Detail
}
