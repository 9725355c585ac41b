package institutions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"go.uber.org/zap"

	"tongma/institutions/driver"
	"tongma/institutions/seal"
	"tongma/switch/payment"
)

// Link is one institution's connection: everything that institutions share.
type Link struct {
	config   Config
	host     string
	self     string // The switch's own id.
	dialect  driver.Dialect
	ring     *seal.Ring
	log      *zap.Logger
	hooks    Hooks
	breakers map[payment.OperationKind]*gobreaker.TwoStepCircuitBreaker[struct{}]
	inFlight atomic.Int64
	queries  chan struct{} // A place for each query or cancel at work.
	money    sender
	asker    *asker
}

// sender carries money operations: once each, never again.
type sender interface {
	send(calls []*call)
	close()
}

// Hooks are where answers go.
type Hooks struct {
	// Deliver is called exactly once for each operation, from any goroutine.
	Deliver func(op *payment.Operation, answer payment.Answer)
	// Late is called for an answer that came after Deliver had to tell that it was missing.
	Late func(op *payment.Operation, answer payment.Answer)
	// Measured, unless nil, is told of each operation that moves money how long it took,
	// and whether the institution answered it in words that we understand.
	Measured func(institution string, took time.Duration, well bool)
}

// call is one money operation on its way.
type call struct {
	op        *payment.Operation
	deadline  time.Time
	settle    func(error) // Tells the breaker how it went.
	signature [seal.Size]byte
	given     bool // Delivered as missing; what comes now is late. Guarded by its pipe.
}

// errLink is what the breaker counts: the link failed, not the payer.
var errLink = errors.New("institutions: no usable answer")

// errNotTried is an operation that says nothing of the link: it was not tried.
var errNotTried = errors.New("institutions: not tried")

func newLink(config Config, self string, ring *seal.Ring, log *zap.Logger, hooks Hooks) (*Link, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	address, err := url.Parse(config.Address)
	if err != nil {
		return nil, err
	}
	if ring.Signing(config.ID, time.Now()) == nil {
		return nil, fmt.Errorf("institutions: no key of %q is in force", config.ID)
	}
	l := &Link{
		config: config, host: address.Host, self: self, dialect: dialects[config.Dialect],
		ring: ring, log: log.With(zap.String("institution", config.ID)), hooks: hooks,
		queries:  make(chan struct{}, config.QueriesMax),
		breakers: map[payment.OperationKind]*gobreaker.TwoStepCircuitBreaker[struct{}]{},
	}
	for kind := payment.Debit; kind <= payment.Resolve; kind++ {
		l.breakers[kind] = l.newBreaker(kind)
	}
	l.asker = newAsker(l)
	if config.Pipeline {
		l.money = newPipes(l)
	} else {
		l.money = newPlain(l)
	}
	return l, nil
}

// newBreaker writes out every option. A business decline is a success of the link.
func (l *Link) newBreaker(kind payment.OperationKind) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	c := &l.config
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         c.ID + " " + kind.String(),
		MaxRequests:  uint32(c.BreakerTries),
		Interval:     c.BreakerWindow,
		BucketPeriod: c.BreakerWindow / 10,
		Timeout:      c.BreakerOpen,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			return n.Requests >= uint32(c.BreakerMin) &&
				n.TotalFailures*100 >= n.Requests*uint32(c.BreakerShare)
		},
		OnStateChange: nil, // It would run under the breaker's lock; Health reads the state instead.
		IsSuccessful:  func(err error) bool { return err == nil },
		IsExcluded:    func(err error) bool { return errors.Is(err, errNotTried) },
	})
}

// send takes operations for this institution. It does not block.
func (l *Link) send(ops []*payment.Operation) {
	calls := make([]*call, 0, len(ops))
	now := time.Now()
	for _, op := range ops {
		settle, err := l.breakers[op.Kind].Allow()
		if err != nil {
			if l.hooks.Measured != nil && op.Kind.MovesMoney() {
				l.hooks.Measured(op.Institution, 0, false)
			}
			l.notSent(op, payment.InstitutionUnavailable)
			continue
		}
		if !op.Kind.MovesMoney() {
			l.ask(op, settle)
			continue
		}
		if l.inFlight.Add(1) > int64(l.config.InFlightMax) {
			l.inFlight.Add(-1)
			settle(errNotTried)
			l.notSent(op, payment.InstitutionBusy)
			continue
		}
		calls = append(calls, &call{op: op, settle: settle, deadline: now.Add(l.config.Deadline)})
	}
	if len(calls) > 0 {
		l.money.send(calls)
	}
}

func (l *Link) notSent(op *payment.Operation, why payment.Failure) {
	l.hooks.Deliver(op, payment.Answer{Outcome: payment.NotSent, Failure: why})
}

// ask carries a query or a cancel, which may be repeated, by itself.
func (l *Link) ask(op *payment.Operation, settle func(error)) {
	select {
	case l.queries <- struct{}{}:
	default:
		settle(errNotTried)
		l.notSent(op, payment.InstitutionBusy)
		return
	}
	go func() {
		answer, err := l.asker.ask(context.Background(), op)
		<-l.queries
		settle(err)
		l.hooks.Deliver(op, answer)
	}()
}

