package payments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"tongma/bench/figures"
	"tongma/switch/gateway"
)

// floodSummary is the last line of a run with -queries. Payments' percentiles are of all payments
// of a setting; turns is the median of the turns' own, which a stall of the disk does not move;
// from and to are what draws of the rounds give.
type floodSummary struct {
	PaymentsPerS  float64 `json:"payments_per_s"`
	QueriesPerS   float64 `json:"queries_per_s"`        // Answered by the switch, in the median turn,
	QueriesLowest float64 `json:"queries_per_s_lowest"` // and in the slowest turn of switch and sink.
	QueriesLate   float64 `json:"queries_late_ms"`      // How late the last answer of a turn came at most.
	QuietP50      float64 `json:"quiet_p50_ms"`
	QuietP99      float64 `json:"quiet_p99_ms"`
	SinkP50       float64 `json:"sink_p50_ms"` // Beside the same questions to the sink.
	SinkP99       float64 `json:"sink_p99_ms"`
	SwitchP50     float64 `json:"switch_p50_ms"` // Beside them to the switch.
	SwitchP99     float64 `json:"switch_p99_ms"`
	P99Ratio      float64 `json:"p99_ratio"` // Switch over quiet.
	P99From       float64 `json:"p99_ratio_from"`
	P99To         float64 `json:"p99_ratio_to"`
	P99Turns      float64 `json:"p99_ratio_turns"`
	SinkRatio     float64 `json:"p99_ratio_sink"` // Switch over sink.
	SinkFrom      float64 `json:"p99_ratio_sink_from"`
	SinkTo        float64 `json:"p99_ratio_sink_to"`
	SinkTurns     float64 `json:"p99_ratio_sink_turns"`
	QueriesP99    float64 `json:"queries_p99_ms"` // Of what leaves in one write, in the median turn.
	Together      int     `json:"together"`
	Rounds        int     `json:"rounds"`
	Seconds       int     `json:"seconds"`
}

// askedAbout is how many payments the questions are about.
const askedAbout = 100

// floodMax bounds a run: payments are made and sealed before it, and the switch takes none
// that is older than five minutes.
const floodMax = 4 * time.Minute

// handOver is how much of each turn is not counted: what the turn before left is done by then,
// and the questions' connections stand.
const handOver = 100 * time.Millisecond

// setting is what payments have beside them, and what came of both, by round.
type setting struct {
	name      string
	asker     *asker // Nil where nobody asks.
	payments  []*hdrhistogram.Histogram
	questions []*asked
}

// orders are the ways in which three settings can follow each other. Each round takes the next
// one, so that none of them always has the same one before it.
var orders = [6][3]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}, {2, 0, 1}, {1, 0, 2}}

