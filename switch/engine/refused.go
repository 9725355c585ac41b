package engine

import (
	"time"

	"tongma/switch/payment"
)

// Refused is the audit record of a request that was refused before it became a payment.
type Refused struct {
	Institution string // As the request claims it; the signature may be what was refused.
	Claimed     bool   // Nothing proves who it was. Not written down.
	RequestID   string // Empty where the request could not be read so far.
	Path        string
	Failure     payment.Failure
	Time        time.Time // UTC.
}
