package payments

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// load is a list of finished requests to be sent to one address.
type load struct {
	address  string   // host:port
	requests [][]byte // Whole HTTP/1.1 requests, signed beforehand: the sender only sends.
	want     []byte   // What the body of a good answer holds.
	timeout  time.Duration
	together int // Requests in each of requests, pipelined.
}

// result is what came of a load.
type result struct {
	elapsed  time.Duration
	done     int // Requests, failed ones too.
	failures int
	first    error // The first failure, to be read by a person.
	latency  *hdrhistogram.Histogram
}

// perSecond is the rate of answers.
func (r *result) perSecond() float64 { return float64(r.done) / r.elapsed.Seconds() }

// at is a latency percentile in milliseconds.
func (r *result) at(percentile float64) float64 {
	return float64(r.latency.ValueAtQuantile(percentile)) / 1e6
}

// Latencies are kept from 1 µs to the longest that a load waits, to three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1_000, int64(floodMax+loadMax), 3)
}

// closed sends the load from clients connections, each with one request in flight: the
// next leaves when the answer has come.
func (l *load) closed(clients int) (*result, error) { return l.open(clients, 0) }

// open sends the load at rate requests a second, whatever the answers do. A latency
// counts from the instant at which the request was due, so that a stall is felt by
// every request that it delays.
func (l *load) open(clients int, rate float64) (*result, error) {
	conns, err := l.dial(clients)
	if err != nil {
		return nil, err
	}
	return l.begin(rate).send(conns)
}

// sending is a load on its way.
type sending struct {
	*load
	rate  float64         // Requests a second; 0 for as fast as the answers come.
	start time.Time       // When the first one is due.
	next  atomic.Int64    // How many of the requests were taken.
	took  []time.Duration // Of each request; 0 where it failed.
}

// begin says that the first request is due now. What making the requests left is collected
// before: a collection takes both cores from those that are to be measured.
func (l *load) begin(rate float64) *sending {
	s := &sending{load: l, rate: rate, took: make([]time.Duration, len(l.requests))}
	runtime.GC()
	s.start = time.Now()
	return s
}

// due is when the i-th request is to leave, counted from the start.
func (s *sending) due(i int) time.Duration {
	return time.Duration(float64(i) / s.rate * float64(time.Second))
}

// send gives each connection the next request, at a rate above zero when it is due, until
// none is left.
func (s *sending) send(conns []net.Conn) (*result, error) {
	parts := make([]*result, len(conns))
	var wg sync.WaitGroup
	for i, conn := range conns {
		wg.Go(func() { parts[i] = s.work(conn) })
	}
	wg.Wait()
	total := &result{elapsed: time.Since(s.start), latency: newHistogram()}
	for _, part := range parts {
		total.done += part.done
		total.failures += part.failures
		if total.first == nil {
			total.first = part.first
		}
	}
	for _, took := range s.took {
		if took > 0 {
			if err := total.latency.RecordValue(int64(took)); err != nil {
				return nil, fmt.Errorf("a request took %s: %w", took, err)
			}
		}
	}
	if total.failures > 0 {
		return total, fmt.Errorf("%d of %d requests failed, the first: %w", total.failures, total.done, total.first)
	}
	return total, nil
}

func (l *load) dial(clients int) ([]net.Conn, error) {
	conns := make([]net.Conn, clients)
	for i := range conns {
		conn, err := net.DialTimeout("tcp", l.address, 5*time.Second)
		if err != nil {
			return nil, fmt.Errorf("cannot connect to %s: %w", l.address, err)
		}
		conns[i] = conn
	}
	return conns, nil
}

// work sends what it takes over one connection.
func (s *sending) work(conn net.Conn) *result {
	defer conn.Close()
	r := &result{}
	in := bufio.NewReaderSize(conn, 4096)
	if err := conn.SetDeadline(time.Now().Add(s.timeout)); err != nil {
		r.first, r.failures = err, 1
		return r
	}
	for {
		i := int(s.next.Add(1)) - 1
		if i >= len(s.requests) {
			return r
		}
		began := time.Now()
		if s.rate > 0 {
			began = s.start.Add(s.due(i))
			time.Sleep(time.Until(began))
		}
		err := s.exchange(conn, in, s.requests[i])
		r.done += s.together
		if err != nil {
			r.failures++
			r.first = err
			return r
		}
		s.took[i] = time.Since(began)
	}
}

var (
	statusOK      = []byte("HTTP/1.1 200 ")
	contentLength = []byte("Content-Length: ")
)

// exchange sends what leaves together and reads every answer to it.
func (l *load) exchange(conn net.Conn, in *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	for range l.together {
		if err := l.answer(in); err != nil {
			return err
		}
	}
	return nil
}

// answer reads one answer: 200, and the wanted words in the body.
func (l *load) answer(in *bufio.Reader) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	ok := bytes.HasPrefix(line, statusOK)
	length := -1
	for {
		line, err = in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if bytes.HasPrefix(line, contentLength) {
			length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):])))
			if err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("answer without Content-Length")
	}
	body, err := in.Peek(length)
	if err != nil {
		return err
	}
	if !ok || !bytes.Contains(body, l.want) {
		return fmt.Errorf("unexpected answer: %.200s", body)
	}
	_, err = io.CopyN(io.Discard, in, int64(length))
	return err
}