// flood sends one steady stream of payments. Beside it three settings take turns of a few
// seconds, since the machine changes its speed within minutes: quiet, questions how payments
// stand, and the same questions to a sink, which tell what sending them costs on the cores that
// all share.
func (c *course) flood() error {
	ids, err := c.payFor(askedAbout)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop() // Ends the askers that a fault left.
	quiet, sink, under := &setting{name: "quiet"}, &setting{name: "sink"}, &setting{name: "switch"}
	if sink.asker, err = startAsker(ctx, c.questions(c.sink.Address, ids)); err != nil {
		return err
	}
	if under.asker, err = startAsker(ctx, c.questions(c.net.Switch.Address, ids)); err != nil {
		return err
	}
	settings := [3]*setting{quiet, sink, under}
	turns := []*setting{{}} // Memory that nobody touched yet is dear; not counted.
	for round := range c.rounds {
		for _, i := range orders[round%len(orders)] {
			turns = append(turns, settings[i])
		}
	}
	if err := c.pay(ctx, stop, turns); err != nil {
		return err
	}
	if err := errors.Join(sink.asker.end(), under.asker.end()); err != nil {
		return err
	}
	fmt.Printf("\nincluded: what the payments' benchmark includes; each question and its answer sealed, %d questions in one\n"+
		"write, about %d payments that have ended: %d of each a second reach the engine, the others are answered\n"+
		"from what is known. Load, switch and institution share this machine's cores; the questions' sender is a\n"+
		"process of its own behind all others, as is the sink, a bare server that reads each question and says\n"+
		"\"approved\" at once: what the payments lose beside it is the sender's doing, not the switch's. The first\n"+
		"%s of each turn are left out. From and to: nine of ten draws of the rounds lie between them; another run\n"+
		"can differ by more.\n\n", c.together, askedAbout, gateway.DefaultLimits().QueriesPerPayment, handOver)
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
func (c *course) pay(ctx context.Context, stop context.CancelFunc, turns []*setting) error {
	steady := c.atSwitch(c.render(int(c.rate * c.turn().Seconds() * float64(len(turns)))))
	steady.timeout = floodMax + loadMax
	conns, err := steady.dial(c.clients)
	if err != nil {
		return err
	}
	sent := steady.begin(c.rate)
	conducted := make(chan error, 1)
	go func() {
		err := c.conduct(ctx, sent.start, turns)
		switch {
		case ctx.Err() != nil: // The payments ended it and say why.
			err = nil
		case err != nil: // Then the payments say nothing either.
			for _, conn := range conns {
				_ = conn.Close()
			}
		}
		conducted <- err
	}()
	_, err = sent.send(conns)
	if err != nil {
		stop()
	}
	if fault := <-conducted; fault != nil {
		return fault
	}
	if err != nil {
		return err
	}
	each := make([]*hdrhistogram.Histogram, len(turns))
	for i := range turns {
		each[i] = newHistogram()
		turns[i].payments = append(turns[i].payments, each[i])
	}
	for i, took := range sent.took {
		if turn, counts := turnOf(sent.due(i), c.turn()); counts {
			if err := each[turn].RecordValue(int64(took)); err != nil {
				return err
			}
		}
	}
	return nil
}

// turnOf is the turn in which what is due so long after the start belongs, and whether it counts.
func turnOf(due, length time.Duration) (turn int, counts bool) {
	return int(due / length), due%length >= handOver
}

// conduct lets each setting's asker send in its turns.
func (c *course) conduct(ctx context.Context, start time.Time, turns []*setting) error {
	asking := &setting{} // Whoever was told to ask last.
	for turn := range len(turns) + 1 {
		select {
		case <-time.After(time.Until(start.Add(time.Duration(turn) * c.turn()))):
		case <-ctx.Done():
			return ctx.Err()
		}
		next := &setting{}
		if turn < len(turns) {
			next = turns[turn]
		}
		if err := next.ask(); err != nil {
			return err
		}
		if err := asking.collect(); err != nil { // Its last answers may come as late as this.
			return err
		}
		asking = next
	}
	return nil
}

// ask lets the setting's asker send.
func (s *setting) ask() error {
	if s.asker == nil {
		return nil
	}
	if err := s.asker.begin(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

// collect waits for what came of the questions of a turn.
func (s *setting) collect() error {
	if s.asker == nil {
		return nil
	}
	came, err := s.asker.wait()
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	s.questions = append(s.questions, came)
	return nil
}

// summary compares the settings and prints how each went.
func (c *course) summary(quiet, sink, under *setting) *floodSummary {
	f := &floodSummary{
		PaymentsPerS: c.rate, Together: c.together, Rounds: c.rounds, Seconds: c.seconds,
		QuietP50: quiet.at(50), QuietP99: quiet.at(99), SinkP50: sink.at(50), SinkP99: sink.at(99),
		SwitchP50: under.at(50), SwitchP99: under.at(99),
		P99Ratio: under.at(99) / quiet.at(99), SinkRatio: under.at(99) / sink.at(99),
		P99Turns: under.inTurns(99) / quiet.inTurns(99), SinkTurns: under.inTurns(99) / sink.inTurns(99),
		QueriesPerS: under.median((*asked).perS), QueriesP99: under.median((*asked).p99),
		QueriesLowest: math.Inf(1),
	}
	f.P99From, f.P99To = between(under, quiet)
	f.SinkFrom, f.SinkTo = between(under, sink)
	for _, s := range []*setting{quiet, sink, under} {
		fmt.Printf("%-7s payments p50 %6.3f p90 %6.3f p99 %6.3f ms, in turns %6.3f", s.name, s.at(50), s.at(90), s.at(99), s.inTurns(99))
		if s.asker != nil {
			fmt.Printf("   %6.0f questions/s, p99 %6.3f ms", s.median((*asked).perS), s.median((*asked).p99))
		}
		fmt.Println()
		for _, q := range s.questions {
			f.QueriesLowest, f.QueriesLate = min(f.QueriesLowest, q.PerS), max(f.QueriesLate, q.Late)
		}
	}
	return f
}

// median is that of a figure of the questions over all turns.
func (s *setting) median(figure func(*asked) float64) float64 {
	list := make([]float64, len(s.questions))
	for i, q := range s.questions {
		list[i] = figure(q)
	}
	return figures.Median(list)
}

// inTurns is the median of a percentile of each turn's payments, in milliseconds.
func (s *setting) inTurns(percentile float64) float64 {
	list := make([]float64, len(s.payments))
	for i, turn := range s.payments {
		list[i] = float64(turn.ValueAtQuantile(percentile)) / 1e6
	}
	return figures.Median(list)
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
// with repetition, out of those measured: what these rounds alone leave open.
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

// payFor makes n payments that come together, as payments do, and returns their ids.
func (c *course) payFor(n int) ([]string, error) {
	ids, faults := make([]string, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			p, err := c.client.Pay(map[string]any{"request_id": fmt.Sprintf("asked-%09d", i), "code": "6212345678901234567", "amount_fen": 100})
			ids[i], faults[i] = p.ID, err
		})
	}
	wg.Wait()
	return ids, errors.Join(faults...)
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
