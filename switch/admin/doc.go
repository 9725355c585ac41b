// Package admin is what people do to a running switch: its own listener, people with
// roles and keys of their own, two persons for what matters, and every act in the
// journal, the refused ones too. It holds the life of the routing tables, limits, payments
// in people's hands, and what people book: chargebacks and adjustments. What takes two
// persons has one shape (see proposal); other things that people decide can be added to the
// list of operations.
//
// It is one folder for deciding, carrying out and serving because each is small; the
// deciding (Life) does no I/O. It may not know payments beyond their intents.
//
// A request is sealed as an institution's is (HMAC-SM3; see seal): Tongma-Person names
// who asks, Tongma-Time is Unix milliseconds, Tongma-Signature covers method, path with
// query, time and body. The same request is taken once.
package admin
