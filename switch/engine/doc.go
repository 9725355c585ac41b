// Package engine decides: the payment state machine, which takes events and returns
// actions and touches nothing, and the runner, which carries the actions out through
// the journal and the institutions' links.
//
// It knows payment's words and the journal's contract. It may not know HTTP, codes or
// any institution's dialect.
package engine
