// Package gateway is the switch's API towards payment apps, acquirers and banks: HTTP
// with JSON, every message sealed. It authenticates, reads strictly, asks what a code is
// and who answers for it, and hands the request on to the engine.
//
// It knows HTTP and the API's messages. It may not know how a decision is made.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"tongma/codec"
	"tongma/institutions/seal"
	"tongma/routing"
	"tongma/switch/engine"
	"tongma/switch/payment"
)

// Engine decides. Its errors are of type *payment.Refusal.
type Engine interface {
	Submit(r *engine.Request) (payment.Payment, error)
	Find(id payment.ID) (payment.Payment, error)
	FindRequest(institution, requestID string) (payment.Payment, error)
	Refused(note engine.Refused)
	Ready() error
}

// Resolver asks a code's institution what the code is.
type Resolver interface {
	Resolve(ctx context.Context, op *payment.Operation) payment.Answer
}

// Limits bounds what callers can do. Each has its name here.
type Limits struct {
	BodyBytesMax   int           `yaml:"body_bytes_max"`
	ReplayWindow   time.Duration `yaml:"replay_window"`   // How old a request's time may be.
	FutureSkew     time.Duration `yaml:"future_skew"`     // How far in the future it may be.
	RatePerSecond  float64       `yaml:"rate_per_second"` // Requests of one institution.
	RateBurst      int           `yaml:"rate_burst"`
	ConnectionsMax int           `yaml:"connections_max"`

	// QueriesPerPayment and QueriesPerSecond bound the questions how a payment stands that reach
	// the engine in a second: about one payment, by its id and by its request id each, and of one
	// institution. What is over them is answered from what is known; where that is nothing or too
	// old, it is rate_limited. So is, apart from them, a refused payment after QueriesPerSecond of
	// one institution, since each has to be looked up: it could be the repeat of one that was taken.
	// People who have an institution asked have the same limits once more.
	QueriesPerPayment int     `yaml:"queries_per_payment"`
	QueriesPerSecond  float64 `yaml:"queries_per_second"`

	ReadTimeout  time.Duration `yaml:"read_timeout"`
	WriteTimeout time.Duration `yaml:"write_timeout"`
	IdleTimeout  time.Duration `yaml:"idle_timeout"`
}

// DefaultLimits are those of one small machine.
func DefaultLimits() Limits {
	return Limits{
		BodyBytesMax:   16 << 10,
		ReplayWindow:   5 * time.Minute,
		FutureSkew:     30 * time.Second,
		RatePerSecond:  100_000,
		RateBurst:      20_000,
		ConnectionsMax: 8192,

		QueriesPerPayment: 5,
		QueriesPerSecond:  2000,

		ReadTimeout:  30 * time.Second,
		WriteTimeout: 10 * time.Second,
		IdleTimeout:  2 * time.Minute,
	}
}

// Validate reports every fault of m at once.
func (m *Limits) Validate() error {
	var faults []error
	check := func(ok bool, name string) {
		if !ok {
			faults = append(faults, fmt.Errorf("gateway: %s is not above zero", name))
		}
	}
	check(m.BodyBytesMax > 0, "body_bytes_max")
	check(m.ReplayWindow > 0, "replay_window")
	check(m.FutureSkew > 0, "future_skew")
	check(m.RatePerSecond > 0, "rate_per_second")
	check(m.RateBurst > 0, "rate_burst")
	check(m.ConnectionsMax > 0, "connections_max")
	check(m.QueriesPerPayment > 0, "queries_per_payment")
	check(m.QueriesPerSecond > 0, "queries_per_second")
	check(m.ReadTimeout > 0, "read_timeout")
	check(m.WriteTimeout > 0, "write_timeout")
	check(m.IdleTimeout > 0, "idle_timeout")
	return errors.Join(faults...)
}

// Options is everything that a Gateway needs.
type Options struct {
	Limits      Limits
	Decoder     func() *codec.Decoder // Of the rules in force.
	Switchboard *routing.Switchboard
	Ring        *seal.Ring
	Engine      Engine
	Resolver    Resolver
	Logger      *zap.Logger
	Health      routing.Health // Nil leaves the weights as the table states them.
}

