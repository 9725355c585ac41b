package payments

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"tongma/bench/figures"
)

// floodSummary is the last line of a run with -queries. Ratios of all rounds' payments
// together; medians are those of the rounds' own ratios.
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
	MedianRatio  float64 `json:"p99_ratio_median"`
	SinkRatio    float64 `json:"p99_ratio_sink"` // Flood over sink.
	SinkMedian   float64 `json:"p99_ratio_sink_median"`
	QueryP99     float64 `json:"query_p99_ms"`
	Together     int     `json:"together"`
	Rounds       int     `json:"rounds"`
}

// askedAbout is how many payments the questions are about.
const askedAbout = 100

// setting is one way in which payments are sent, and what came of it.
type setting struct {
	name      string
	address   string // Of whoever is asked; empty for nobody.
	payments  *result
	questions *asked
	latency   *hdrhistogram.Histogram // Of all rounds' payments.
}

// flood sends payments at a steady rate: quiet, beside questions how payments stand, and
// beside the same questions to a sink, which tells what sending them costs on the cores
// that all share.
func (c *course) flood() error {
	ids, err := c.payFor(askedAbout)
	if err != nil {
		return err
	}
	quiet := &setting{name: "quiet", latency: newHistogram()}
	sink := &setting{name: "sink", address: c.sink.Address, latency: newHistogram()}
	under := &setting{name: "switch", address: c.net.Switch.Address, latency: newHistogram()}
	settings := []*setting{quiet, sink, under}
	if err := c.pay(quiet, nil); err != nil { // Memory that nobody touched yet is dear; not counted.
		return err
	}
	s := floodSummary{PaymentsPerS: c.rate, Rounds: c.rounds, Together: c.together}
	var ratios, beside, query99, rates []float64
	for round := range c.rounds {
		for i := range settings { // What comes first changes from round to round.
			now := settings[(i+round)%len(settings)]
			if err := c.pay(now, ids); err != nil {
				return fmt.Errorf("%s: %w", now.name, err)
			}
			now.latency.Merge(now.payments.latency)
		}
		ratios = append(ratios, under.payments.at(99)/quiet.payments.at(99))
		beside = append(beside, under.payments.at(99)/sink.payments.at(99))
		query99, rates = append(query99, under.questions.P99), append(rates, under.questions.PerS)
		fmt.Printf("round %d   quiet p50 %.3f p99 %.3f ms   %.0f questions/s to a sink p50 %.3f p99 %.3f ms   "+
			"%.0f to the switch p50 %.3f p99 %.3f ms\n", round+1, quiet.payments.at(50), quiet.payments.at(99),
			sink.questions.PerS, sink.payments.at(50), sink.payments.at(99),
			under.questions.PerS, under.payments.at(50), under.payments.at(99))
	}
	all := func(s *setting) *result { return &result{latency: s.latency} }
	s.QuietP50, s.QuietP99 = all(quiet).at(50), all(quiet).at(99)
	s.SinkP50, s.SinkP99 = all(sink).at(50), all(sink).at(99)
	s.FloodP50, s.FloodP99 = all(under).at(50), all(under).at(99)
	s.P99Ratio, s.MedianRatio = s.FloodP99/s.QuietP99, figures.Median(ratios)
	s.SinkRatio, s.SinkMedian = s.FloodP99/s.SinkP99, figures.Median(beside)
	s.QueryP99, s.QueriesPerS = figures.Median(query99), figures.Median(rates)
	fmt.Printf("\nincluded: what the payments' benchmark includes; each question and its answer sealed, %d questions in one\n"+
		"write. Load, switch and institution share this machine's cores; the questions' sender is a process of its\n"+
		"own and has the lowest priority, as has the sink, a bare server that reads each question and says \"approved\"\n"+
		"at once: what the payments lose beside it is the sender's doing, not the switch's.\n\n", c.together)
	line, err := json.Marshal(s)
	if err == nil {
		fmt.Println(string(line))
	}
	return err
}

// pay sends payments at the rate for the time of the open loop, beside questions about ids
// where the setting asks. All requests are made and signed before the first one leaves.
func (c *course) pay(s *setting, ids []string) error {
	steady := c.atSwitch(c.render(int(c.rate) * c.seconds))
	var err error
	if s.address == "" {
		s.payments, err = steady.open(c.clients, c.rate)
		return err
	}
	ask, err := startAsker(c.questions(s.address, ids))
	if err != nil {
		return err
	}
	if err := ask.begin(); err != nil {
		return errors.Join(err, ask.end())
	}
	var fault error
	s.payments, err = steady.open(c.clients, c.rate)
	s.questions, fault = ask.wait()
	return errors.Join(err, fault)
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

// questions are those of one setting, about the payments in turn, as many in one write as
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
