// Package ledger measures durable payments without HTTP: engine, journal and ledger, all on
// one hot pair of accounts, and beside them, in the same run, the usual transfer function
// in PostgreSQL on one hot pair of rows.
//
// A payment has two phases here as it has in the switch: an intent, durable before the
// institution is asked, and an outcome with its postings, durable before the caller is
// answered. The institution is a function that approves at once. Each block is synced. Load
// and engine share the machine's cores; the loop is closed.
package ledger

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"tongma/bench/figures"
	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

// result is the last line that Run prints.
type result struct {
	PaymentsPerS float64 `json:"payments_per_s"`
	P50          float64 `json:"p50_ms"`
	P99          float64 `json:"p99_ms"`
	PostgresPerS float64 `json:"postgres_per_s"` // 0 where it was skipped.
	Ratio        float64 `json:"ratio_postgres"`
	CPU          float64 `json:"cpu_us"` // Processor time of a payment, callers included.
	Cores        float64 `json:"cores"`  // Of the machine's, what others left to this process.

	WindowPayments int     `json:"window_payments"`
	SealS          float64 `json:"seal_s"`       // From the cut to the sealed close.
	StatementsS    float64 `json:"statements_s"` // Of all members.

	Clients  int `json:"clients"`
	Together int `json:"together"`
	Rounds   int `json:"rounds"`
}

type options struct {
	rounds   int
	payments int
	clients  int
	together int
	seconds  int
	postgres bool

	windowPayments int
	profile        string
}

// Run measures and prints, and ends with one line of JSON.
func Run(args []string) error {
	var o options
	flags := flag.NewFlagSet("ledger", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 5, "rounds; the median is kept")
	flags.IntVar(&o.payments, "payments", 1_000_000, "payments of a round")
	flags.IntVar(&o.clients, "clients", 16, "callers")
	flags.IntVar(&o.together, "together", 80, "payments that each caller has in flight")
	flags.IntVar(&o.seconds, "seconds", 5, "length of each round in PostgreSQL")
	flags.IntVar(&o.windowPayments, "window", 1_000_000, "payments of a window that is closed and stated in the end; 0 for none")
	flags.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the rounds to this file")
	flags.BoolVar(&o.postgres, "postgres", true, "run the same load into PostgreSQL")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.clients < 1 || o.together < 1 || o.rounds < 1 || o.payments < 1 {
		return errors.New("-clients, -together, -rounds and -payments are at least 1")
	}
	return o.measure()
}

