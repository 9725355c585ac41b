// Package conformance holds what institutions, switches and decoders are measured by:
// rules with permanent ids and vectors as data (vectors/*.json, each with id, note,
// source and, where a code must be refused, the error's code).
//
// It talks over the wire. It may not know the switch's internals.
package conformance
