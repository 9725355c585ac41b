// Command bench measures the switch: go run ./bench payments|ledger|codec|routing|reconcile.
//
// It knows load, comparison and results. Each benchmark is a package of its own below
// this folder; what it prints ends in one line of JSON, and what that figure includes
// is stated beside it. Rivals used only for comparison live in modules of their own
// under bench/rivals, so that nothing of them reaches a user's build.
package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"tongma/bench/codec"
	"tongma/bench/ledger"
	"tongma/bench/payments"
	"tongma/bench/reconcile"
	"tongma/bench/routing"
)

// benchmarks is the list of what can be measured: name, and the function that takes
// the remaining arguments.
var benchmarks = map[string]func(args []string) error{
	"codec":     codec.Run,
	"routing":   routing.Run,
	"ledger":    ledger.Run,
	"payments":  payments.Run,
	"reconcile": reconcile.Run,
}

func main() {
	if len(os.Args) < 2 || benchmarks[os.Args[1]] == nil {
		names := strings.Join(slices.Sorted(maps.Keys(benchmarks)), "|")
		fmt.Fprintf(os.Stderr, "usage: go run ./bench %s [flags]\n", names)
		os.Exit(2)
	}
	if err := benchmarks[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "bench %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