func (o *options) measure() error {
	debug.SetGCPercent(400) // As the switch does.
	// A thread in fsync holds its processor for a while: one more of them than cores. The
	// switch takes two more, for its connections.
	runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	fmt.Printf("%s, %d cores; %d callers with %d payments in flight each, %d rounds of %d payments, all on one pair of accounts\n",
		runtime.Version(), runtime.NumCPU(), o.clients, o.together, o.rounds, o.payments)
	directory, err := os.MkdirTemp("", "tongma-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	syscall.Sync() // What building this command has left to be written is not written beside it.
	if o.profile != "" {
		file, err := os.Create(o.profile)
		if err == nil {
			err = pprof.StartCPUProfile(file)
		}
		if err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	r, err := o.run(filepath.Join(directory, "journal"))
	if err != nil {
		return err
	}
	if o.postgres {
		r.PostgresPerS, err = transfers(filepath.Join(directory, "postgres"), o.seconds)
		if errors.Is(err, errMissing) {
			fmt.Println("PostgreSQL: skipped:", err)
		} else if err != nil {
			return fmt.Errorf("PostgreSQL: %w", err)
		} else {
			r.Ratio = r.PaymentsPerS / r.PostgresPerS
			fmt.Printf("PostgreSQL, transfer function with row locks, synced %9.0f transfers/s\n", r.PostgresPerS)
		}
	}
	if o.windowPayments > 0 {
		w, err := o.window(filepath.Join(directory, "window"))
		if err != nil {
			return fmt.Errorf("window: %w", err)
		}
		fmt.Printf("window of %d payments: sealed %s after its cut, all statements (%d MB packed) written in %s, payments going on\n",
			w.payments, w.seal.Round(time.Millisecond), w.bytes>>20, w.statements.Round(time.Millisecond))
		r.WindowPayments, r.SealS, r.StatementsS = w.payments, w.seal.Seconds(), w.statements.Seconds()
	}
	fmt.Printf("\nincluded: intent and outcome of each payment in hash-chained blocks, each synced before anything is\n" +
		"sent or answered; idempotency by request id; hold, cap and postings in the ledger; the index of payments and\n" +
		"requests. Not included: HTTP, JSON, signatures, an institution's own time.\n\n")
	line, err := json.Marshal(&r)
	if err == nil {
		fmt.Println(string(line))
	}
	return err
}

// cpu is the processor time of this process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // It cannot fail for oneself.
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// at is a percentile of sorted times, in milliseconds.
func at(sorted []time.Duration, percent int) float64 {
	return float64(sorted[(len(sorted)-1)*percent/100].Microseconds()) / 1000
}

// bank approves everything at once: what is measured is the switch, not an institution.
type bank struct{ engine *engine.Engine }

// Send is engine.Sender's.
func (b *bank) Send(ops []*payment.Operation) {
	answers := make([]engine.Answered, len(ops))
	for i, op := range ops {
		answers[i] = engine.Answered{Op: op, Answer: payment.Answer{Outcome: payment.Approved, Reference: op.Reference,
			Amount: op.Amount, Currency: op.Currency}}
	}
	b.engine.Answers(answers)
}

// run pays all rounds into one journal, one after the other as a switch would, after one that
// fills memory and is not counted, and holds the book against what was paid.
func (o *options) run(directory string) (r result, err error) {
	store, e, book, err := o.open(directory)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	e.Start()
	moved, _, err := o.load(e, 0)
	if err == nil {
		var more payment.Fen
		r, more, err = o.rounded(e, o.payments)
		moved += more
	}
	if err = errors.Join(err, e.Stop(context.Background())); err != nil {
		return r, err
	}
	for side, want := range map[string]payment.Fen{"till": moved, "bank": -moved} {
		if got := book.Standing(ledger.Side{Institution: side}); got.Position != want || got.Held != 0 {
			return r, fmt.Errorf("%s stands at %d fen and holds %d, want %d and 0", side, got.Position, got.Held, want)
		}
	}
	return r, nil
}

// rounded measures the rounds; request ids begin after from.
func (o *options) rounded(e *engine.Engine, from int) (r result, moved payment.Fen, err error) {
	r = result{Clients: o.clients, Together: o.together, Rounds: o.rounds}
	var rates []float64
	var latencies []time.Duration
	spent, began := cpu(), time.Now()
	for round := range o.rounds {
		start := time.Now()
		sum, took, err := o.load(e, from+round*o.payments)
		if err != nil {
			return r, 0, err
		}
		rate := float64(o.payments) / time.Since(start).Seconds()
		fmt.Printf("round %d   engine, journal and ledger %9.0f payments/s\n", round+1, rate)
		moved += sum
		rates, latencies = append(rates, rate), append(latencies, took...)
	}
	spent = cpu() - spent
	r.Cores = spent.Seconds() / time.Since(began).Seconds()
	spent /= time.Duration(o.rounds * o.payments)
	fmt.Printf("%s of processor time for each payment, callers included; this process had %.2f cores\n", spent, r.Cores)
	slices.Sort(latencies)
	r.CPU, r.PaymentsPerS = float64(spent)/1000, figures.Median(rates)
	r.P50, r.P99 = at(latencies, 50), at(latencies, 99)
	return r, moved, nil
}

// open makes a journal in directory and an engine on it, whose bank approves at once.
func (o *options) open(directory string) (*journal.Store, *engine.Engine, *ledger.Book, error) {
	settings := journal.DefaultOptions()
	settings.Directory, settings.DiskFreeMin = directory, 64<<20
	store, err := journal.Open(settings)
	if err != nil {
		return nil, nil, nil, err
	}
	limits := engine.DefaultLimits()
	limits.InFlightMax = 2 * o.clients * o.together
	caps := ledger.DefaultLimits()
	caps.DefaultCap = 1e15 // Binds, so that every hold is counted against it.
	book := ledger.New(caps, nil)
	b := new(bank)
	b.engine, err = engine.Open(engine.Options{
		Limits: limits, Plans: map[string]engine.Plan{"": engine.DefaultPlan()}, Log: store, View: store,
		Snapshots: store, Sender: b, Logger: zap.NewNop(), Ledger: book,
	})
	if err != nil {
		return nil, nil, nil, errors.Join(err, store.Close())
	}
	return store, b.engine, book, nil
}

// load pays from all callers at once and returns what was moved, and how long each payment
// took. Request ids begin after from.
func (o *options) load(e *engine.Engine, from int) (payment.Fen, []time.Duration, error) {
	l := &load{options: o, engine: e, from: int64(from), took: make([]time.Duration, o.payments)}
	callers := make([]caller, o.clients)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { callers[i].pay(l) })
	}
	wg.Wait()
	var moved payment.Fen
	var faults error
	for i := range callers {
		moved, faults = moved+callers[i].moved, errors.Join(faults, callers[i].fault)
	}
	return moved, l.took, faults
}

