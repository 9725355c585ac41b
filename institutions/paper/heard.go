package paper

import (
	"bytes"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"

	"tongma/institutions/seal"
)

// pathOutcomes is where the switch tells how payments ended.
const pathOutcomes = "/v1/outcomes"

// heard is what the switch announced, in the order in which it was acknowledged.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) add(line []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, string(bytes.TrimSpace(line)))
}

func (h *heard) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.lines, "\n")
}

// hear takes an announcement, unless a fault on "outcome" is switched on: then it is lost, or
// taken and not acknowledged.
func (s *Server) hear(ctx *fasthttp.RequestCtx, key *seal.Key, signature []byte) {
	body := ctx.PostBody()
	if fault := s.faults.strike("outcome"); fault != nil {
		switch fault.Name {
		case "silent":
			s.heard.add(body)
			<-s.hung
			return
		case "wrong_seal":
			signature = signature[1:]
		default:
			ctx.Error("out of order", fasthttp.StatusInternalServerError)
			return
		}
	}
	s.heard.add(body)
	answer := []byte("{}")
	ctx.Response.SetBodyRaw(answer)
	var text [seal.Size]byte
	ctx.Response.Header.Set(seal.HeaderKey, key.ID)
	ctx.Response.Header.SetBytesV(seal.HeaderSignature, key.AppendAnswer(text[:0], 200, signature, answer))
}
