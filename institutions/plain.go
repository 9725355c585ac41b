package institutions

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"tongma/institutions/driver"
	"tongma/institutions/seal"
	"tongma/switch/payment"
)

// plain carries each money operation on a connection of its own.
type plain struct {
	link    *Link
	client  fasthttp.HostClient
	carried sync.WaitGroup
}

// dialError marks a connection that was never made: nothing has left us.
type dialError struct{ cause error }

func (e *dialError) Error() string { return fmt.Sprintf("institutions: cannot connect: %v", e.cause) }

func newPlain(l *Link) *plain {
	dialer := net.Dialer{Timeout: l.config.DialTimeout}
	return &plain{link: l, client: fasthttp.HostClient{
		Addr: l.host,
		Name: "",
		Dial: func(address string) (net.Conn, error) {
			conn, err := dialer.Dial("tcp", address)
			if err != nil {
				return nil, &dialError{err}
			}
			return conn, nil
		},
		MaxConns:                      l.config.InFlightMax,
		MaxConnDuration:               0,
		MaxIdleConnDuration:           30 * time.Second,
		MaxConnWaitTimeout:            0, // No place: refuse, never queue.
		MaxResponseBodySize:           l.config.AnswerMax,
		NoDefaultUserAgentHeader:      true,
		DisableHeaderNamesNormalizing: false, // Institutions write header names as they like.
		DisablePathNormalizing:        true,
		// A money operation is sent once. Without these two fasthttp sends a request again
		// whose connection closed before the answer.
		MaxIdemponentCallAttempts: 1,
		RetryIfErr:                func(*fasthttp.Request, int, error) (bool, bool) { return false, false },
	}}
}

func (p *plain) send(calls []*call) {
	for _, c := range calls {
		p.carried.Go(func() { p.carry(c) })
	}
}

func (p *plain) carry(c *call) {
	request, answer := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(answer)
	if err := p.link.fill(request, c.op, &c.signature); err != nil {
		p.link.log.Error("institutions: cannot render", zap.Error(err))
		p.link.unsayable(c)
		return
	}
	err := p.client.DoDeadline(request, answer, c.deadline)
	var dial *dialError
	switch {
	case errors.As(err, &dial) || errors.Is(err, fasthttp.ErrNoFreeConns):
		p.link.log.Warn("institutions: nothing was sent", zap.Error(err))
		p.link.neverLeft(c)
	case err != nil:
		p.link.log.Warn("institutions: answer is missing", zap.Error(err))
		p.link.lost(c)
	default:
		p.finish(c, answer)
	}
}

func (p *plain) finish(c *call, answer *fasthttp.Response) {
	result, err := p.link.read(c.op, &response{
		status: answer.StatusCode(), body: answer.Body(),
		seal: answer.Header.Peek(seal.HeaderSignature), requestSeal: c.signature[:],
	})
	if err != nil {
		p.link.log.Warn("institutions: unusable answer", zap.Stringer("operation", c.op.Kind), zap.Error(err))
	}
	p.link.finish(c, result, err)
}

// close waits for what is on its way, which ends at its deadline at the latest.
func (p *plain) close() {
	p.carried.Wait()
	p.client.CloseIdleConnections()
}

// fill renders and seals op into a fasthttp request.
func (l *Link) fill(request *fasthttp.Request, op *payment.Operation, signature *[seal.Size]byte) error {
	var scratch driver.Request
	if err := l.dialect.Render(op, &scratch); err != nil {
		return err
	}
	headers, err := l.headers(&scratch, signature)
	if err != nil {
		return err
	}
	request.Header.SetMethod("POST")
	request.SetRequestURI("http://" + l.host + scratch.Path)
	request.Header.SetContentType("application/json")
	for _, h := range headers {
		request.Header.Set(h[0], h[1])
	}
	request.SetBodyRaw(scratch.Body)
	return nil
}
