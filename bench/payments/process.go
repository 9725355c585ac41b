package payments

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

func listenLoopback() (net.Listener, error) { return net.Listen("tcp4", "127.0.0.1:0") }

// process is a server that the benchmark started and will end.
type process struct {
	name    string
	command *exec.Cmd
	address string // host:port that it says it listens on.
}

// startupMax bounds how long a server may take to say its address.
const startupMax = 60 * time.Second

// startProcess runs a program that prints "listening http://host:port" as its first line.
func startProcess(name, program string, args ...string) (*process, error) {
	p := &process{name: name, command: exec.Command(program, args...)}
	p.command.Stderr = os.Stderr
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	lines := make(chan string, 1)
	go func() {
		scanner := bufio.NewScanner(out)
		for first := true; scanner.Scan(); first = false {
			if first {
				lines <- scanner.Text()
			}
		}
		close(lines)
	}()
	select {
	case line := <-lines:
		_, address, ok := strings.Cut(line, "listening http://")
		if ok {
			p.address = address
			return p, nil
		}
		err = fmt.Errorf("%s said %q, want its address", name, line)
	case <-time.After(startupMax):
		err = fmt.Errorf("%s did not say its address within %s", name, startupMax)
	}
	return nil, errors.Join(err, p.stop())
}

// stop ends the process: first by asking, then by force.
func (p *process) stop() error {
	if p == nil || p.command.Process == nil {
		return nil
	}
	_ = p.command.Process.Signal(syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- p.command.Wait() }()
	select {
	case <-done:
		return nil
	case <-time.After(20 * time.Second):
		_ = p.command.Process.Kill()
		<-done
		return fmt.Errorf("%s had to be killed", p.name)
	}
}
