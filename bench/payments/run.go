// Package payments measures the switch against a bare proxy: how much a durable,
// authenticated payment costs beyond a forwarded request.
//
// One institution serves both, in a process of its own; the switch has its journal on
// disk, every block synced, and seals on all four messages; the proxy parses nothing.
// The same generator sends the same bytes to both in turn.
//
// With -queries it measures instead what a flood of questions how payments stand does to
// payments of a steady rate.
package payments

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"tongma/bench/figures"
	"tongma/switch/stage"
)

// options of one run.
type options struct {
	rounds   int
	requests int
	clients  int
	seconds  int
	proxy    string
	queries  int     // A second; 0 for none.
	rate     float64 // Payments a second beside the queries.
	together int     // Queries in one write.
}

// summary is the last line of a run.
type summary struct {
	PaymentsPerS float64 `json:"payments_per_s"`
	ProxyPerS    float64 `json:"proxy_per_s"`
	Ratio        float64 `json:"ratio"`
	P50          float64 `json:"p50_ms"`
	P99          float64 `json:"p99_ms"`
	P999         float64 `json:"p999_ms"`
	ProxyP50     float64 `json:"proxy_p50_ms"`
	ProxyP99     float64 `json:"proxy_p99_ms"`
	ProxyP999    float64 `json:"proxy_p999_ms"`
	OpenPerS     float64 `json:"open_per_s"`
	Clients      int     `json:"clients"`
	Rounds       int     `json:"rounds"`
}

// Run is the benchmark's command.
func Run(args []string) error {
	var o options
	flags := flag.NewFlagSet("payments", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 5, "alternating rounds of the closed loop; with -queries, of turns")
	flags.IntVar(&o.requests, "requests", 120_000, "requests of a round, for the switch and for the proxy each")
	flags.IntVar(&o.clients, "clients", 512, "connections, each with one request in flight")
	flags.IntVar(&o.seconds, "seconds", 5, "length of the open loop, for the switch and for the proxy each; with -queries, of a turn")
	flags.IntVar(&o.queries, "queries", 0, "instead: payments at -rate beside so many questions a second how payments stand")
	flags.Float64Var(&o.rate, "rate", 1000, "payments a second beside -queries")
	flags.IntVar(&o.together, "together", 10, "questions that a caller sends in one write (HTTP pipelining) with -queries")
	flags.StringVar(&o.proxy, "as-proxy", "", "be the proxy to this address (the benchmark starts itself so)")
	sink := flags.Bool("as-sink", false, "be the sink (the benchmark starts itself so)")
	asks := flags.Bool("as-asker", false, "send the questions that standard input holds (the benchmark starts itself so)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.proxy != "" {
		return serveProxy(o.proxy)
	}
	if *sink {
		return serveSink()
	}
	if *asks {
		return serveAsker()
	}
	if err := o.validate(); err != nil {
		return err
	}
	return o.measure()
}

