package stage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"tongma/institutions/paper"
	"tongma/institutions/seal"
)

// Client speaks to the switch as one institution: it seals its requests and checks the
// seals of the answers.
type Client struct {
	ID      string
	Address string // host:port of the switch.
	key     *seal.Key
	http    http.Client
}

// Client makes a client that speaks as institution.
func (s *Stage) Client(institution string) *Client {
	return NewClient(s.Switch.Address, institution, seal.NewKey(keyID, s.secret(institution)))
}

// NewClient makes a client of the switch at address, host:port, that speaks as institution.
func NewClient(address, institution string, key *seal.Key) *Client {
	return &Client{ID: institution, Address: address, key: key, http: http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: 90 * time.Second}, // No proxy: it would see codes.
	}}
}

// Rest closes the connections that wait for another request. A server that stops in order
// waits for a connection that was opened and never used.
func (c *Client) Rest() { c.http.CloseIdleConnections() }

// Payment is what the switch answers about a payment, or the error that it refuses with.
type Payment struct {
	ID        string `json:"payment_id"`
	RequestID string `json:"request_id"`
	Kind      string `json:"kind"`
	Status    string `json:"status"`
	Amount    int64  `json:"amount_fen"`
	Original  string `json:"original"`
	Reason    string `json:"reason"`
	Refunded  int64  `json:"refunded_fen"`

	ChargedBack int64 `json:"charged_back_fen"`

	Scheme  string `json:"scheme"`
	Failure struct {
		Code string `json:"code"`
	} `json:"failure"`
	Institution string `json:"institution"`
	Error       struct {
		Code  string `json:"code"`
		Field string `json:"field"`
	} `json:"error"`
	HTTP int `json:"-"`
}

// Final reports whether the status cannot change by itself any more.
func (p *Payment) Final() bool {
	return p.Status == "approved" || p.Status == "declined" || p.Status == "cancelled"
}

// errSeal is an answer whose seal does not fit.
var errSeal = errors.New("stage: the answer's seal does not fit")

// Do sends one sealed request and returns the answer's status and body.
func (c *Client) Do(method, path string, body []byte) (int, []byte, error) {
	return c.DoAt(time.Now(), method, path, body)
}

// DoAt is Do with another time in the request.
func (c *Client) DoAt(at time.Time, method, path string, body []byte) (int, []byte, error) {
	request, err := http.NewRequest(method, "http://"+c.Address+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	signature := c.Seal(request.Header, at, method, path, body)
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err
	}
	got := []byte(response.Header.Get(seal.HeaderSignature))
	if len(got) > 0 && !c.key.VerifyAnswer(got, response.StatusCode, signature, answer) {
		return 0, nil, errSeal
	}
	if len(got) == 0 && response.StatusCode < 400 {
		return 0, nil, errSeal
	}
	return response.StatusCode, answer, nil
}

// Seal puts the headers of a sealed request into header and returns the seal.
func (c *Client) Seal(header http.Header, at time.Time, method, path string, body []byte) []byte {
	clock := strconv.FormatInt(at.UnixMilli(), 10)
	signature := c.key.AppendRequest(nil, []byte(method), []byte(path), []byte(clock), body)
	header.Set(seal.HeaderInstitution, c.ID)
	header.Set(seal.HeaderKey, c.key.ID)
	header.Set(seal.HeaderTime, clock)
	header.Set(seal.HeaderSignature, string(signature))
	return signature
}

// Call sends body as JSON and reads the answer as a payment or an error.
func (c *Client) Call(method, path string, body any) (Payment, error) {
	var text []byte
	var err error
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return Payment{}, err
		}
	}
	status, answer, err := c.Do(method, path, text)
	if err != nil {
		return Payment{}, err
	}
	var p Payment
	if err := json.Unmarshal(answer, &p); err != nil {
		return p, fmt.Errorf("stage: cannot read the answer: %w", err)
	}
	p.HTTP = status
	return p, nil
}

// Pay asks for a payment.
func (c *Client) Pay(fields map[string]any) (Payment, error) {
	return c.Call("POST", "/v1/payments", fields)
}

// Find asks how a payment stands.
func (c *Client) Find(id string) (Payment, error) {
	return c.Call("GET", "/v1/payments/"+id, nil)
}

// Book reads the whole book of a member, by reference.
func (m *Member) Book() (map[string]paper.Leg, error) {
	response, err := http.Get("http://" + m.Process.Address + "/paper/book")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	book := map[string]paper.Leg{}
	for in := json.NewDecoder(response.Body); ; {
		var leg paper.Leg
		switch err := in.Decode(&leg); {
		case errors.Is(err, io.EOF):
			return book, nil
		case err != nil:
			return nil, err
		}
		book[leg.Reference] = leg
	}
}

// Questions reads every query and cancel that a member was sent, the oldest first.
func (m *Member) Questions() ([]paper.Question, error) {
	response, err := http.Get("http://" + m.Process.Address + "/paper/questions")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var list []paper.Question
	for in := json.NewDecoder(response.Body); ; {
		var q paper.Question
		switch err := in.Decode(&q); {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return nil, err
		}
		list = append(list, q)
	}
}

// Set posts text to one of a member's own paths, such as /paper/faults.
func (m *Member) Set(path, text string) error {
	response, err := http.Post("http://"+m.Process.Address+path, "text/plain", bytes.NewReader([]byte(text)))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		return fmt.Errorf("stage: %s %s: %d %s", m.ID, path, response.StatusCode, body)
	}
	return nil
}
