package gateway

import (
	"context"
	"net"
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
	if err := f.gateway.Shutdown(ctx); err != nil {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}
