package engine

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Limits bounds the engine. Full means refused with a clear word, never queued without end.
type Limits struct {
	InFlightMax       int           `yaml:"in_flight_max"`       // Payments at work, people's queue not counted.
	AnswerMax         time.Duration `yaml:"answer_max"`          // A caller waits this long before it is told "unknown".
	BlockRecordsMax   int           `yaml:"block_records_max"`   // Records of one journal block.
	BlocksInFlight    int           `yaml:"blocks_in_flight"`    // Blocks handed to the journal and not yet durable.
	SnapshotBlocks    int           `yaml:"snapshot_blocks"`     // A snapshot is written after so many blocks.
	RefusalsPerSecond int           `yaml:"refusals_per_second"` // Refusals recorded in a second; the rest are counted.
	ResumePerSecond   int           `yaml:"resume_per_second"`   // Undecided payments of an earlier run asked about in a second.
}

// DefaultLimits are those of one small machine. While one block is being synced
// the next ones wait for it and are then synced together: with larger blocks or fewer in flight
// the processors stand idle during the sync (bench/ledger/results.md).
func DefaultLimits() Limits {
	return Limits{
		InFlightMax:       20_000,
		AnswerMax:         8 * time.Second,
		BlockRecordsMax:   350,
		BlocksInFlight:    3,
		SnapshotBlocks:    5_000,
		RefusalsPerSecond: 100,
		ResumePerSecond:   2_000,
	}
}

// faults lists what is wrong with m.
func (m *Limits) faults() []string {
	var list []string
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"InFlightMax", int64(m.InFlightMax)}, {"AnswerMax", int64(m.AnswerMax)},
		{"BlockRecordsMax", int64(m.BlockRecordsMax)}, {"BlocksInFlight", int64(m.BlocksInFlight)},
		{"SnapshotBlocks", int64(m.SnapshotBlocks)},
		{"RefusalsPerSecond", int64(m.RefusalsPerSecond)},
		{"ResumePerSecond", int64(m.ResumePerSecond)},
	} {
		if limit.value <= 0 {
			list = append(list, limit.name+" is not above zero")
		}
	}
	if m.BlocksInFlight > 4 {
		list = append(list, "BlocksInFlight is above 4: more makes smaller blocks and is slower")
	}
	return list
}

// Validate reports every fault of o at once.
func (o *Options) Validate() error {
	list := o.Limits.faults()
	if _, ok := o.Plans[""]; !ok {
		list = append(list, "Plans has no plan under the empty name, which serves the others")
	}
	for institution, plan := range o.Plans {
		for _, fault := range plan.faults() {
			list = append(list, fmt.Sprintf("plan of %q: %s", institution, fault))
		}
	}
	if o.Log == nil || o.View == nil || o.Snapshots == nil || o.Sender == nil || o.Logger == nil {
		list = append(list, "Log, View, Snapshots, Sender and Logger must all be given")
	}
	if len(list) == 0 {
		return nil
	}
	return errors.New("engine: cannot use options: " + strings.Join(list, "; "))
}
