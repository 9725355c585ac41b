package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"tongma/institutions"
	"tongma/routing"
	"tongma/switch/engine"
	"tongma/switch/gateway"
	"tongma/switch/health"
	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/settlement"
)

// configuration is what `switch serve` runs with: one YAML file, whose relative paths
// are relative to the file.
type configuration struct {
	Listen      string `yaml:"listen"`      // host:port; port 0 takes a free one.
	Institution string `yaml:"institution"` // The switch's own id towards institutions.
	Shard       uint16 `yaml:"shard"`
	Journal     string `yaml:"journal"`  // Directory.
	Register    string `yaml:"register"` // Institution register, YAML.
	Table       string `yaml:"table"`    // Routing table, YAML.
	Rules       string `yaml:"rules"`    // Rule file of payment codes, YAML; empty for the built-in one.
	Keys        string `yaml:"keys"`     // Key file, YAML; secrets stand in files that it names.
	LogLevel    string `yaml:"log_level"`

	Admin adminSettings `yaml:"admin"`

	DiskFreeMin  uint64                `yaml:"disk_free_min"` // Bytes.
	DrainMax     time.Duration         `yaml:"drain_max"`     // How long a stop waits for payments at work.
	Gateway      gateway.Limits        `yaml:"gateway"`
	Engine       engine.Limits         `yaml:"engine"`
	Ledger       ledger.Limits         `yaml:"ledger"` // Caps.
	Fees         ledger.Schedule       `yaml:"fees"`
	Settlement   settlement.Timetable  `yaml:"settlement"` // When windows close.
	Health       health.Limits         `yaml:"health"`     // Weights that lean away from failing institutions.
	Institutions []institutionSettings `yaml:"institutions"`
}

// institutionSettings is how one institution is reached and how its undecided legs end.
type institutionSettings struct {
	institutions.Config `yaml:",inline"`
	Plan                engine.Plan `yaml:"plan"`
}

func defaultConfiguration() configuration {
	return configuration{
		Listen:      "127.0.0.1:8080",
		Institution: "tongma",
		Journal:     "tongma-data",
		Register:    "register.yaml",
		Table:       "table.yaml",
		Keys:        "keys.yaml",
		LogLevel:    "info",
		Admin:       adminSettings{People: "people.yaml"},
		DiskFreeMin: journal.DefaultOptions().DiskFreeMin,
		DrainMax:    10 * time.Second,
		Gateway:     gateway.DefaultLimits(),
		Engine:      engine.DefaultLimits(),
		Ledger:      ledger.DefaultLimits(),
		Settlement:  settlement.DefaultTimetable(),
		Health:      health.DefaultLimits(),
	}
}

// UnmarshalYAML fills what the file leaves out with the defaults of an institution.
func (s *institutionSettings) UnmarshalYAML(text []byte) error {
	type plain institutionSettings
	full := plain{Config: institutions.DefaultConfig(), Plan: engine.DefaultPlan()}
	if err := yaml.UnmarshalWithOptions(text, &full, yaml.Strict()); err != nil {
		return err
	}
	*s = institutionSettings(full)
	return nil
}

// loadConfiguration reads file over the defaults and reports every fault at once.
func loadConfiguration(file string) (configuration, error) {
	c := defaultConfiguration()
	text, err := os.ReadFile(file)
	if err != nil {
		return c, fmt.Errorf("cannot read the configuration: %w", err)
	}
	if err := rejectEmpty(text); err != nil {
		return c, fmt.Errorf("cannot read the configuration in %s: %w", file, err)
	}
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
		return c, fmt.Errorf("cannot read the configuration in %s: %w", file, err)
	}
	directory := filepath.Dir(file)
	for _, path := range []*string{&c.Journal, &c.Register, &c.Table, &c.Keys, &c.Admin.People, &c.Settlement.Statements} {
		if !filepath.IsAbs(*path) {
			*path = filepath.Join(directory, *path)
		}
	}
	for _, path := range []*string{&c.Rules, &c.Settlement.Calendar, &c.Settlement.Key} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(directory, *path)
		}
	}
	if err := c.validate(); err != nil {
		return c, &invalidError{err}
	}
	return c, nil
}

// invalidError is a configuration that was read, and with which nothing can run.
type invalidError struct{ error }

// Unwrap gives the faults.
func (e *invalidError) Unwrap() error { return e.error }

// rejectEmpty refuses a document that holds nothing: it would wipe out the defaults.
func rejectEmpty(text []byte) error {
	var document any
	if err := yaml.Unmarshal(text, &document); err == nil && document == nil {
		return errors.New("it is empty")
	}
	return nil
}

func (c *configuration) validate() error {
	faults := []error{c.Gateway.Validate(), c.Ledger.Validate(), c.Fees.Validate(), c.Settlement.Validate(), c.Health.Validate()}
	if c.Listen == "" || c.Institution == "" {
		faults = append(faults, errors.New("listen and institution must be given"))
	}
	if len(c.Institutions) == 0 {
		faults = append(faults, errors.New("institutions is empty: there is nobody to route to"))
	}
	for i := range c.Institutions {
		faults = append(faults, c.Institutions[i].Validate())
	}
	return errors.Join(faults...)
}

// registered reports every institution that is to have a share of a fee, or a cap, and stands
// not in the register: money would be posted to whom nobody knows.
func (c *configuration) registered(register *routing.Register) error {
	var faults []error
	check := func(what, id string) {
		if _, known := register.Find(id); !known {
			faults = append(faults, fmt.Errorf("%s names %q, which is not registered", what, id))
		}
	}
	for _, id := range c.Fees.Institutions(time.Now()) {
		check("fees", id)
	}
	for _, limit := range c.Ledger.Caps {
		check("ledger.caps", limit.Institution)
	}
	return errors.Join(faults...)
}

// plans are the engine's query plans by institution.
func (c *configuration) plans() map[string]engine.Plan {
	plans := map[string]engine.Plan{"": engine.DefaultPlan()}
	for i := range c.Institutions {
		plans[c.Institutions[i].ID] = c.Institutions[i].Plan
	}
	return plans
}

// meter measures the institutions; nil where their weights are the table's alone.
func (c *configuration) meter() *health.Meter {
	if !c.Health.Enabled {
		return nil
	}
	ids := make([]string, len(c.Institutions))
	for i := range c.Institutions {
		ids[i] = c.Institutions[i].ID
	}
	return health.New(c.Health, ids)
}

// links are the institutions' connections.
func (c *configuration) links() []institutions.Config {
	list := make([]institutions.Config, len(c.Institutions))
	for i := range c.Institutions {
		list[i] = c.Institutions[i].Config
	}
	return list
}
