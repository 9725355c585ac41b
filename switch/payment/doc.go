// Package payment holds the words of the trade: Fen, Operation, Outcome, Failure,
// Status, Payment. It imports the standard library only and knows nothing else of
// this project.
package payment
