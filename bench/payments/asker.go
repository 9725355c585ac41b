package payments

import (
	"bufio"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// asker is a process that sends the questions. It and the sink run with the lowest priority:
// whoever asks ten thousand times a second has a machine of its own, and here takes no more
// than what the payments leave.
type asker struct {
	command *exec.Cmd
	orders  io.WriteCloser // The process's standard input.
	answers *bufio.Reader
}

// order is what an asker has to send.
type order struct {
	Address  string
	Requests [][]byte
	Want     []byte
	Together int
	Rate     float64 // Of Requests, a second.
	Clients  int
}

// asked is what came of it.
type asked struct {
	PerS  float64 // Good answers.
	P99   float64 // Milliseconds, of what leaves together.
	Fault string
}

// lowestPriority is the nice value of who takes what others leave.
const lowestPriority = 19

// stepBack gives the threads of this process, and with them those that they will start, the
// lowest priority.
func stepBack() error {
	threads, err := os.ReadDir("/proc/self/task")
	for _, thread := range threads {
		id, fault := strconv.Atoi(thread.Name())
		err = errors.Join(err, fault, syscall.Setpriority(syscall.PRIO_PROCESS, id, lowestPriority))
	}
	return err
}

// serveAsker reads an order, says when its connections stand, begins when it is told to, and
// prints what came of it.
func serveAsker() error {
	if err := stepBack(); err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	var o order
	if err := gob.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("cannot read the order: %w", err)
	}
	l := load{o.Address, o.Requests, o.Want, loadMax, o.Together}
	conns, err := l.dial(o.Clients)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := in.ReadByte(); err != nil {
		return fmt.Errorf("nobody said when to begin: %w", err)
	}
	r, err := l.send(conns, o.Rate)
	came := asked{}
	if err != nil {
		came.Fault = err.Error()
	} else {
		came.PerS, came.P99 = r.perSecond(), r.at(99)
	}
	return json.NewEncoder(os.Stdout).Encode(&came)
}

// startAsker starts the process and waits until it is ready to send.
func startAsker(o *order) (*asker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	a := &asker{command: exec.Command(self, "payments", "--as-asker")}
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
		var line string
		if line, err = a.answers.ReadString('\n'); err == nil && strings.TrimSpace(line) != "ready" {
			err = fmt.Errorf("it says %q", line)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot start the asker: %w", errors.Join(err, a.end()))
	}
	return a, nil
}

// begin makes it send.
func (a *asker) begin() error {
	_, err := a.orders.Write([]byte{'\n'})
	return err
}

// wait returns what came of the questions, when all are answered.
func (a *asker) wait() (*asked, error) {
	came := &asked{}
	err := json.NewDecoder(a.answers).Decode(came)
	if err == nil && came.Fault != "" {
		err = errors.New(came.Fault)
	}
	return came, errors.Join(err, a.orders.Close(), a.command.Wait())
}

// end ends the process before its time.
func (a *asker) end() error {
	return errors.Join(a.orders.Close(), a.command.Process.Kill(), a.command.Wait())
}
