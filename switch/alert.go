package main

import (
	"time"

	"go.uber.org/zap"

	"tongma/switch/ledger"
)

// alertEvery is how often the sides are looked at.
const alertEvery = time.Second

// watchLimits tells in the log, once each time, that a side has used up more of its deposit
// and cap than the threshold, and that it has come below it again.
func (s *assembly) watchLimits(stop <-chan struct{}) {
	threshold := s.config.Ledger.AlertPPM
	if threshold == 0 {
		return
	}
	above := map[ledger.Side]bool{}
	tick := time.NewTicker(alertEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		stood, err := s.engine.Standings()
		if err != nil {
			return // It stops.
		}
		for i := range stood {
			used := stood[i].UsedPPM()
			if over := used >= threshold; over != above[stood[i].Side] {
				above[stood[i].Side] = over
				s.log.Warn("switch: use of deposit and cap", zap.Bool("over_threshold", over), zap.Int64("used_ppm", used),
					zap.String("institution", stood[i].Institution), zap.String("medium", stood[i].Medium.String()),
					zap.Int64("available_fen", int64(stood[i].Available())))
			}
		}
	}
}
