package paper

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Fault is one way in which the institution misbehaves.
type Fault struct {
	Name  string        // One of FaultNames.
	Share int           // Of a thousand requests.
	Delay time.Duration // slow, late, contradict: how long; 0 takes the fault's own.
	Kinds []string      // Operations that it strikes, such as debit or query; empty for all.
}

// FaultNames lists the faults.
//
//	slow          answers after Delay
//	silent        does the work and never answers
//	deaf          neither does the work nor answers
//	error         does the work and answers 500
//	refuse        does not do the work and answers 503
//	garbage       does the work and answers bytes that mean nothing
//	duplicate     carries the request out twice, as if it had been delivered twice
//	late          does the work after Delay and answers then
//	contradict    does the work and answers the opposite, after Delay if one is given
//	wrong_amount  does the work and answers with another amount
//	wrong_seal    does the work and answers with a seal that does not fit
//	decline       declines
var FaultNames = []string{
	"slow", "silent", "deaf", "error", "refuse", "garbage", "duplicate", "late",
	"contradict", "wrong_amount", "wrong_seal", "decline",
}

// ParseFault reads "name=share", "name=share:delay" or "name=share:delay:kind,kind";
// share is of a thousand, delay as Go writes durations.
func ParseFault(text string) (Fault, error) {
	name, rest, ok := strings.Cut(text, "=")
	f := Fault{Name: name}
	if !ok || !slices.Contains(FaultNames, name) {
		return f, fmt.Errorf("paper: fault %q, want name=share with a name of: %s", text, strings.Join(FaultNames, " "))
	}
	parts := strings.Split(rest, ":")
	var err error
	if f.Share, err = strconv.Atoi(parts[0]); err != nil || f.Share < 0 || f.Share > 1000 {
		return f, fmt.Errorf("paper: share %q of fault %s, want 0 to 1000", parts[0], name)
	}
	if len(parts) > 1 && parts[1] != "" {
		if f.Delay, err = time.ParseDuration(parts[1]); err != nil || f.Delay < 0 {
			return f, fmt.Errorf("paper: delay %q of fault %s is not a duration", parts[1], name)
		}
	}
	if len(parts) > 2 {
		f.Kinds = strings.Split(parts[2], ",")
	}
	return f, nil
}

// faults are those switched on now.
type faults struct{ list atomic.Pointer[[]Fault] }

func (f *faults) set(list []Fault) { f.list.Store(&list) }

// strike picks the fault that strikes a request of this kind, if one does.
func (f *faults) strike(kind string) *Fault {
	list := f.list.Load()
	if list == nil || len(*list) == 0 {
		return nil
	}
	for i := range *list {
		fault := &(*list)[i]
		if len(fault.Kinds) > 0 && !slices.Contains(fault.Kinds, kind) {
			continue
		}
		if rand.IntN(1000) < fault.Share {
			return fault
		}
	}
	return nil
}

// delay is how long f waits.
func (f *Fault) delay() time.Duration {
	if f.Delay > 0 {
		return f.Delay
	}
	if f.Name == "late" {
		return 4 * time.Second
	}
	return 50 * time.Millisecond
}
