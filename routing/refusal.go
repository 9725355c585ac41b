package routing

// Code says why a payment was not routed. The list is closed; callers act on it and
// never on the text.
type Code string

// Why the table gave no target.
const (
	NoRoute            Code = "no_route"
	NoAgreement        Code = "no_agreement"
	OverAgreementLimit Code = "over_agreement_limit"
	Maintenance        Code = "maintenance"
	TargetUnlicensed   Code = "target_unlicensed"
	TableAbsent        Code = "table_absent"
)

// Why the register refuses an institution, be it the caller or a target.
const (
	InstitutionUnknown    Code = "institution_unknown"
	InstitutionUnlicensed Code = "institution_unlicensed"
	InstitutionSuspended  Code = "institution_suspended"
	InstitutionWithdrawn  Code = "institution_withdrawn"
	InstitutionNotYet     Code = "institution_not_yet_in_force"
	InstitutionExpired    Code = "institution_expired"
)

// Refusal is the error of a look-up that gave no target. There is one value for each
// code, so that a refused look-up allocates nothing; compare with errors.As and Code.
type Refusal struct {
	Code   Code
	reason string
}

// Error gives the reason in one sentence, without the payment's code or its parties.
func (r *Refusal) Error() string { return "routing: " + r.reason }

// Refusals is the closed list of refusals by code.
var Refusals = map[Code]*Refusal{
	NoRoute:               errNoRoute,
	NoAgreement:           errNoAgreement,
	OverAgreementLimit:    errOverLimit,
	Maintenance:           errMaintenance,
	TargetUnlicensed:      errTargetUnlicensed,
	TableAbsent:           errTableAbsent,
	InstitutionUnknown:    errUnknown,
	InstitutionUnlicensed: errUnlicensed,
	InstitutionSuspended:  errSuspended,
	InstitutionWithdrawn:  errWithdrawn,
	InstitutionNotYet:     errNotYet,
	InstitutionExpired:    errExpired,
}

var (
	errNoRoute     = &Refusal{NoRoute, "no rule of the table matches this code"}
	errNoAgreement = &Refusal{NoAgreement,
		"no agreement in force lets this caller pay codes of the institution"}
	errOverLimit = &Refusal{OverAgreementLimit,
		"amount is above the limit of the agreement"}
	errMaintenance = &Refusal{Maintenance,
		"every institution that could answer is in a maintenance window"}
	errTargetUnlicensed = &Refusal{TargetUnlicensed,
		"no institution that could answer has a licence in force"}
	errTableAbsent = &Refusal{TableAbsent, "no routing table is active"}

	errUnknown    = &Refusal{InstitutionUnknown, "institution is not in the register"}
	errUnlicensed = &Refusal{InstitutionUnlicensed, "institution has no licence"}
	errSuspended  = &Refusal{InstitutionSuspended, "institution is suspended"}
	errWithdrawn  = &Refusal{InstitutionWithdrawn, "licence of the institution is withdrawn"}
	errNotYet     = &Refusal{InstitutionNotYet, "institution's entry is not yet in force"}
	errExpired    = &Refusal{InstitutionExpired, "institution's entry has expired"}
)
