package gateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestStopDoesNotWaitForUnusedConnections: a connection that brought no request, or half of
// one, does not hold a stop up.
func TestStopDoesNotWaitForUnusedConnections(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	for _, text := range []string{"", "POST /v1/payments HTTP/1.1\r\nHost: a\r\n"} {
		conn, err := net.Dial("tcp", f.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if status, body := f.send(wire{method: "GET", path: "/health"}); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	time.Sleep(50 * time.Millisecond) // Both are accepted.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	began := time.Now()
	if err := f.gateway.Shutdown(ctx); err != nil || ctx.Err() != nil {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

// TestStopLeavesHalfARequest: a connection that was used and then brings half a request holds a
// stop up until its end, and is no fault.
func TestStopLeavesHalfARequest(t *testing.T) {
	f := newFixture(t, DefaultLimits())
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != 200 {
		t.Fatal(response, err)
	}
	if _, err := io.WriteString(conn, "POST /v1/payments HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // It is being read.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := f.gateway.Shutdown(ctx); err != nil || ctx.Err() == nil {
		t.Errorf("%v, with the end at hand: %v", err, ctx.Err())
	}
}