// Gateway serves the API.
type Gateway struct {
	options Options
	server  fasthttp.Server
	desks   sync.Pool // Of *desk.
	rates   meters    // Requests.
	repeats meters    // Refused payments that are looked up.
	paces   meters    // Answers that rest.
	people  *known    // Questions that people have put.
	known   *known
	unused  sync.Map // net.Conn that was opened and has brought no request yet.
}

// New makes a gateway; Serve sets it going.
func New(options Options) (*Gateway, error) {
	if err := options.Limits.Validate(); err != nil {
		return nil, err
	}
	g := &Gateway{options: options, known: newKnown(options.Limits.QueriesPerPayment, options.Limits.QueriesPerSecond)}
	g.desks.New = func() any { return &desk{gateway: g} }
	m := &options.Limits
	g.rates.perSecond, g.rates.burst = m.RatePerSecond, m.RateBurst
	g.repeats.perSecond, g.repeats.burst = g.known.budgets.perSecond, g.known.budgets.burst
	g.paces.perSecond, g.paces.burst = restPerSecond, restBurst
	g.people = newKnown(m.QueriesPerPayment, m.QueriesPerSecond)
	g.server = fasthttp.Server{
		Handler:                       g.handle,
		ErrorHandler:                  g.handleBroken,
		Concurrency:                   m.ConnectionsMax,
		ReadTimeout:                   m.ReadTimeout,
		WriteTimeout:                  m.WriteTimeout,
		IdleTimeout:                   m.IdleTimeout,
		MaxRequestBodySize:            m.BodyBytesMax,
		ReadBufferSize:                8 << 10,
		DisableHeaderNamesNormalizing: false,
		NoDefaultServerHeader:         true,
		NoDefaultDate:                 true,
		NoDefaultContentType:          true,
		CloseOnShutdown:               true,
		DisablePreParseMultipartForm:  true,
		Logger:                        silent{},
		ConnState:                     g.note,
	}
	return g, nil
}

// silent drops the server's own lines: they hold callers' bytes.
type silent struct{}

// Printf drops the line.
func (silent) Printf(string, ...any) {}

// Serve serves until Shutdown.
func (g *Gateway) Serve(listener net.Listener) error { return g.server.Serve(listener) }

// Shutdown takes no more connections and waits until what came in has been answered, or ctx is
// done: what then is half a request, or an answer that nobody reads, is left, which is no fault
// of ours. The engine must have stopped.
func (g *Gateway) Shutdown(ctx context.Context) error {
	// A connection that was opened and never used counts as one at work until its time-out:
	// callers' pools open some to spare. What was on its way has come in by then.
	timer := time.AfterFunc(unusedMax, func() {
		g.unused.Range(func(conn, _ any) bool {
			_ = conn.(net.Conn).Close() // Nobody waits for an answer on it.
			return true
		})
	})
	defer timer.Stop()
	err := g.server.ShutdownWithContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		g.options.Logger.Warn("gateway: connections are left that neither ask nor read to an end", zap.Error(err))
		return nil
	}
	return err
}

// unusedMax is how long a stop waits for the first request of a connection.
const unusedMax = 500 * time.Millisecond

// note keeps the connections that have brought no request yet; handle takes them off.
func (g *Gateway) note(conn net.Conn, state fasthttp.ConnState) {
	switch state {
	case fasthttp.StateNew:
		g.unused.Store(conn, struct{}{})
	case fasthttp.StateClosed, fasthttp.StateHijacked:
		g.unused.Delete(conn)
	}
}

// handleBroken answers what could not even be read as a request. Who has gone, or brought none
// in time, leaves no record: probes do so, and pools open connections to spare.
func (g *Gateway) handleBroken(ctx *fasthttp.RequestCtx, err error) {
	var network net.Error
	late := errors.As(err, &network) && network.Timeout()
	var small *fasthttp.ErrSmallBuffer
	failure := payment.MalformedRequest
	switch {
	case late:
		g.atDesk(ctx, func(d *desk) { d.say(&payment.Refusal{Failure: payment.RequestTimeout}) })
		return
	case gone(err):
		return
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		failure = payment.BodyTooLarge
	case errors.As(err, &small):
		failure = payment.HeadersTooLarge
	}
	g.atDesk(ctx, func(d *desk) { d.refuse(&payment.Refusal{Failure: failure}) })
}

// gone reports whether err says that nobody is there to read an answer.
func gone(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