// finish delivers the answer to a money operation.
func (l *Link) finish(c *call, answer payment.Answer, err error) {
	l.inFlight.Add(-1)
	c.settle(err)
	if l.hooks.Measured != nil && !errors.Is(err, errNotTried) {
		l.hooks.Measured(c.op.Institution, l.config.Deadline-time.Until(c.deadline), err == nil)
	}
	l.hooks.Deliver(c.op, answer)
}

// lost is the answer of an operation that may have arrived and was not answered.
func (l *Link) lost(c *call) {
	l.finish(c, payment.Answer{Failure: payment.AnswerMissing}, errLink)
}

// neverLeft is the answer of an operation of which no byte left us.
func (l *Link) neverLeft(c *call) {
	l.finish(c, payment.Answer{Outcome: payment.NotSent, Failure: payment.InstitutionUnavailable}, errLink)
}

// unsayable is the answer of an operation that the dialect cannot say: nothing left us,
// and the link is not to blame.
func (l *Link) unsayable(c *call) {
	l.finish(c, payment.Answer{Outcome: payment.NotSent, Failure: payment.InstitutionUnavailable}, errNotTried)
}

// signing is the key that seals what leaves now.
func (l *Link) signing(now time.Time) (*seal.Key, error) {
	if key := l.ring.Signing(l.config.ID, now); key != nil {
		return key, nil
	}
	return nil, fmt.Errorf("institutions: no key of %q is in force any more", l.config.ID)
}

// render writes op as a whole HTTP request to dst, sealed. scratch is reused between calls.
func (l *Link) render(dst []byte, op *payment.Operation, scratch *driver.Request, signature *[seal.Size]byte) ([]byte, error) {
	if err := l.dialect.Render(op, scratch); err != nil {
		return dst, err
	}
	now := time.Now()
	key, err := l.signing(now)
	if err != nil {
		return dst, err
	}
	var clock [20]byte
	at := strconv.AppendInt(clock[:0], now.UnixMilli(), 10)
	key.AppendRequest(signature[:0], post, []byte(scratch.Path), at, scratch.Body)
	dst = append(append(dst, "POST "...), scratch.Path...)
	dst = append(append(dst, " HTTP/1.1\r\nHost: "...), l.host...)
	dst = append(append(dst, "\r\nContent-Type: application/json\r\n"+seal.HeaderInstitution+": "...), l.self...)
	dst = append(append(dst, "\r\n"+seal.HeaderKey+": "...), key.ID...)
	dst = append(append(dst, "\r\n"+seal.HeaderTime+": "...), at...)
	dst = append(append(dst, "\r\n"+seal.HeaderSignature+": "...), signature[:]...)
	dst = strconv.AppendInt(append(dst, "\r\nContent-Length: "...), int64(len(scratch.Body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, scratch.Body...), nil
}

var post = []byte("POST")

// response is one answer as it came over the wire; body and seal are valid during read.
type response struct {
	status      int
	body        []byte
	seal        []byte
	requestSeal []byte
}

// read checks the seal of an answer, lets the dialect say what it means, and checks that
// it speaks of op. The error is for the breaker and the log.
func (l *Link) read(op *payment.Operation, r *response) (payment.Answer, error) {
	if r.status >= 500 {
		return payment.Answer{Failure: payment.AnswerUnreadable}, fmt.Errorf("institutions: status %d", r.status)
	}
	if !l.sealed(r) {
		return payment.Answer{Failure: payment.SignatureInvalid}, errSeal(r)
	}
	answer, err := l.dialect.Read(op, driver.Response{Status: r.status, Body: r.body})
	if err != nil {
		return answer, err
	}
	if !answer.Fits(op) {
		return payment.Answer{Failure: payment.AnswerMismatch}, errors.New("institutions: the answer does not fit what was asked")
	}
	return answer, nil
}

// errSeal says that r's seal does not fit, and what that most likely comes from. Who said it is
// not known, so that nothing follows from it but what people read.
func errSeal(r *response) error {
	if r.status == http.StatusUnauthorized {
		return errors.New("institutions: status 401 without a good seal: does the institution know the switch's id, key id and secret?")
	}
	return errors.New("institutions: the answer's seal does not fit")
}

// sealed tries every key that is valid now: during a rotation the institution may still
// seal with the older one.
func (l *Link) sealed(r *response) bool {
	for _, key := range l.ring.Valid(l.config.ID, time.Now()) {
		if key.VerifyAnswer(r.seal, r.status, r.requestSeal, r.body) {
			return true
		}
	}
	return false
}

// Health is how an institution's link stands.
type Health struct {
	Institution string            `json:"institution"`
	InFlight    int64             `json:"in_flight"`
	Breakers    map[string]string `json:"breakers"` // State by operation.
}

func (l *Link) health() Health {
	h := Health{Institution: l.config.ID, InFlight: l.inFlight.Load(), Breakers: map[string]string{}}
	for kind, breaker := range l.breakers {
		h.Breakers[kind.String()] = breaker.State().String()
	}
	return h
}

func (l *Link) close() {
	l.money.close()
	l.asker.close()
}
