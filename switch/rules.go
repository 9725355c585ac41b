package main

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tongma/codec"
)

// ruleClock keeps the decoder of the code rules that are in force now.
type ruleClock struct {
	file    string // Empty for the rules that this build carries.
	book    *codec.Rulebook
	current atomic.Pointer[codec.Decoder]
	timer   *time.Timer
}

// ruleLookMax is how long the clock sleeps at most: the machine's time may be set.
const ruleLookMax = time.Hour

func newRuleClock(file string) (*ruleClock, error) {
	r := &ruleClock{file: file, timer: time.NewTimer(ruleLookMax)}
	return r, r.load()
}

// load reads the file anew. After an error the rules stay what they were.
func (r *ruleClock) load() error {
	book, err := loadRules(r.file)
	if err != nil {
		return err
	}
	r.book = book
	r.turn(time.Now())
	return nil
}

// turn takes the rules of that instant and sets the timer for the next ones.
func (r *ruleClock) turn(now time.Time) {
	r.current.Store(r.book.At(now))
	sleep := ruleLookMax
	if next := r.book.NextChange(now); !next.IsZero() {
		sleep = min(sleep, next.Sub(now))
	}
	r.timer.Reset(sleep)
}

// Decoder is the one of the rules in force. It may be asked for by any goroutine.
func (r *ruleClock) Decoder() *codec.Decoder { return r.current.Load() }

// announce tells of overlaps, which are no faults, and of what the rules are.
func (r *ruleClock) announce(log *zap.Logger) {
	overlaps := r.book.Overlaps()
	log.Info("switch: code rules in use", zap.String("version", r.book.Version()), zap.Int("overlaps", len(overlaps)))
	for _, o := range overlaps {
		log.Debug("switch: two code rules fit one code", zap.String("winner", o.Winner), zap.String("loser", o.Loser),
			zap.String("by", o.By))
	}
}
