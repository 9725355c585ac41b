package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tongma/institutions"
	"tongma/institutions/seal"
	"tongma/routing"
	"tongma/switch/admin"
	"tongma/switch/engine"
	"tongma/switch/gateway"
	"tongma/switch/health"
	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/notify"
	"tongma/switch/payment"
	"tongma/switch/settlement"
)

// serveCommand runs the switch.
type serveCommand struct {
	Config      string `help:"Configuration file, YAML." default:"${config}" type:"path"`
	PrintConfig bool   `help:"Print the configuration that would run, with all defaults, and end; the defaults where --config is left out and no file is there."`
}

// Run serves until SIGTERM or an interrupt, then drains and ends.
func (c *serveCommand) Run() error {
	config, err := loadConfiguration(c.Config)
	if c.PrintConfig {
		return c.printConfiguration(&config, err)
	}
	if err != nil {
		return err
	}
	log, err := newLogger(config.LogLevel)
	if err != nil {
		return err
	}
	hushLibraries(log)
	s, err := assemble(&config, log)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	return s.serve(stop)
}

// configFile is where the configuration stands if nothing else is said.
const configFile = "tongma.yaml"

// printConfiguration prints what would run, and then what is wrong with it. Where no file was
// named and none is there, it is the defaults; of a file that cannot be read nothing is printed.
func (c *serveCommand) printConfiguration(config *configuration, fault error) error {
	var invalid *invalidError
	switch {
	case fault == nil || errors.As(fault, &invalid):
	case errors.Is(fault, os.ErrNotExist) && c.unnamed():
		fault = nil
	default:
		return fault
	}
	text, err := yaml.Marshal(config)
	fmt.Print(string(text))
	return errors.Join(err, fault)
}

// unnamed reports whether the configuration is looked for where nobody said otherwise.
func (c *serveCommand) unnamed() bool {
	usual, err := filepath.Abs(configFile)
	return err == nil && c.Config == usual
}

// newLogger writes JSON lines to standard error; standard output says where the switch listens.
func newLogger(level string) (*zap.Logger, error) {
	parsed, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("log_level: %w", err)
	}
	config := zap.NewProductionConfig()
	config.Level = zap.NewAtomicLevelAt(parsed)
	config.Sampling = &zap.SamplingConfig{Initial: 20, Thereafter: 1000}
	config.DisableStacktrace = true
	return config.Build()
}

// assembly is a whole switch, wired.
type assembly struct {
	config   *configuration
	log      *zap.Logger
	store    *journal.Store
	engine   *engine.Engine
	network  *institutions.Network
	gateway  *gateway.Gateway
	board    *routing.Switchboard
	health   *health.Meter // Nil unless configured.
	rules    *ruleClock
	ring     *seal.Ring
	notifier *notify.Notifier
	listener net.Listener

	windows  *settlement.Desk
	register atomic.Pointer[routing.Register] // The one in use.

	tables        *admin.Tables // Nil where the table comes from its file.
	admin         *admin.Server
	adminListener net.Listener
}

