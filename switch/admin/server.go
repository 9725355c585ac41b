package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tongma/codec"
	"tongma/institutions/seal"
	"tongma/switch/engine"
	"tongma/switch/payment"
	"tongma/switch/settlement"
)

// HeaderPerson names who asks.
const HeaderPerson = "Tongma-Person"

// The limits of the admin API.
const (
	bodyBytesMax  = 64 << 20 // A table with its lists, packed.
	requestWindow = time.Minute
	requestMax    = 30 * time.Second // For a request to come in.
)

// Options is everything that a Server needs.
type Options struct {
	People   People // Who may call at first; see Admit.
	Tables   *Tables
	Acts     Acts
	Traffic  Traffic
	Hands    Hands
	Limits   Limits
	Repairs  Repairs
	Accounts Accounts
	Entries  Entries
	Windows  *settlement.Desk      // Nil where there are none.
	Decoder  func() *codec.Decoder // Of the rules in force.
	Logger   *zap.Logger
}

// Server serves the admin API.
type Server struct {
	options   Options
	people    atomic.Pointer[People]
	server    http.Server
	began     time.Time // What was signed before is refused: nobody remembers whether it was taken.
	mu        sync.Mutex
	seen      map[string]time.Time // Signatures of the last window: each is taken once.
	deciding  sync.Mutex           // Nobody decides while another does, or proposes otherwise.
	replays   chan struct{}        // A place for the one replay at a time.
	histories chan struct{}        // And for the one who reads an account's history.
	repairs   repairing
}

// New makes a server; Serve sets it going.
func New(options Options) *Server {
	s := &Server{options: options, began: time.Now().Truncate(time.Millisecond), seen: map[string]time.Time{}, replays: make(chan struct{}, 1), histories: make(chan struct{}, 1),
		repairs: repairing{at: map[string]struct{}{}}}
	s.Admit(options.People)
	mux := http.NewServeMux()
	for _, op := range operations {
		mux.HandleFunc(op.pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, &op) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, &operation{do: nowhere}) })
	s.server = http.Server{
		Handler: mux, ReadHeaderTimeout: requestMax, ReadTimeout: requestMax,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: zap.NewStdLog(options.Logger), // A fault of our own keeps its stack.
	}
	return s
}

// Admit lets people call from now on, and nobody else.
func (s *Server) Admit(people People) { s.people.Store(&people) }

// Serve serves until Shutdown.
func (s *Server) Serve(listener net.Listener) error {
	if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown takes no more requests and waits for those at work, or until ctx is done.
func (s *Server) Shutdown(ctx context.Context) error { return s.server.Shutdown(ctx) }

// call is one request whose person is known.
type call struct {
	*Server
	person *Person
	body   []byte
	http   *http.Request
	now    time.Time
}

// operation is one thing that can be asked.
type operation struct {
	pattern string
	what    string // Of the act; empty for what changes nothing.
	role    Role
	do      func(c *call, a *engine.Act) (any, error)
}

func nowhere(*call, *engine.Act) (any, error) {
	return nil, &Refusal{PathUnknown, "there is nothing at this path of the admin API"}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, op *operation) {
	c := &call{Server: s, http: r, now: time.Now()}
	answer, err := c.run(w, op)
	status := http.StatusOK
	if err != nil {
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			s.options.Logger.Error("admin: a request met a fault of our own", zap.Error(err))
			refusal = &Refusal{Code: "internal_error"}
		}
		if status = statuses[refusal.Code]; status == 0 {
			status = http.StatusInternalServerError
		}
		answer = struct {
			Error *Refusal `json:"error"`
		}{refusal}
	}
	c.answer(w, status, answer)
}

func (c *call) answer(w http.ResponseWriter, status int, answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":{"code":"internal_error"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	if c.person != nil {
		request := []byte(c.http.Header.Get(seal.HeaderSignature))
		w.Header().Set(seal.HeaderSignature, string(c.person.key.AppendAnswer(nil, status, request, text)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(text) // The person has gone; what was done is in the journal.
}

// run authenticates and does what is asked. What is refused to a known person is an act
// of the journal; what nobody signed is a refusal like any other, bounded in number.
func (c *call) run(w http.ResponseWriter, op *operation) (any, error) {
	var err error
	c.body, err = io.ReadAll(http.MaxBytesReader(w, c.http.Body, bodyBytesMax))
	if err != nil {
		return nil, &Refusal{BodyInvalid, "cannot be read within its limits"}
	}
	if refusal := c.authenticate(); refusal != nil {
		c.options.Acts.Refused(engine.Refused{
			Institution: "admin:" + c.http.Header.Get(HeaderPerson)[:min(len(c.http.Header.Get(HeaderPerson)), nameBytesMax)],
			Path:        clip(c.http.URL.Path), Failure: payment.SignatureInvalid, Time: c.now.UTC(),
			Claimed: refusal.Code == SignatureMissing || refusal.Code == SignatureInvalid,
		})
		return nil, refusal
	}
	act := &engine.Act{Time: c.now.UTC(), Who: c.person.Name, What: op.what, Subject: c.http.PathValue("digest")}
	if !c.person.Has(op.role) && op.role != "" {
		refusal := &Refusal{RoleMissing, "want " + string(op.role)}
		if op.what == "" {
			return nil, refusal
		}
		return nil, c.options.Tables.refused(act, refusal)
	}
	return op.do(c, act)
}

// authenticate checks who asks, when, and that it was not asked before.
func (c *call) authenticate() *Refusal {
	h := c.http.Header
	signature, sent := h.Get(seal.HeaderSignature), h.Get(seal.HeaderTime)
	if signature == "" || h.Get(HeaderPerson) == "" {
		return &Refusal{Code: SignatureMissing}
	}
	person := (*c.people.Load())[h.Get(HeaderPerson)]
	if person == nil || !person.key.VerifyRequest([]byte(signature), []byte(c.http.Method),
		[]byte(c.http.URL.RequestURI()), []byte(sent), c.body) {
		return &Refusal{Code: SignatureInvalid}
	}
	ms, err := strconv.ParseInt(sent, 10, 64)
	signed := time.UnixMilli(ms)
	if age := c.now.Sub(signed).Abs(); err != nil || age > requestWindow {
		return &Refusal{Code: TimeOutsideWindow}
	}
	if signed.Before(c.began) {
		return &Refusal{TimeOutsideWindow, "signed before this start of the switch"}
	}
	c.person = person
	return c.once(signature)
}

// once refuses a request that was taken before.
func (c *call) once(signature string) *Refusal {
	c.mu.Lock()
	defer c.mu.Unlock()
	for old, at := range c.seen {
		if c.now.Sub(at) > 2*requestWindow {
			delete(c.seen, old)
		}
	}
	if _, again := c.seen[signature]; again {
		return &Refusal{Code: RequestRepeated}
	}
	c.seen[signature] = c.now
	return nil
}

// read takes the body apart into form; an empty body is an empty form.
func (c *call) read(form any) error {
	if len(c.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, form); err != nil {
		return &Refusal{BodyInvalid, "is not the JSON that is wanted"}
	}
	return nil
}
