package payments

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"tongma/bench/figures"
)

// floodSummary is the last line of a run with -queries. Percentiles are of all payments of a
// setting; from and to are what draws of its rounds give.
type floodSummary struct {
	PaymentsPerS float64 `json:"payments_per_s"`
	QueriesPerS  float64 `json:"queries_per_s"`
	QuietP50     float64 `json:"quiet_p50_ms"`
	QuietP99     float64 `json:"quiet_p99_ms"`
	SinkP50      float64 `json:"sink_p50_ms"` // Beside the same questions to the sink.
	SinkP99      float64 `json:"sink_p99_ms"`
	FloodP50     float64 `json:"flood_p50_ms"` // Beside them to the switch.
	FloodP99     float64 `json:"flood_p99_ms"`
	P99Ratio     float64 `json:"p99_ratio"` // Flood over quiet.
	P99From      float64 `json:"p99_ratio_from"`
	P99To        float64 `json:"p99_ratio_to"`
	SinkRatio    float64 `json:"p99_ratio_sink"` // Flood over sink.
	SinkFrom     float64 `json:"p99_ratio_sink_from"`
	SinkTo       float64 `json:"p99_ratio_sink_to"`
	QueryP99     float64 `json:"query_p99_ms"`
	Together     int     `json:"together"`
	Rounds       int     `json:"rounds"`
	Seconds      int     `json:"seconds"`
}

// askedAbout is how many payments the questions are about.
const askedAbout = 100

// floodMax bounds a run: payments are made and sealed before it, and the switch takes none
// that is older than five minutes.
const floodMax = 4 * time.Minute

// setting is what payments have beside them, and what came of both, by round.
type setting struct {
	name     string
	asker    *asker // Nil where nobody asks.
	payments []*hdrhistogram.Histogram
	perS     []float64 // Questions.
	p99      []float64
}

// flood sends payments at one steady rate, while it lies quiet, questions how payments stand
// and the same questions to a sink take turns of a few seconds beside them. The sink tells
// what sending them costs on the cores that all share; turns are short since the machine
// changes its own speed within minutes.
func (c *course) flood() error {
	ids, err := c.payFor(askedAbout)
	if err != nil {
		return err
	}
	quiet, sink, under := &setting{name: "quiet"}, &setting{name: "sink"}, &setting{name: "switch"}
	if sink.asker, err = startAsker(c.questions(c.sink.Address, ids)); err != nil {
		return err
	}
	if under.asker, err = startAsker(c.questions(c.net.Switch.Address, ids)); err != nil {
		return errors.Join(err, sink.asker.end())
	}
	turns := []*setting{{}} // Memory that nobody touched yet is dear; not counted.
	for round := range c.rounds {
		for i := range 3 { // What comes first changes from round to round.
			turns = append(turns, []*setting{quiet, sink, under}[(i+round)%3])
		}
	}
	if err := errors.Join(c.pay(turns), sink.asker.end(), under.asker.end()); err != nil {
		return err
	}
	fmt.Printf("\nincluded: what the payments' benchmark includes; each question and its answer sealed, %d questions in one\n"+
		"write. Load, switch and institution share this machine's cores; the questions' sender is a process of its\n"+
		"own that runs when nobody else wants the core, as is the sink, a bare server that reads each question and\n"+
		"says \"approved\" at once: what the payments lose beside it is the sender's doing, not the switch's.\n"+
		"From and to: nine of ten draws of as many rounds out of those measured lie between them.\n\n", c.together)
	line, err := json.Marshal(c.summary(quiet, sink, under))
	if err == nil {
		fmt.Println(string(line))
	}
	return err
}

// turn is how long each setting lasts.
func (o *options) turn() time.Duration { return time.Duration(o.seconds) * time.Second }

// pay sends payments at the rate through all turns. All requests are made and signed before
// the first one leaves. A payment belongs to the turn in which it was due.
func (c *course) pay(turns []*setting) error {
	steady := c.atSwitch(c.render(int(c.rate*c.turn().Seconds()) * len(turns)))
	steady.timeout = floodMax + loadMax
	conns, err := steady.dial(c.clients)
	if err != nil {
		return err
	}
	load := steady.begin(c.rate)
	conducted := make(chan error, 1)
	go func() { conducted <- c.conduct(load.start, turns) }()
	_, err = load.send(conns)
	if err := errors.Join(err, <-conducted); err != nil {
		return err
	}
	each := len(load.took) / len(turns)
	for turn, s := range turns {
		latency := newHistogram()
		for _, took := range load.took[turn*each : (turn+1)*each] {
			if err := latency.RecordValue(int64(took)); err != nil {
				return err
			}
		}
		s.payments = append(s.payments, latency)
	}
	return nil
}

