package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tongma/institutions/seal"
)

// Client speaks to the admin API as one person.
type Client struct {
	address string
	name    string
	key     *seal.Key
	http    http.Client
	last    atomic.Int64 // Instant of the newest request, Unix milliseconds.
}

// answerBytesMax bounds what a client reads: the largest is a seal, some 350 bytes for each pair.
const answerBytesMax = 128 << 20

// answerMax is how long a client waits; a replay of a day's traffic takes its time.
const answerMax = 10 * time.Minute

// NewClient makes a client of the API at address, such as http://127.0.0.1:8081, or without a
// scheme for http.
func NewClient(address, name string, secret []byte) *Client {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	return &Client{address: strings.TrimSuffix(address, "/"), name: name,
		key: seal.NewKey(name, secret), http: http.Client{Timeout: answerMax}}
}

// Do asks for path with body and reads the answer into answer. The error is a *Refusal
// where the switch said no. Body may be bytes, or anything that becomes JSON, or nil.
func (c *Client) Do(method, path string, body, answer any) error {
	text, isBytes := body.([]byte)
	if body != nil && !isBytes {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return fmt.Errorf("admin: cannot write request: %w", err)
		}
	}
	request, err := http.NewRequest(method, c.address+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("admin: cannot make request: %w", err)
	}
	clock := strconv.FormatInt(c.instant(), 10)
	signature := c.key.AppendRequest(nil, []byte(method), []byte(request.URL.RequestURI()), []byte(clock), text)
	request.Header.Set(HeaderPerson, c.name)
	request.Header.Set(seal.HeaderTime, clock)
	request.Header.Set(seal.HeaderSignature, string(signature))
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("admin: cannot reach the switch: %w", err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return fmt.Errorf("admin: cannot read the answer: %w", err)
	}
	sealed := c.key.VerifyAnswer([]byte(response.Header.Get(seal.HeaderSignature)), response.StatusCode, signature, got)
	if response.StatusCode != http.StatusOK {
		return refusalIn(response.StatusCode, got)
	}
	if !sealed {
		return errors.New("admin: the answer's seal does not fit")
	}
	if err := json.Unmarshal(got, answer); err != nil {
		return fmt.Errorf("admin: cannot read the answer: %w", err)
	}
	return nil
}

// instant is now, or up to a second later where a request had that instant: the same words of
// the same millisecond would be taken for one request that came twice. A clock that was set back
// by more counts.
func (c *Client) instant() int64 {
	for {
		last, next := c.last.Load(), time.Now().UnixMilli()
		if last >= next && last-next < 1000 {
			next = last + 1
		}
		if c.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// ProposeEntry asks for a chargeback or an adjustment, which another person has to approve,
// and returns it with its id. With a Reference it may be asked for again: the proposal that
// stands for it is then returned. The error is a *Refusal where the switch said no.
func (c *Client) ProposeEntry(p EntryProposal) (EntryProposal, error) {
	var kept EntryProposal
	err := c.Do("POST", "/admin/v1/entries", &p, &kept)
	return kept, err
}

func refusalIn(status int, text []byte) error {
	var form struct {
		Error Refusal `json:"error"`
	}
	if err := json.Unmarshal(text, &form); err != nil || form.Error.Code == "" {
		return fmt.Errorf("admin: the switch answered with status %d", status)
	}
	if form.Error.Code == PathUnknown && form.Error.Detail == "" { // The gateway's answer.
		form.Error.Detail = "is it the address of admin.listen?"
	}
	return &form.Error
}