// load is what all callers have to pay, and how far they are.
type load struct {
	*options
	engine *engine.Engine
	from   int64
	next   atomic.Int64
	took   []time.Duration // Of each payment, until its caller has the answer.
}

// caller has several payments in flight, as a connection between institutions has.
type caller struct {
	ended chan *flight
	moved payment.Fen
	fault error
}

// flight is one payment on its way, then the next one.
type flight struct {
	n       int64 // From 1.
	amount  payment.Fen
	began   time.Time
	payment *payment.Payment
	err     error
	tell    engine.Tell
}

// pay begins a payment whenever one has ended, until none is left.
func (c *caller) pay(l *load) {
	c.ended = make(chan *flight, l.together)
	flying := 0
	for range l.together {
		f := &flight{}
		f.tell = func(p *payment.Payment, err error) {
			f.payment, f.err = p, err
			c.ended <- f
		}
		if l.begin(f) {
			flying++
		}
	}
	for flying > 0 {
		f := <-c.ended
		l.took[f.n-1] = time.Since(f.began)
		if !c.take(f) || !l.begin(f) {
			flying--
		}
	}
}

func (l *load) begin(f *flight) bool {
	f.n = l.next.Add(1)
	if f.n > int64(l.payments) {
		return false
	}
	f.amount, f.began = payment.Fen(100+f.n%900), time.Now()
	l.engine.Begin(request(l.from+f.n, f.amount, f.began), f.tell)
	return true
}

// take counts what has ended; after a fault nothing more is begun.
func (c *caller) take(f *flight) bool {
	switch {
	case f.err != nil:
		c.fault = f.err
	case f.payment.Status != payment.StatusApproved:
		c.fault = fmt.Errorf("payment %d is %s", f.n, f.payment.Status)
	default:
		c.moved += f.amount
	}
	return c.fault == nil
}

// request is one payment from a till, to be taken from an account at the bank.
func request(n int64, amount payment.Fen, now time.Time) *engine.Request {
	r := &engine.Request{Code: "6212345678901234567"}
	r.Payment = payment.Payment{
		Institution: "till", RequestID: "bench-" + strconv.FormatInt(1e9+n, 10), Requested: now, Amount: amount, Currency: ledger.Currency,
		CodeMask: "62123***********4567", Scheme: "unionpay", Merchant: "M-0001", Category: "5411", Rule: "cards", TableVersion: "1@0123456789ab",
		Legs: []payment.Leg{{Kind: payment.Debit, Institution: "bank", Amount: amount}},
	}
	binary.BigEndian.PutUint64(r.Payment.Digest[:], uint64(n))
	return r
}
