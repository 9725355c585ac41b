package payments

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// floodSummary is the last line of a run with -queries.
type floodSummary struct {
	PaymentsPerS float64 `json:"payments_per_s"`
	QueriesPerS  float64 `json:"queries_per_s"`
	QuietP50     float64 `json:"quiet_p50_ms"`
	QuietP99     float64 `json:"quiet_p99_ms"`
	FloodP50     float64 `json:"flood_p50_ms"`
	FloodP99     float64 `json:"flood_p99_ms"`
	P99Ratio     float64 `json:"p99_ratio"`        // With the flood over without, of all rounds' payments together.
	MedianRatio  float64 `json:"p99_ratio_median"` // The median of the rounds' own ratios.
	QueryP99     float64 `json:"query_p99_ms"`
	Together     int     `json:"together"`
	Rounds       int     `json:"rounds"`
}

// askedAbout is how many payments the questions are about.
const askedAbout = 100

// flood sends payments at a steady rate, once quiet and once beside questions how payments
// stand, in turn.
func (c *course) flood() error {
	ids, err := c.payFor(askedAbout)
	if err != nil {
		return err
	}
	s := floodSummary{PaymentsPerS: c.rate, Rounds: c.rounds, Together: c.together}
	var ratios, query99, asked []float64
	quiets, unders := newHistogram(), newHistogram()
	for round := range c.rounds {
		var quiet, under, q *result
		halves := []func() error{
			func() (err error) { quiet, _, err = c.half(nil); return err },
			func() (err error) { under, q, err = c.half(ids); return err },
		}
		for i := range halves { // What comes first changes from round to round.
			if err := halves[(i+round)%2](); err != nil {
				return err
			}
		}
		quiets.Merge(quiet.latency)
		unders.Merge(under.latency)
		ratios, query99 = append(ratios, under.at(99)/quiet.at(99)), append(query99, q.at(99))
		asked = append(asked, q.perSecond())
		fmt.Printf("round %d   quiet p50 %.3f p99 %.3f ms   beside %.0f questions/s p50 %.3f p99 %.3f ms\n",
			round+1, quiet.at(50), quiet.at(99), q.perSecond(), under.at(50), under.at(99))
	}
	quiet, under := &result{latency: quiets}, &result{latency: unders}
	s.QuietP50, s.QuietP99, s.FloodP50, s.FloodP99 = quiet.at(50), quiet.at(99), under.at(50), under.at(99)
	s.P99Ratio, s.MedianRatio = under.at(99)/quiet.at(99), median(ratios)
	s.QueryP99, s.QueriesPerS = median(query99), median(asked)
	fmt.Printf("\nincluded: what the payments' benchmark includes; each question and its answer sealed, %d questions in one\n"+
		"write. Load, switch and institution share this machine's cores, so that the questions' own sender slows\n"+
		"the payments too.\n\n", c.together)
	line, err := json.Marshal(s)
	if err == nil {
		fmt.Println(string(line))
	}
	return err
}

// half sends payments at the rate for the time of the open loop, beside questions about ids
// where there are any. All requests are made and signed before the first one leaves.
func (c *course) half(ids []string) (payments, questions *result, err error) {
	steady := c.atSwitch(c.render(int(c.rate) * c.seconds))
	if ids == nil {
		payments, err = steady.open(c.clients, c.rate)
		return payments, nil, err
	}
	ask := c.questions(ids)
	failed := make(chan error, 1)
	go func() {
		var err error
		questions, err = ask.open(max(8, 64/c.together), float64(c.queries)/float64(c.together))
		failed <- err
	}()
	payments, err = steady.open(c.clients, c.rate)
	return payments, questions, errors.Join(err, <-failed)
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

// questions are those of one half, about the payments in turn, as many in one write as
// o.together says.
func (c *course) questions(ids []string) *load {
	requests := make([][]byte, c.queries*c.seconds/c.together)
	for i := range requests {
		for n := range c.together {
			requests[i] = append(requests[i], c.question(ids[(i*c.together+n)%len(ids)])...)
		}
	}
	return &load{c.net.Switch.Address, requests, []byte(`"status":"approved"`), loadMax, c.together}
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