// conduct lets each setting's asker send in its turns.
func (c *course) conduct(start time.Time, turns []*setting) error {
	var before *setting
	for turn, s := range append(slices.Clone(turns), &setting{}) {
		time.Sleep(time.Until(start.Add(time.Duration(turn) * c.turn())))
		if s.asker != nil {
			if err := s.asker.begin(); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
		if before != nil { // Its last answers may come as late as this.
			if err := before.collect(); err != nil {
				return fmt.Errorf("%s: %w", before.name, err)
			}
		}
		if before = s; s.asker == nil {
			before = nil
		}
	}
	return nil
}

// collect waits for what came of the questions of a turn.
func (s *setting) collect() error {
	came, err := s.asker.wait()
	if err == nil {
		s.perS, s.p99 = append(s.perS, came.PerS), append(s.p99, came.P99)
	}
	return err
}

// summary compares the settings and prints how each went.
func (c *course) summary(quiet, sink, under *setting) *floodSummary {
	for _, s := range []*setting{quiet, sink, under} {
		fmt.Printf("%-7s payments p50 %6.3f p90 %6.3f p99 %6.3f ms", s.name, s.at(50), s.at(90), s.at(99))
		if s.asker != nil {
			fmt.Printf("   %6.0f questions/s, p99 %6.3f ms", figures.Median(s.perS), figures.Median(s.p99))
		}
		fmt.Println()
	}
	f := &floodSummary{
		PaymentsPerS: c.rate, Together: c.together, Rounds: c.rounds, Seconds: c.seconds,
		QuietP50: quiet.at(50), QuietP99: quiet.at(99), SinkP50: sink.at(50), SinkP99: sink.at(99),
		FloodP50: under.at(50), FloodP99: under.at(99),
		P99Ratio: under.at(99) / quiet.at(99), SinkRatio: under.at(99) / sink.at(99),
		QueriesPerS: figures.Median(under.perS), QueryP99: figures.Median(under.p99),
	}
	f.P99From, f.P99To = between(under, quiet)
	f.SinkFrom, f.SinkTo = between(under, sink)
	return f
}

// at is a percentile of all the setting's payments, in milliseconds.
func (s *setting) at(percentile float64) float64 {
	all := newHistogram()
	for _, round := range s.payments {
		all.Merge(round)
	}
	return float64(all.ValueAtQuantile(percentile)) / 1e6
}

// draws is how often the rounds are drawn anew.
const draws = 400

// between is where the ratio of a's p99 to b's lies in nine of ten draws of as many rounds,
// with repetition, out of those measured: what another run could have said.
func between(a, b *setting) (from, to float64) {
	random := rand.New(rand.NewPCG(1, 2))
	ratios := make([]float64, draws)
	for i := range ratios {
		x, y := &setting{}, &setting{}
		for range a.payments {
			round := random.IntN(len(a.payments))
			x.payments, y.payments = append(x.payments, a.payments[round]), append(y.payments, b.payments[round])
		}
		ratios[i] = x.at(99) / y.at(99)
	}
	slices.Sort(ratios)
	return ratios[draws/20], ratios[draws-draws/20-1]
}

// payFor makes n payments and returns their ids.
func (c *course) payFor(n int) ([]string, error) {
	ids := make([]string, n)
	for i := range ids {
		c.serial++
		p, err := c.client.Pay(map[string]any{"request_id": fmt.Sprintf("asked-%09d", c.serial), "code": "6212345678901234567", "amount_fen": 100})
		if err != nil {
			return nil, err
		}
		ids[i] = p.ID
	}
	return ids, nil
}

// questions are those of one turn, about the payments in turn, as many in one write as
// o.together says.
func (c *course) questions(address string, ids []string) *order {
	requests := make([][]byte, c.queries*c.seconds/c.together)
	for i := range requests {
		for n := range c.together {
			requests[i] = append(requests[i], c.question(ids[(i*c.together+n)%len(ids)])...)
		}
	}
	return &order{Address: address, Requests: requests, Want: []byte(`"status":"approved"`), Together: c.together,
		Rate: float64(c.queries) / float64(c.together), Clients: max(8, 64/c.together)}
}

// question is one whole request about payment id.
func (c *course) question(id string) string {
	path := "/v1/payments/" + id
	header := http.Header{}
	c.client.Seal(header, time.Now(), "GET", path, nil)
	var text strings.Builder
	text.WriteString("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n")
	for name, values := range header {
		text.WriteString(name + ": " + values[0] + "\r\n")
	}
	return text.String() + "\r\n"
}
