package institutions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"go.uber.org/zap"

	"tongma/institutions/driver"
	"tongma/institutions/seal"
	"tongma/switch/payment"
)

// asker carries what may be repeated: queries, cancels, resolutions. Never money.
type asker struct {
	link   *Link
	client *retryablehttp.Client
}

func newAsker(l *Link) *asker {
	c := &l.config
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: c.DialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConns:          c.QueriesMax,
		MaxIdleConnsPerHost:   c.QueriesMax,
		MaxConnsPerHost:       c.QueriesMax,
		IdleConnTimeout:       30 * time.Second,
		ResponseHeaderTimeout: c.QueryDeadline,
		DisableCompression:    true,
	}
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{
		Transport: transport, Timeout: c.QueryDeadline,
		// A sealed message goes to the institution's own address or nowhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	client.Logger = nil
	client.RetryWaitMin = 50 * time.Millisecond
	client.RetryWaitMax = 500 * time.Millisecond
	client.RetryMax = c.RetriesMax
	client.Backoff = retryablehttp.LinearJitterBackoff
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	client.CheckRetry = func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return err != nil || resp.StatusCode >= 500, nil
	}
	return &asker{link: l, client: client}
}

// ask sends op, repeats it while that makes sense, and says what came of it.
func (a *asker) ask(ctx context.Context, op *payment.Operation) (payment.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, a.link.config.QueryDeadline)
	defer cancel()
	answer, err := a.exchange(ctx, op)
	if err != nil {
		a.link.log.Warn("institutions: no usable answer", zap.Stringer("operation", op.Kind), zap.Error(err))
	}
	return answer, err
}

func (a *asker) exchange(ctx context.Context, op *payment.Operation) (payment.Answer, error) {
	if op.Kind.MovesMoney() {
		panic("institutions: a money operation must never be repeated")
	}
	missing := payment.Answer{Failure: payment.AnswerMissing}
	var scratch driver.Request
	if err := a.link.dialect.Render(op, &scratch); err != nil {
		return missing, err
	}
	var signature [seal.Size]byte
	answer, err := a.post(ctx, &scratch, &signature)
	if err != nil {
		return missing, err
	}
	return a.link.read(op, answer)
}

// announce tells how p ended, and repeats it while that makes sense. Nil means that the
// institution has acknowledged it.
func (a *asker) announce(ctx context.Context, announcer driver.Announcer, p *payment.Payment) error {
	ctx, cancel := context.WithTimeout(ctx, a.link.config.QueryDeadline)
	defer cancel()
	var scratch driver.Request
	announcer.RenderOutcome(p, &scratch)
	var signature [seal.Size]byte
	answer, err := a.post(ctx, &scratch, &signature)
	switch {
	case err != nil:
		return err
	case answer.status != http.StatusOK:
		return fmt.Errorf("institutions: status %d", answer.status)
	case !a.link.sealed(answer):
		return errors.New("institutions: the answer's seal does not fit")
	}
	return nil
}

// post seals a message that may be repeated, sends it and reads the answer. signature is the
// request's, which the answer's seal holds on to.
func (a *asker) post(ctx context.Context, message *driver.Request, signature *[seal.Size]byte) (*response, error) {
	headers, err := a.link.headers(message, signature)
	if err != nil {
		return nil, err
	}
	request, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost,
		"http://"+a.link.host+message.Path, bytes.NewReader(message.Body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		request.Header[h[0]] = []string{h[1]}
	}
	resp, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(a.link.config.AnswerMax)+1))
	if err != nil {
		return nil, fmt.Errorf("institutions: cannot read answer: %w", err)
	}
	if len(body) > a.link.config.AnswerMax {
		return nil, fmt.Errorf("institutions: answer above %d bytes", a.link.config.AnswerMax)
	}
	return &response{
		status: resp.StatusCode, body: body, requestSeal: signature[:],
		seal: []byte(resp.Header.Get(seal.HeaderSignature)),
	}, nil
}

func (a *asker) close() { a.client.HTTPClient.CloseIdleConnections() }

// headers seals a rendered request and returns its headers, by name and value.
func (l *Link) headers(r *driver.Request, signature *[seal.Size]byte) ([4][2]string, error) {
	now := time.Now()
	key, err := l.signing(now)
	if err != nil {
		return [4][2]string{}, err
	}
	at := strconv.FormatInt(now.UnixMilli(), 10)
	key.AppendRequest(signature[:0], post, []byte(r.Path), []byte(at), r.Body)
	return [4][2]string{
		{seal.HeaderInstitution, l.self},
		{seal.HeaderKey, key.ID},
		{seal.HeaderTime, at},
		{seal.HeaderSignature, string(signature[:])},
	}, nil
}
