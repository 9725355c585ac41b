package engine

import "tongma/switch/payment"

// Request is one request that was authenticated, decoded and routed, and now awaits
// the decision. The engine owns it after Submit or Begin.
type Request struct {
	// Payment carries Kind, Institution, RequestID, Digest, Requested, Mode, Scene, Amount,
	// Currency, CodeMask, Scheme, Merchant, Rule, TableVersion and, for Pay, Legs with Kind,
	// Institution and Amount. For Refund and Cancel it carries Original; the legs are the
	// original's, turned round by the engine. ID, Accepted, Status and the rest are the
	// engine's to fill.
	Payment payment.Payment

	Code    string // The code as read: sent to its issuer, never written down.
	Account string // The payer's account token at the first leg, where no code names it.

	// Alternatives are the further targets of the last leg, nearest first. One is taken
	// only when the institution before it was provably sent nothing.
	Alternatives []string

	life life // Room for what the engine knows of the payment while it works on it.
}