// assemble opens everything in the order in which it depends on one another. What was
// opened is closed again where a later part refuses.
func assemble(config *configuration, log *zap.Logger) (*assembly, error) {
	tuneMemory()
	// Two goroutines spend their time in fsync, and a thread in a system call keeps its
	// processor until the scheduler takes it away: give the others theirs.
	runtime.GOMAXPROCS(runtime.NumCPU() + 2)
	s := &assembly{config: config, log: log}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// tuneMemory lets the heap grow further between collections than Go does by itself: the
// live heap is small, and a collection costs every payment under way.
func tuneMemory() {
	const percent, limitBytes = 400, 2 << 30
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(limitBytes)
}

func (s *assembly) open() error {
	var err error
	if s.ring, err = seal.LoadRing(s.config.Keys); err != nil {
		return err
	}
	if s.rules, err = newRuleClock(s.config.Rules); err != nil {
		return err
	}
	s.rules.announce(s.log)
	s.board = new(routing.Switchboard)
	register, err := s.loadRegister() // Before the journal: a start that fails is no epoch.
	if err == nil {
		err = s.config.registered(register)
	}
	if err != nil {
		return err
	}
	s.register.Store(register)
	if err := s.openEngine(); err != nil {
		return err
	}
	if err := s.openWindows(); err != nil {
		return err
	}
	if err := s.openTables(register); err != nil {
		return err
	}
	options := gateway.Options{
		Limits: s.config.Gateway, Decoder: s.rules.Decoder, Switchboard: s.board, Ring: s.ring,
		Engine: s.engine, Resolver: s.network, Logger: s.log,
	}
	if s.health != nil {
		options.Health = s.health
	}
	s.gateway, err = gateway.New(options)
	if err != nil {
		return err
	}
	s.listener, err = net.Listen("tcp", s.config.Listen)
	return err
}

// openEngine opens links, journal and engine. The links' answers go to the engine, which
// is not there yet when they are made; nothing is sent before Start.
func (s *assembly) openEngine() error {
	hooks := institutions.Hooks{
		Deliver: func(op *payment.Operation, a payment.Answer) { s.engine.Answer(op, a) },
		Late:    func(op *payment.Operation, a payment.Answer) { s.engine.Late(op, a) },
	}
	if s.health = s.config.meter(); s.health != nil {
		hooks.Measured = s.health.Observe
	}
	var err error
	s.network, err = institutions.NewNetwork(s.config.links(), s.config.Institution, s.ring, s.log, hooks)
	if err != nil {
		return err
	}
	options := journal.DefaultOptions()
	options.Directory, options.Shard = s.config.Journal, s.config.Shard
	options.DiskFreeMin = s.config.DiskFreeMin
	if s.store, err = journal.Open(options); err != nil {
		return err
	}
	callers := s.network.Announces()
	s.notifier = notify.New(callers, s.network, notify.DefaultLimits(), s.log)
	s.engine, err = engine.Open(engine.Options{
		Announces: callers, Owed: s.notifier.Owed,
		Shard: s.config.Shard, Limits: s.config.Engine, Plans: s.config.plans(),
		Log: s.store, View: s.store, Snapshots: s.store, Sender: s.network, Logger: s.log,
		Ledger: ledger.New(s.config.Ledger, &s.config.Fees), Progress: progressLine(),
	})
	return err
}

// progressLine tells on standard error how far a long replay has come, once a second.
func progressLine() func(done, total uint64) {
	last := time.Now()
	return func(done, total uint64) {
		if now := time.Now(); now.Sub(last) >= time.Second || done == total && now.Sub(last) > 200*time.Millisecond {
			last = now
			fmt.Fprintf(os.Stderr, "replaying the journal: block %d of %d (%d %%)\n", done, total, done*100/max(1, total))
		}
	}
}

// serve says where it listens and serves until stop; SIGHUP loads anew what reload says.
func (s *assembly) serve(stop <-chan os.Signal) error {
	reload := make(chan os.Signal, 1) // Before anybody is told that we serve: until then SIGHUP kills.
	signal.Notify(reload, syscall.SIGHUP)
	s.engine.Start()
	s.windows.Start()
	watching := make(chan struct{})
	defer close(watching)
	go s.watchLimits(watching)
	s.notifier.Start(s.engine)
	failed := make(chan error, 2)
	s.serveAdmin(failed)
	go func() { failed <- s.gateway.Serve(s.listener) }()
	fmt.Printf("listening http://%s\n", s.listener.Addr())
	s.log.Info("switch: serving", zap.String("listen", s.listener.Addr().String()), zap.Uint64("epoch", s.store.Epoch()))
	for {
		select {
		case <-stop:
			s.log.Info("switch: stopping")
			return s.drain()
		case err := <-failed:
			return errors.Join(err, s.drain())
		case <-reload:
			s.reload()
		case now := <-s.rules.timer.C:
			s.rules.turn(now)
		}
	}
}

// reload replaces keys, people, code rules, register and table in use by what the files say now,
// under load. Each stays where its file has a fault; all other settings are those of the start.
func (s *assembly) reload() {
	if err := s.reloadKeys(); err != nil {
		s.log.Error("switch: the keys in use stay", zap.Error(err))
	} else {
		s.log.Info("switch: the keys were loaded")
	}
	if err := s.reloadPeople(); err != nil {
		s.log.Error("switch: the people who may call stay", zap.Error(err))
	} else if s.admin != nil {
		s.log.Info("switch: the list of people was loaded")
	}
	if err := s.rules.load(); err != nil {
		s.log.Error("switch: the code rules in use stay", zap.Error(err))
	} else {
		s.rules.announce(s.log)
	}
	if err := s.reloadTable(); err != nil {
		s.log.Error("switch: the register and the table in use stay", zap.Error(err))
		return
	}
	if err := s.config.registered(s.register.Load()); err != nil {
		s.log.Warn("switch: the next start will be refused", zap.Error(err))
	}
	if s.tables != nil {
		s.log.Info("switch: the register was loaded; tables change by people's word alone, a table file is not read")
		return
	}
	table := s.board.Current()
	s.log.Info("switch: a new table is in use", zap.String("version", table.Version()), zap.String("digest", table.Digest()))
}

// reloadKeys takes the keys of the key file from now on. Nobody to whom the switch sends may lose
// the last one with them.
func (s *assembly) reloadKeys() error {
	ring, err := seal.LoadRing(s.config.Keys)
	if err != nil {
		return err
	}
	var faults []error
	for _, link := range s.config.links() {
		now := time.Now()
		if ring.Signing(link.ID, now) == nil && s.ring.Signing(link.ID, now) != nil {
			faults = append(faults, fmt.Errorf("no key of %q is in force", link.ID))
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	s.ring.Replace(ring)
	return nil
}

// reloadPeople takes the list of people from now on.
func (s *assembly) reloadPeople() error {
	if s.admin == nil {
		return nil
	}
	people, err := admin.LoadPeople(s.config.Admin.People)
	if err == nil {
		s.admin.Admit(people)
	}
	return err
}

// drain refuses new payments, lets those at work end within the limit, answers the rest
// as unknown, and closes everything. What is open goes on at the next start.
func (s *assembly) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.DrainMax)
	defer cancel()
	s.windows.Stop()
	s.notifier.Stop() // What is still owed is told at the next start.
	err := s.engine.Stop(ctx)
	last, cancelLast := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancelLast()
	people := make(chan error, 1)
	go func() { people <- s.stopAdmin(last) }()
	return errors.Join(err, s.gateway.Shutdown(last), <-people, s.close())
}

// stopAdmin takes no more requests of people and waits for those at work. A connection that
// brings none to an end is no fault of ours.
func (s *assembly) stopAdmin(ctx context.Context) error {
	if s.admin == nil {
		return nil
	}
	err := s.admin.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("switch: connections of people are left that ask nothing to an end", zap.Error(err))
		return nil
	}
	return err
}

func (s *assembly) close() error {
	if s.network != nil {
		s.network.Close()
	}
	if s.store != nil {
		return s.store.Close()
	}
	return nil
}
