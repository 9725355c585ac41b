package payments

import (
	"encoding/json"
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
	P99Ratio     float64 `json:"p99_ratio"` // Median over rounds of with the flood over without.
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
	var quiet50, quiet99, flood50, flood99, ratios, query99, asked []float64
	for round := range c.rounds {
		quiet, err := c.steady()
		if err != nil {
			return err
		}
		questions := make(chan *result, 1)
		failed := make(chan error, 1)
		go func() {
			r, err := c.askAbout(ids)
			questions <- r
			failed <- err
		}()
		under, err := c.steady()
		q := <-questions
		if fault := <-failed; err == nil {
			err = fault
		}
		if err != nil {
			return err
		}
		quiet50, quiet99 = append(quiet50, quiet.at(50)), append(quiet99, quiet.at(99))
		flood50, flood99 = append(flood50, under.at(50)), append(flood99, under.at(99))
		ratios, query99 = append(ratios, under.at(99)/quiet.at(99)), append(query99, q.at(99))
		asked = append(asked, q.perSecond())
		fmt.Printf("round %d   quiet p50 %.3f p99 %.3f ms   beside %.0f questions/s p50 %.3f p99 %.3f ms\n",
			round+1, quiet.at(50), quiet.at(99), q.perSecond(), under.at(50), under.at(99))
	}
	s.QuietP50, s.QuietP99, s.FloodP50, s.FloodP99 = median(quiet50), median(quiet99), median(flood50), median(flood99)
	s.P99Ratio, s.QueryP99, s.QueriesPerS = median(ratios), median(query99), median(asked)
	fmt.Printf("\nincluded: what the payments' benchmark includes; each question and its answer sealed, %d questions in one\n"+
		"write. Load, switch and institution share this machine's cores, so that the questions' own sender slows\n"+
		"the payments too.\n\n", c.together)
	line, err := json.Marshal(s)
	if err == nil {
		fmt.Println(string(line))
	}
	return err
}

// steady sends payments at the rate for the time of the open loop.
func (c *course) steady() (*result, error) {
	return c.atSwitch(c.render(int(c.rate)*c.seconds)).open(c.clients, c.rate)
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

// askAbout asks how the payments stand, in turn, at the rate of the questions, as many in one
// write as o.together says.
func (c *course) askAbout(ids []string) (*result, error) {
	requests := make([][]byte, c.queries*c.seconds/c.together)
	for i := range requests {
		for n := range c.together {
			requests[i] = append(requests[i], c.question(ids[(i*c.together+n)%len(ids)])...)
		}
	}
	l := load{c.net.Switch.Address, requests, []byte(`"status":"approved"`), loadMax, c.together}
	return l.open(max(8, 64/c.together), float64(c.queries)/float64(c.together))
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
