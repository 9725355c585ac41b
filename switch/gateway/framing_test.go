package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tongma/institutions/seal"
	"tongma/switch/payment"
)

// raw sends bytes as they are and returns the first answer's status and error code, and
// whether the switch closed the connection after it.
func (f *fixture) raw(text string) (status int, code string, closed bool) {
	f.t.Helper()
	connection, err := net.Dial("tcp", f.address)
	if err != nil {
		f.t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
		f.t.Fatal(err)
	}
	if _, err := io.WriteString(connection, text); err != nil {
		f.t.Fatal(err)
	}
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		f.t.Fatalf("%.80q: %v", text, err)
	}
	var answer struct {
		Error struct{ Code string } `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		f.t.Fatalf("%.80q: %v", text, err)
	}
	_, err = reader.ReadByte()
	return response.StatusCode, answer.Error.Code, err == io.EOF
}

// head is a good request's first line and headers as text, but for those of its framing.
func (f *fixture) head(method, path, body string) string {
	clock := fmt.Sprint(time.Now().UnixMilli())
	signature := f.key.AppendRequest(nil, []byte(method), []byte(path), []byte(clock), []byte(body))
	return method + " " + path + " HTTP/1.1\r\nHost: switch\r\n" + seal.HeaderInstitution + ": " + institution + "\r\n" +
		seal.HeaderKey + ": k1\r\n" + seal.HeaderTime + ": " + clock + "\r\n" +
		seal.HeaderSignature + ": " + string(signature) + "\r\n"
}

// signed is a good payment as text, with the headers and the body's framing of the caller.
func (f *fixture) signed(path, framing, framed, body string) string {
	return f.head("POST", path, body) + framing + "\r\n\r\n" + framed
}

// TestFraming sends requests that two readers could cut in two ways: none is taken, and
// the connection ends with the refusal.
func TestFraming(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	body := pay("")
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	length := fmt.Sprintf("Content-Length: %d", len(body))
	refused := func(framing, framed string) {
		t.Helper()
		f.engine.last = nil
		status, code, closed := f.raw(f.signed("/v1/payments", framing, framed, body))
		if status != 400 || !closed {
			t.Errorf("%q: %d %s, closed %t, want 400 and closed", framing, status, code, closed)
		}
		if f.engine.last != nil {
			t.Errorf("%q: it reached the engine", framing)
		}
	}
	refused(length+"\r\nTransfer-Encoding: chunked", chunked)
	refused("Transfer-Encoding: chunked\r\n"+length, chunked)
	refused("transfer-encoding: chunked\r\ncontent-length : 5", chunked)
	refused("Transfer-Encoding: identity\r\n"+length, body)
	refused("Transfer-Encoding: identity", body)
	refused("X-Note: a\r\n Content-Length: 5\r\n"+length, body)
	refused("X-Note: a\r\n\tb\r\n"+length, body)
	refused(length+"\r\nContent-Length: 5", body)
	if status, code, closed := f.raw(f.signed("/v1/payments", "Transfer-Encoding: chunked", "0\r\n\r\n", "")); status != 400 || code == "framing_invalid" || closed {
		t.Errorf("an empty body in chunks: %d %s, closed %t; want its own fault", status, code, closed)
	}
	if status, code, _ := f.raw(f.signed("/v1/payments", "Connection: close\r\nTransfer-Encoding: chunked", chunked, body)); status != 200 {
		t.Errorf("a chunked body alone: %d %s, want 200", status, code)
	}
	if f.engine.last == nil {
		t.Error("a chunked body alone did not reach the engine")
	}
}

// TestHeadersTooLarge names what is too large: the headers, not the body.
func TestHeadersTooLarge(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	status, code, _ := f.raw("GET /health HTTP/1.1\r\nHost: switch\r\nX-Long: " + strings.Repeat("x", 9000) + "\r\n\r\n")
	if want := payment.HeadersTooLarge; status != want.HTTPStatus() || code != want.Code() {
		t.Errorf("%d %s, want %d %s", status, code, want.HTTPStatus(), want)
	}
}

// TestLateRequest names what is wrong with a request that never comes whole, and with a
// connection that brings none: nothing is malformed, and nothing is recorded.
func TestLateRequest(t *testing.T) {
	limits := DefaultLimits()
	limits.ReadTimeout = 50 * time.Millisecond
	f := newFixture(t, limits)
	for _, text := range []string{"", "GET /hea", "POST /v1/payments HTTP/1.1\r\nHost: switch\r\nContent-Length: 9\r\n\r\n{"} {
		status, code, closed := f.raw(text)
		if want := payment.RequestTimeout; status != want.HTTPStatus() || code != want.Code() || !closed {
			t.Errorf("%q: %d %s, closed %t, want %d %s and closed", text, status, code, closed, want.HTTPStatus(), want)
		}
	}
	if n := len(f.engine.refused); n != 0 {
		t.Errorf("%d refusals are recorded", n)
	}
}

// TestWhoHasGoneIsNotRecorded: probes connect and reset, callers break off, and a stop closes
// connections that brought nothing. Nobody sent anything that was refused.
func TestWhoHasGoneIsNotRecorded(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	for _, text := range []string{"", "GET /hea", "POST /v1/payments HTTP/1.1\r\nHost: switch\r\nContent-Length: 9\r\n\r\n{"} {
		for linger := range 2 { // 0 resets, 1 closes.
			conn, err := net.Dial("tcp", f.address)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).SetLinger(linger); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond) // It is being read.
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	spare, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer spare.Close()
	time.Sleep(50 * time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := f.gateway.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	f.engine.mu.Lock()
	defer f.engine.mu.Unlock()
	for _, note := range f.engine.refused {
		t.Errorf("a refusal is recorded: %s at %q", note.Failure, note.Path)
	}
}

// TestPathsHaveNoAliases: a path that a reader between us could read as another one is
// nothing here.
func TestPathsHaveNoAliases(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	body := pay("")
	for _, path := range []string{"/v1//payments", "/v1/%70ayments", "/v1/x/../payments", "/v1/payments/",
		"/v1/payments?a=b", "//v1/payments", "/v1/./payments", "/V1/payments", "http://switch/v1/payments",
		"/v1/payments/P000001J0000000000000000000TEST%2fcancel", "/v1/payments/P000001J0000000000000000000TEST/cancel/",
		"/v1/payments/P000001J0000000000000000000TEST/cancel?a=b", "/v1/decode#", "/v1/payments;a=b"} {
		f.engine.last = nil
		framing := fmt.Sprintf("Connection: close\r\nContent-Length: %d", len(body))
		status, code, _ := f.raw(f.signed(path, framing, body, body))
		if status != 404 || f.engine.last != nil {
			t.Errorf("%s: %d %s, reached the engine: %t, want 404", path, status, code, f.engine.last != nil)
		}
	}
}

// TestRepeatOutlivesTheTable: a request that was taken keeps its answer, also when the
// table of today would refuse it; with other content it is a conflict.
func TestRepeatOutlivesTheTable(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	old := `{"request_id":"r1","code":"https://i.qianbao.qq.com/wallet/sqrcode.htm?a=1","amount_fen":100}`
	if status, body := f.send(wire{body: old}); status != 422 || !strings.Contains(string(body), "no_route") {
		t.Fatalf("%d %s, want no_route: the table has changed", status, body)
	}
	d := &desk{gateway: f.gateway}
	d.path, d.body = "/v1/payments", old
	d.ctx = newPost()
	taken := payment.Payment{Kind: payment.Pay, Institution: institution, RequestID: "r1", Digest: d.digest(), Amount: 100, Currency: "156"}
	f.engine.remember(taken)
	if status, body := f.send(wire{body: old}); status != 200 || !strings.Contains(string(body), `"status":"approved"`) {
		t.Errorf("%d %s, want the answer of then", status, body)
	}
	other := strings.Replace(old, ":100", ":101", 1)
	if status, body := f.send(wire{body: other}); status != 409 || !strings.Contains(string(body), "request_conflict") {
		t.Errorf("%d %s, want a conflict", status, body)
	}
	if status, body := f.send(wire{body: old, caller: "kitewallet"}); status != 422 {
		t.Errorf("%d %s, want no_route: another caller's request id is its own", status, body)
	}
}
