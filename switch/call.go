package main

import (
	"fmt"
	"strings"
	"time"

	"tongma/institutions/seal"
	"tongma/switch/stage"
)

// callCommand sends one sealed request to a switch.
type callCommand struct {
	Switch string `help:"Address of the switch." default:"127.0.0.1:8080"`
	As     string `required:"" help:"Id of the institution that calls."`
	Keys   string `help:"Key file, YAML, with the institution's key: the switch's own, or one of its form." default:"keys.yaml" type:"existingfile"`
	Method string `arg:"" enum:"GET,POST" help:"GET or POST."`
	Path   string `arg:"" help:"What is called, such as /v1/payments; the API is described at /openapi.json."`
	Body   string `arg:"" optional:"" help:"The request's JSON."`
}

// Run prints the answer and exits 1 where the switch said no.
func (c *callCommand) Run() error {
	ring, err := seal.LoadRing(c.Keys)
	if err != nil {
		return err
	}
	key := ring.Signing(c.As, time.Now())
	if key == nil {
		return fmt.Errorf("no key of %q in %s is in force", c.As, c.Keys)
	}
	address := strings.TrimSuffix(strings.TrimPrefix(c.Switch, "http://"), "/")
	if strings.Contains(address, "/") {
		return fmt.Errorf("--switch %s: want host:port, or http:// before it", c.Switch)
	}
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, " #") {
		return fmt.Errorf("path %q: want one such as /v1/payments, percent-encoded", c.Path)
	}
	client := stage.NewClient(address, c.As, key)
	status, answer, err := client.Do(c.Method, c.Path, []byte(c.Body))
	if err != nil {
		return err
	}
	fmt.Println(string(answer))
	if status >= 400 {
		return &exitError{code: 1, message: fmt.Sprintf("the switch answered with status %d", status)}
	}
	return nil
}
