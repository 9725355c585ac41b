// Package seal authenticates messages between the switch and institutions, both ways:
// HMAC-SM3 under a key per institution. An answer's seal covers its request's seal, so
// that an answer cannot be put in another's place.
//
// It knows keys and bytes. It may not know what a message means or how it travels.
package seal

import (
	"crypto/hmac"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"sync"
	"time"

	"github.com/emmansun/gmsm/sm3"
)

// The headers of a sealed message. Names are written as they go over the wire.
const (
	HeaderInstitution = "Tongma-Institution" // Who sends the request.
	HeaderKey         = "Tongma-Key"         // Which of its keys sealed it.
	HeaderTime        = "Tongma-Time"        // Unix milliseconds UTC, decimal.
	HeaderSignature   = "Tongma-Signature"   // The seal: 64 characters of lower-case hex.
)

// Size is the number of characters of a seal.
const Size = 2 * sm3.Size

// Key is one shared secret of an institution.
type Key struct {
	ID        string
	NotBefore time.Time // Zero for always.
	NotAfter  time.Time // Zero for ever.
	macs      sync.Pool // Of *mac, keyed with the secret.
}

// mac is a keyed hash with its own scratch space, used by one goroutine at a time.
type mac struct {
	hash hash.Hash
	sum  [sm3.Size]byte
	text []byte
}

// NewKey makes a key of secret, which should have 16 bytes or more.
func NewKey(id string, secret []byte) *Key {
	own := append([]byte(nil), secret...)
	k := &Key{ID: id}
	k.macs.New = func() any { return &mac{hash: hmac.New(sm3.New, own)} }
	return k
}

// Valid reports whether k may be used at now.
func (k *Key) Valid(now time.Time) bool {
	return !now.Before(k.NotBefore) && (k.NotAfter.IsZero() || now.Before(k.NotAfter))
}

// AppendRequest appends the seal of a request to dst: HMAC-SM3, in hex, over method,
// path with its query, time as it stands in the header, and body, with a newline after
// each of the first three.
func (k *Key) AppendRequest(dst []byte, method, path, time, body []byte) []byte {
	m := k.macs.Get().(*mac)
	m.request(method, path, time, body)
	dst = hex.AppendEncode(dst, m.sum[:])
	k.macs.Put(m)
	return dst
}

// VerifyRequest reports, in constant time, whether signature is the seal of the request.
func (k *Key) VerifyRequest(signature, method, path, time, body []byte) bool {
	m := k.macs.Get().(*mac)
	m.request(method, path, time, body)
	ok := m.equals(signature)
	k.macs.Put(m)
	return ok
}

// AppendAnswer appends the seal of an answer to dst: over the word "answer", the HTTP
// status, the request's seal and the body, with a newline after each of the first three.
func (k *Key) AppendAnswer(dst []byte, status int, request, body []byte) []byte {
	m := k.macs.Get().(*mac)
	m.answer(status, request, body)
	dst = hex.AppendEncode(dst, m.sum[:])
	k.macs.Put(m)
	return dst
}

// VerifyAnswer reports, in constant time, whether signature is the seal of the answer.
func (k *Key) VerifyAnswer(signature []byte, status int, request, body []byte) bool {
	m := k.macs.Get().(*mac)
	m.answer(status, request, body)
	ok := m.equals(signature)
	k.macs.Put(m)
	return ok
}

// request and answer gather the text first: one call of the hash is cheaper than seven.
func (m *mac) request(method, path, time, body []byte) {
	m.text = append(append(m.text[:0], method...), '\n')
	m.text = append(append(m.text, path...), '\n')
	m.text = append(append(m.text, time...), '\n')
	m.finish(body)
}

func (m *mac) answer(status int, request, body []byte) {
	m.text = append(m.text[:0], "answer\n"...)
	m.text = append(m.text, '0'+byte(status/100%10), '0'+byte(status/10%10), '0'+byte(status%10), '\n')
	m.text = append(append(m.text, request...), '\n')
	m.finish(body)
}

func (m *mac) finish(body []byte) {
	m.text = append(m.text, body...)
	m.hash.Reset()
	m.hash.Write(m.text)
	m.hash.Sum(m.sum[:0])
}

func (m *mac) equals(signature []byte) bool {
	var text [Size]byte
	hex.Encode(text[:], m.sum[:])
	return subtle.ConstantTimeCompare(text[:], signature) == 1
}
