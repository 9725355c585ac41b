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
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// asker is a process that sends the questions. It and the sink run only when nobody else wants
// the core: whoever asks ten thousand times a second has a machine of its own, and here takes
// no more than what the payments leave.
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
	Fault string
}

// stepBack puts the threads of this process, and with them those that they will start, behind
// all others (sched(7), SCHED_IDLE). The lowest nice value is not enough: a thread that has the
// core keeps it for its slice, 1.4 ms on two cores, whoever wakes. One of them is enough: more
// look for work of each other and take turns.
func stepBack() error {
	runtime.GOMAXPROCS(1)
	threads, err := os.ReadDir("/proc/self/task")
	for _, thread := range threads {
		id, fault := strconv.Atoi(thread.Name())
		idle := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}
		err = errors.Join(err, fault, unix.SchedSetAttr(id, idle, 0))
	}
	return err
}

// serveAsker reads an order and says when its connections stand. Each time it is told to, it
// sends all of it and prints what came of that, until its input ends.
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
	for {
		conns, err := l.dial(o.Clients)
		if err != nil {
			return err
		}
		fmt.Println("ready")
		if _, err := in.ReadByte(); err != nil {
			return nil // Nobody wants to know more.
		}
		r, err := l.begin(o.Rate).send(conns)
		came := asked{}
		if err != nil {
			came.Fault = err.Error()
		} else {
			came.PerS, came.P99 = r.perSecond(), r.at(99)
		}
		if err := json.NewEncoder(os.Stdout).Encode(&came); err != nil {
			return err
		}
	}
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
		err = a.ready()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot start the asker: %w", errors.Join(err, a.end()))
	}
	return a, nil
}

// ready waits until its connections stand.
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

// end ends the process; nil has none.
func (a *asker) end() error {
	if a == nil {
		return nil
	}
	return errors.Join(a.orders.Close(), a.command.Wait())
}
