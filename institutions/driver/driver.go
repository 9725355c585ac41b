// Package driver is the contract between the Link, which all institutions share, and
// the Dialect, which differs for each. It knows payment's words and bytes of messages;
// it may not know connections, time-outs, retries or signatures.
package driver

import "tongma/switch/payment"

// Request is one message to an institution, before the Link authenticates and sends it.
type Request struct {
	Path string // Below the institution's base address, beginning with a slash.
	Body []byte // Owned by the Link, which reuses it: Render appends to Body[:0].
}

// Response is what came back. Body is valid only during Read.
type Response struct {
	Status int // HTTP status, or the transport's nearest equivalent.
	Body   []byte
}

// Announcer is the further ability of a dialect that can tell an institution how a payment
// ended which it had asked for. Any status 200 whose seal fits acknowledges it.
type Announcer interface {
	// RenderOutcome writes the message. The same payment may be announced again.
	RenderOutcome(p *payment.Payment, into *Request)
}

// Dialect turns our operations into one institution's wire format and back.
// It does no I/O, keeps no state and never retries; the Link around it does. Its
// methods may be called by many goroutines at once.
type Dialect interface {
	// Render writes the request for op into into. It must carry op's reference, so that a
	// payment whose answer was lost can still be asked about. An error means that this
	// dialect cannot say op: nothing is sent.
	Render(op *payment.Operation, into *Request) error
	// Read says what the answer to op means. An answer that it does not recognise is
	// Unknown, never Declined; an error says what was wrong with it, without its content.
	Read(op *payment.Operation, response Response) (payment.Answer, error)
}