// validate reports everything that cannot be measured.
func (o *options) validate() error {
	var faults []error
	check := func(good bool, format string, args ...any) {
		if !good {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	within := func(flag string, n, low, high int) bool {
		check(low <= n && n <= high, "%s %d, want %d to %d", flag, n, low, high)
		return low <= n && n <= high
	}
	good := within("-seconds", o.seconds, 1, secondsMax)
	good = within("-rounds", o.rounds, 1, roundsMax) && good
	good = within("-queries", o.queries, 0, queriesMax) && good
	within("-requests", o.requests, 1, paymentsMax)
	within("-clients", o.clients, 1, clientsMax)
	within("-together", o.together, 1, togetherMax)
	if o.queries == 0 { // The second half is for the answers.
		check(o.turn() <= loadMax/2, "-seconds %d: want %s or less without -queries", o.seconds, loadMax/2)
	}
	if !good || o.queries == 0 {
		return errors.Join(faults...)
	}
	check(o.queries*o.seconds >= 10*o.together, "%d questions a second for %d s are fewer than ten times %d together",
		o.queries, o.seconds, o.together)
	turns := time.Duration(o.rounds*3 + 1)
	perTurn := o.rate * float64(o.seconds)
	check(perTurn >= 100 && perTurn*float64(turns) <= paymentsMax, // NaN is neither.
		"-rate %g: want 100 payments in a turn of %d s or more, and no more than %d in all turns", o.rate, o.seconds, paymentsMax)
	check(turns*o.turn() <= floodMax, "%d rounds of three times %d s take more than %s", o.rounds, o.seconds, floodMax)
	return errors.Join(faults...)
}

// What a run may ask for: all requests are made before the first one leaves, and a sender reads
// no answer before all that leaves together has left.
const (
	secondsMax  = 240
	roundsMax   = 1000
	clientsMax  = 8000
	togetherMax = 500
	queriesMax  = 200_000
	paymentsMax = 1_000_000
)

// course is the servers and what sends to them.
type course struct {
	options
	net    *stage.Stage
	proxy  *stage.Process
	sink   *stage.Process // With -queries alone.
	client *stage.Client
	serial int
}

func (o options) measure() error {
	c, err := o.lay()
	if err != nil {
		return err
	}
	if o.queries > 0 {
		return c.clear(c.flood())
	}
	s, err := c.run()
	if err == nil {
		fmt.Printf("\nincluded: JSON read and written, code decoded, route found, HMAC-SM3 verified and made on four\n" +
			"messages, intent and outcome in the journal, each block synced before anything is sent or answered.\n" +
			"Load, switch or proxy, and institution share this machine's cores; closed loop for the rates, open loop\n" +
			"at half of the switch's rate for the latencies, which count from the instant a request was due.\n\n")
		var line []byte
		if line, err = json.Marshal(s); err == nil {
			fmt.Println(string(line))
		}
	}
	return c.clear(err)
}

// lay builds the switch and starts institution, switch and proxy as processes.
func (o options) lay() (*course, error) {
	directory, err := os.MkdirTemp("", "tongma-bench-")
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(directory, "switch")
	build := exec.Command("go", "build", "-o", binary, "tongma/switch")
	build.Stderr = os.Stderr
	c := &course{options: o, net: stage.New(directory, binary)}
	c.net.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, c.clear(fmt.Errorf("cannot build the switch: %w", err))
	}
	bank := &stage.Member{ID: "harbourbank", Pipeline: true}
	if err := c.net.Add(bank, []string{"corneracquirer"}); err != nil {
		return nil, c.clear(err)
	}
	if err := c.net.StartSwitch(""); err != nil {
		return nil, c.clear(err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, c.clear(err)
	}
	if c.proxy, err = stage.Start(self, os.Stderr, "payments", "--as-proxy", bank.Process.Address); err != nil {
		return nil, c.clear(fmt.Errorf("cannot start the proxy: %w", err))
	}
	if o.queries > 0 {
		if c.sink, err = stage.Start(self, os.Stderr, "payments", "--as-sink"); err != nil {
			return nil, c.clear(fmt.Errorf("cannot start the sink: %w", err))
		}
	}
	c.client = c.net.Client("corneracquirer")
	each := fmt.Sprintf("%d requests each", o.requests)
	if o.queries > 0 {
		each = fmt.Sprintf("three turns of %d s each", o.seconds)
	}
	fmt.Printf("%s, %d cores; %d clients, %d rounds of %s\n", runtime.Version(), runtime.NumCPU(), o.clients, o.rounds, each)
	return c, nil
}

// clear ends every process and removes what they wrote.
func (c *course) clear(err error) error {
	return errors.Join(err, c.proxy.Stop(), c.sink.Stop(), c.net.Close(), os.RemoveAll(c.net.Directory))
}

func (c *course) run() (*summary, error) {
	var payments, proxied, ratios []float64
	for round := range c.rounds {
		load := c.render(c.requests)
		first, second := c.atSwitch(load), c.atProxy(load)
		if round%2 == 1 {
			first, second = second, first
		}
		rates := map[string]float64{}
		for _, l := range []*target{first, second} {
			r, err := l.closed(c.clients)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.name, err)
			}
			rates[l.name] = r.perSecond()
		}
		payments, proxied = append(payments, rates["switch"]), append(proxied, rates["proxy"])
		ratios = append(ratios, rates["switch"]/rates["proxy"])
		fmt.Printf("round %d   switch %8.0f /s   proxy %8.0f /s   ratio %.3f\n",
			round+1, rates["switch"], rates["proxy"], ratios[round])
	}
	s := &summary{PaymentsPerS: figures.Median(payments), ProxyPerS: figures.Median(proxied), Ratio: figures.Median(ratios),
		Clients: c.clients, Rounds: c.rounds}
	return s, c.latencies(s)
}

// latencies measures both at half of the switch's saturation.
func (c *course) latencies(s *summary) error {
	s.OpenPerS = s.PaymentsPerS / 2
	load := c.render(int(s.OpenPerS) * c.seconds)
	for _, l := range []*target{c.atProxy(load), c.atSwitch(load)} {
		r, err := l.open(c.clients, s.OpenPerS)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		fmt.Printf("%-7s at %6.0f /s   p50 %7.3f ms   p99 %7.3f ms   p99.9 %7.3f ms\n",
			l.name, s.OpenPerS, r.at(50), r.at(99), r.at(99.9))
		if l.name == "switch" {
			s.P50, s.P99, s.P999 = r.at(50), r.at(99), r.at(99.9)
		} else {
			s.ProxyP50, s.ProxyP99, s.ProxyP999 = r.at(50), r.at(99), r.at(99.9)
		}
	}
	return nil
}

// target is a load with the name of whom it goes to.
type target struct {
	load
	name string
}

func (c *course) atSwitch(requests [][]byte) *target {
	return &target{load{c.net.Switch.Address, requests, []byte(`"status":"approved"`), loadMax, 1}, "switch"}
}

func (c *course) atProxy(requests [][]byte) *target {
	return &target{load{c.proxy.Address, requests, []byte(`"result":"approved"`), loadMax, 1}, "proxy"}
}

// loadMax bounds how long one load may take.
const loadMax = 2 * time.Minute

// render makes n whole requests, each with a request id of its own, signed.
func (c *course) render(n int) [][]byte {
	requests := make([][]byte, n)
	const path = "/v1/payments"
	for i := range requests {
		c.serial++
		body := fmt.Appendf(nil, `{"request_id":"bench-%09d","code":"6212345678901234567","amount_fen":%d,"currency":"156",`+
			`"scene":"in_store","merchant":{"id":"M-0001","name":"街角面馆"}}`, c.serial, 100+c.serial%9000)
		header := http.Header{}
		c.client.Seal(header, time.Now(), "POST", path, body)
		var text strings.Builder
		text.WriteString("POST " + path + " HTTP/1.1\r\nHost: " + net.JoinHostPort("127.0.0.1", "80") + "\r\nContent-Type: application/json\r\n")
		for name, values := range header {
			text.WriteString(name + ": " + values[0] + "\r\n")
		}
		text.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n")
		requests[i] = append([]byte(text.String()), body...)
	}
	return requests
}
