package payments

import (
	"bufio"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// asker is a process that sends the questions. It and the sink stand behind all others: whoever
// asks ten thousand times a second has a machine of its own, and here takes the cores that the
// payments leave. The disk of a virtual machine feels it all the same (results.md).
type asker struct {
	command *exec.Cmd
	orders  io.WriteCloser // The process's standard input.
	answers *bufio.Reader
}

// order is what an asker has to send each time it is told to.
type order struct {
	Address  string
	Requests [][]byte
	Want     []byte
	Together int
	Rate     float64 // Of Requests, a second.
	Clients  int
}

// asked is what came of it once.
type asked struct {
	PerS  float64 // Good answers.
	P99   float64 // Milliseconds, of what leaves together.
	Late  float64 // Milliseconds from when all should have left to the last answer.
	Fault string
}

func (a *asked) perS() float64 { return a.PerS }
func (a *asked) p99() float64  { return a.P99 }

// serveAsker reads an order and says that it is ready. Each time it is told to, it sends all of
// it and prints what came of that, until its input ends.
func serveAsker() error {
	if err := stepBack(); err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	var o order
	if err := gob.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("cannot read the order: %w", err)
	}
	for {
		fmt.Println("ready")
		if _, err := in.ReadByte(); err != nil {
			return nil // Nobody wants to know more.
		}
		came, err := o.carryOut()
		if err != nil {
			came = &asked{Fault: err.Error()}
		}
		if err := json.NewEncoder(os.Stdout).Encode(came); err != nil {
			return err
		}
	}
}

// carryOut sends all of it once. The connections are new: a server keeps none for long that
// nobody uses.
func (o *order) carryOut() (*asked, error) {
	l := load{o.Address, o.Requests, o.Want, loadMax, o.Together}
	conns, err := l.dial(o.Clients)
	if err != nil {
		return nil, err
	}
	s := l.begin(o.Rate)
	r, err := s.send(conns)
	if err != nil {
		return nil, err
	}
	turn := s.due(len(o.Requests)) // The last one leaves before its end.
	perS := float64(r.done) / max(r.elapsed, turn).Seconds()
	return &asked{PerS: perS, P99: r.at(99), Late: max(r.elapsed-turn, 0).Seconds() * 1e3}, nil
}

// startAsker starts the process, which ends with ctx, and waits until it is ready to send.
func startAsker(ctx context.Context, o *order) (*asker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	a := &asker{command: exec.CommandContext(ctx, self, "payments", "--as-asker")}
	a.command.Stderr = os.Stderr
	if a.orders, err = a.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := a.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.answers = bufio.NewReader(out)
	if err := a.command.Start(); err != nil {
		return nil, err
	}
	if err = gob.NewEncoder(a.orders).Encode(o); err == nil {
		err = a.ready()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot start the asker: %w", errors.Join(err, a.end()))
	}
	return a, nil
}

// ready waits until it says so.
func (a *asker) ready() error {
	line, err := a.answers.ReadString('\n')
	if err == nil && strings.TrimSpace(line) != "ready" {
		err = fmt.Errorf("it says %q", line)
	}
	return err
}

// begin makes it send.
func (a *asker) begin() error {
	_, err := a.orders.Write([]byte{'\n'})
	return err
}

// wait returns what came of the questions, when all are answered and it could begin again.
func (a *asker) wait() (*asked, error) {
	line, err := a.answers.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	came := &asked{}
	if err := json.Unmarshal(line, came); err != nil {
		return nil, err
	}
	if came.Fault != "" {
		return nil, errors.New(came.Fault)
	}
	return came, a.ready()
}

// end ends the process.
func (a *asker) end() error {
	return errors.Join(a.orders.Close(), a.command.Wait())
}
