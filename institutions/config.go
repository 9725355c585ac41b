// Package institutions reaches the institutions: one Link each, which owns connections,
// deadlines, breakers, retries, seals and limits, around a Dialect, which only translates.
//
// It knows payment's words and the driver contract. It may not know the engine, the
// gateway or routing.
package institutions

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"tongma/institutions/driver"
	"tongma/institutions/standard"
)

// dialects lists every dialect by the name that a configuration gives it.
var dialects = map[string]driver.Dialect{
	"standard": standard.Dialect{},
}

// Config is how one institution is reached. Every limit has its name here.
type Config struct {
	ID      string `yaml:"id"`
	Address string `yaml:"address"` // http://host:port
	Dialect string `yaml:"dialect"`

	// Pipeline declares that the institution takes many requests on one connection without
	// waiting, so that what was committed together leaves together. One slow answer then
	// holds the others of its connection: only for institutions that say they are quick.
	Pipeline    bool `yaml:"pipeline"`
	Connections int  `yaml:"connections"`

	// Outcomes declares that the institution, as a caller, wants to be told how payments ended
	// whose outcome it was not told at once.
	Outcomes bool `yaml:"outcomes"`

	InFlightMax   int           `yaml:"in_flight_max"`  // Money operations; beyond it they are not sent.
	QueriesMax    int           `yaml:"queries_max"`    // Queries and cancels at once.
	Deadline      time.Duration `yaml:"deadline"`       // Of a money operation.
	QueryDeadline time.Duration `yaml:"query_deadline"` // Of a query or cancel, with its retries.
	RetriesMax    int           `yaml:"retries_max"`    // Of a query or cancel.
	DialTimeout   time.Duration `yaml:"dial_timeout"`   // Nothing has left us until it is over.
	AnswerMax     int           `yaml:"answer_max"`     // Bytes of an answer's body.
	BreakerMin    int           `yaml:"breaker_min"`    // Calls in a window before the breaker judges.
	BreakerShare  int           `yaml:"breaker_share"`  // Percent of failures that opens it.
	BreakerWindow time.Duration `yaml:"breaker_window"` // Over which it counts.
	BreakerOpen   time.Duration `yaml:"breaker_open"`   // How long it stays open before it tries again.
	BreakerTries  int           `yaml:"breaker_tries"`  // Calls let through when it tries.
}

// DefaultConfig is a cautious institution with the standard dialect. ID and Address
// stay empty.
func DefaultConfig() Config {
	return Config{
		Dialect:       "standard",
		Connections:   8,
		InFlightMax:   4096,
		QueriesMax:    256,
		Deadline:      3 * time.Second,
		QueryDeadline: 3 * time.Second,
		RetriesMax:    2,
		DialTimeout:   time.Second,
		AnswerMax:     16 << 10,
		BreakerMin:    20,
		BreakerShare:  50,
		BreakerWindow: 10 * time.Second,
		BreakerOpen:   2 * time.Second,
		BreakerTries:  5,
	}
}

// Validate reports every fault of c at once.
func (c *Config) Validate() error {
	var faults []error
	check := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, fmt.Errorf("institutions: %q: %s", c.ID, fault))
		}
	}
	check(c.ID != "", "id is empty")
	address, err := url.Parse(c.Address)
	check(err == nil && address.Scheme == "http" && address.Host != "" && address.Path == "",
		"address is not of the form http://host:port")
	check(dialects[c.Dialect] != nil, "dialect is unknown")
	check(c.Connections >= 1, "connections is below 1")
	check(c.InFlightMax >= 1, "in_flight_max is below 1")
	check(c.QueriesMax >= 1, "queries_max is below 1")
	check(c.Deadline > 0 && c.QueryDeadline > 0 && c.DialTimeout > 0, "a deadline is not above zero")
	check(c.DialTimeout <= c.Deadline, "dial_timeout is above deadline")
	check(c.RetriesMax >= 0, "retries_max is below zero")
	check(c.AnswerMax >= 1024, "answer_max is below 1024")
	check(c.BreakerMin >= 1 && c.BreakerTries >= 1, "breaker_min or breaker_tries is below 1")
	check(c.BreakerShare >= 1 && c.BreakerShare <= 100, "breaker_share is not 1 to 100")
	check(c.BreakerWindow > 0 && c.BreakerOpen > 0, "a breaker time is not above zero")
	return errors.Join(faults...)
}
