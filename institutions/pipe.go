package institutions

import (
	"bufio"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"tongma/institutions/driver"
	"tongma/institutions/seal"
)

// pipes carries money operations over a few connections, many on each at once. What is
// sent together leaves in one write.
type pipes struct {
	link  *Link
	list  []*pipe
	next  atomic.Uint64
	stop  chan struct{}
	ended sync.WaitGroup
}

// pipeShare is how many operations one connection takes of what is sent together before
// the next connection gets some too.
const pipeShare = 64

// sweepEvery is how often deadlines are looked after.
const sweepEvery = 20 * time.Millisecond

func newPipes(l *Link) *pipes {
	p := &pipes{link: l, stop: make(chan struct{})}
	for range l.config.Connections {
		one := &pipe{link: l, ready: make(chan struct{}, 1)}
		p.list = append(p.list, one)
		p.ended.Go(func() { one.write(p.stop) })
	}
	p.ended.Go(p.sweep)
	return p
}

func (p *pipes) send(calls []*call) {
	for len(calls) > 0 {
		n := min(pipeShare, len(calls))
		p.list[p.next.Add(1)%uint64(len(p.list))].put(calls[:n:n])
		calls = calls[n:]
	}
}

// sweep gives up on calls that are past their deadline.
func (p *pipes) sweep() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case now := <-ticker.C:
			for _, one := range p.list {
				one.expire(now)
			}
		}
	}
}

func (p *pipes) close() {
	close(p.stop)
	p.ended.Wait()
	for _, one := range p.list {
		one.mu.Lock()
		one.closed = true
		one.mu.Unlock()
		one.refuseWaiting()
		one.drop(nil)
	}
}

// pipe is one connection with its queue. The institution answers in the order in which
// it was asked.
type pipe struct {
	link  *Link
	ready chan struct{}

	mu      sync.Mutex
	closed  bool
	waiting []*call // To be written.
	sent    []*call // Written, or partly; answers come in this order.
	conn    net.Conn
}

func (p *pipe) put(calls []*call) {
	p.mu.Lock()
	p.waiting = append(p.waiting, calls...)
	closed := p.closed
	p.mu.Unlock()
	if closed {
		p.refuseWaiting()
		return
	}
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// write sends whatever waits, in one write, until stop.
func (p *pipe) write(stop <-chan struct{}) {
	var scratch driver.Request
	var out []byte
	for {
		select {
		case <-stop:
			return
		case <-p.ready:
		}
		conn, err := p.connection()
		if err != nil {
			p.link.log.Warn("institutions: cannot connect", zap.Error(err))
			p.refuseWaiting()
			continue
		}
		if out = p.renderWaiting(conn, out[:0], &scratch); len(out) == 0 {
			continue
		}
		_ = conn.SetWriteDeadline(time.Now().Add(p.link.config.Deadline))
		if _, err := conn.Write(out); err != nil {
			p.link.log.Warn("institutions: connection broke while writing", zap.Error(err))
			p.drop(conn)
		}
	}
}

// connection returns the open connection, or opens one.
func (p *pipe) connection() (net.Conn, error) {
	p.mu.Lock()
	conn := p.conn
	p.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	dialer := net.Dialer{Timeout: p.link.config.DialTimeout}
	conn, err := dialer.DialContext(context.Background(), "tcp", p.link.host)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.conn = conn
	p.mu.Unlock()
	go p.read(conn)
	return conn, nil
}

// refuseWaiting ends what waits: there is no connection, so nothing of it left us.
func (p *pipe) refuseWaiting() {
	p.mu.Lock()
	list := p.waiting
	p.waiting = nil
	p.mu.Unlock()
	for _, c := range list {
		p.link.neverLeft(c)
	}
}

// renderWaiting moves what waits to what is sent and renders it. From then on a broken
// connection means that it may have arrived.
func (p *pipe) renderWaiting(conn net.Conn, out []byte, scratch *driver.Request) []byte {
	p.mu.Lock()
	list := p.waiting
	p.waiting = nil
	p.mu.Unlock()
	good, now := list[:0], time.Now()
	for _, c := range list {
		if now.After(c.deadline) { // It waited for a connection for too long.
			p.link.neverLeft(c)
			continue
		}
		before := len(out)
		var err error
		if out, err = p.link.render(out, c.op, scratch, &c.signature); err != nil {
			p.link.log.Error("institutions: cannot render", zap.Error(err))
			out = out[:before]
			p.link.unsayable(c)
			continue
		}
		good = append(good, c)
	}
	p.mu.Lock()
	open := p.conn == conn
	if open {
		p.sent = append(p.sent, good...)
	}
	p.mu.Unlock()
	if open {
		return out
	}
	for _, c := range good { // The reader found the connection closed meanwhile.
		p.link.neverLeft(c)
	}
	return nil
}

// read takes answers from conn until it breaks.
func (p *pipe) read(conn net.Conn) {
	defer p.drop(conn)
	in := bufio.NewReaderSize(conn, 64<<10)
	var answer fasthttp.Response
	answer.Header.DisableNormalizing()
	for {
		answer.Reset()
		if err := answer.ReadLimitBody(in, p.link.config.AnswerMax); err != nil {
			return
		}
		if !p.take(conn, &answer) || answer.ConnectionClose() {
			return
		}
	}
}

// take gives an answer to the oldest call of the connection.
func (p *pipe) take(conn net.Conn, answer *fasthttp.Response) bool {
	p.mu.Lock()
	if p.conn != conn || len(p.sent) == 0 {
		p.mu.Unlock()
		return false // Nobody asked: the connection is out of step.
	}
	c := p.sent[0]
	p.sent[0] = nil
	p.sent = p.sent[1:]
	given := c.given
	p.mu.Unlock()
	result, err := p.link.read(c.op, &response{
		status: answer.StatusCode(), body: answer.Body(),
		seal: answer.Header.Peek(seal.HeaderSignature), requestSeal: c.signature[:],
	})
	if err != nil {
		p.link.log.Warn("institutions: unusable answer", zap.Stringer("operation", c.op.Kind), zap.Error(err))
	}
	if given {
		p.link.hooks.Late(c.op, result)
		return true
	}
	p.link.finish(c, result, err)
	return true
}

// expire gives up on calls whose deadline has passed. Their answers may still come and
// are late then. A connection whose oldest call has been overdue for as long again is
// given up too.
func (p *pipe) expire(now time.Time) {
	var lost []*call
	p.mu.Lock()
	for _, c := range p.sent {
		if now.Before(c.deadline) {
			break
		}
		if !c.given {
			c.given = true
			lost = append(lost, c)
		}
	}
	var stuck net.Conn
	if len(p.sent) > 0 && now.Sub(p.sent[0].deadline) > p.link.config.Deadline {
		stuck = p.conn
	}
	p.mu.Unlock()
	for _, c := range lost {
		p.link.lost(c)
	}
	if stuck != nil {
		p.drop(stuck)
	}
}

// drop closes conn, or whatever connection there is for nil, and ends what was sent on it.
func (p *pipe) drop(conn net.Conn) {
	p.mu.Lock()
	if conn == nil {
		conn = p.conn
	}
	if conn == nil || p.conn != conn {
		p.mu.Unlock()
		return
	}
	list := p.sent
	p.sent, p.conn = nil, nil
	p.mu.Unlock()
	_ = conn.Close()
	for _, c := range list {
		if !c.given {
			p.link.lost(c)
		}
	}
}
