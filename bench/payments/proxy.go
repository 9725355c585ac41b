package payments

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// serveProxy is the yardstick: a bare fasthttp proxy that parses nothing, checks
// nothing and keeps nothing; it hands each request to the institution and the answer
// back.
func serveProxy(target string) error {
	client := &fasthttp.HostClient{
		Addr:                          target,
		MaxConns:                      4096,
		MaxIdleConnDuration:           time.Minute,
		ReadTimeout:                   10 * time.Second,
		WriteTimeout:                  10 * time.Second,
		NoDefaultUserAgentHeader:      true,
		DisableHeaderNamesNormalizing: true,
		DisablePathNormalizing:        true,
		MaxIdemponentCallAttempts:     1,
	}
	return serve(func(ctx *fasthttp.RequestCtx) {
		if err := client.Do(&ctx.Request, &ctx.Response); err != nil {
			ctx.Error(err.Error(), fasthttp.StatusBadGateway)
		}
	})
}

// serveSink answers every request at once with as much as the switch says of a payment; it
// knows nothing and checks nothing.
func serveSink() error {
	if err := stepBack(); err != nil {
		return err
	}
	body := append([]byte(`{"status":"approved","padding":"`), bytes.Repeat([]byte("x"), sinkBytes)...)
	body = append(body, '"', '}')
	return serve(func(ctx *fasthttp.RequestCtx) { ctx.Response.SetBodyRaw(body) })
}

// sinkBytes makes the sink's answers as long as the switch's, about.
const sinkBytes = 400

// serve prints its address first and runs until it is told to end.
func serve(handler fasthttp.RequestHandler) error {
	server := &fasthttp.Server{
		Handler:                       handler,
		NoDefaultServerHeader:         true,
		NoDefaultDate:                 true,
		DisableHeaderNamesNormalizing: true,
		Concurrency:                   8192,
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-stop
		_ = server.Shutdown()
	}()
	fmt.Printf("listening http://%s\n", listener.Addr())
	return server.Serve(listener)
}
