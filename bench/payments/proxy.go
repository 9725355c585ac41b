package payments

import (
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
// back. It prints its address first and runs until it is told to end.
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
	server := &fasthttp.Server{
		Handler: func(ctx *fasthttp.RequestCtx) {
			if err := client.Do(&ctx.Request, &ctx.Response); err != nil {
				ctx.Error(err.Error(), fasthttp.StatusBadGateway)
			}
		},
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
