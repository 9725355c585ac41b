// Package stage sets up a whole network of real processes on loopback: institutions made
// of memory, a switch, keys, register, table and configuration in one directory; and a
// client that signs as one of them. The demonstration, the tests of the whole and the
// benchmarks play on it.
//
// It knows the commands of the switch's binary and the API. It may not know what is
// inside the switch.
package stage

import (
	"bufio"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tongma/institutions/seal"
)

// Register and Table are those of the demonstration network.
var (
	//go:embed register.yaml
	Register string
	//go:embed table.yaml
	Table string
)

// SwitchID is the switch's own id towards institutions.
const SwitchID = "tongma"

// keyID names every key of a stage.
const keyID = "stage-1"

// Stage is one network.
type Stage struct {
	Directory string // Of keys, configuration and journal; the stage's own.
	Binary    string // The switch's binary.
	Switch    *Process
	Members   []*Member
	Stderr    *os.File // Where processes complain; nil keeps them quiet.

	secrets map[string][]byte
}

// Member is one institution of the network.
type Member struct {
	ID       string
	Pipeline bool
	Extra    string // Further lines of its configuration, YAML, indented by four spaces.
	Process  *Process
}

// Process is a server that the stage started and will end.
type Process struct {
	Address string // host:port
	command *exec.Cmd
	ended   chan struct{}
}

// New makes an empty network in directory.
func New(directory, binary string) *Stage {
	return &Stage{Directory: directory, Binary: binary, secrets: map[string][]byte{}}
}

// secret is the key that institution shares with the switch.
func (s *Stage) secret(institution string) []byte {
	if s.secrets[institution] == nil {
		s.secrets[institution] = seal.NewSecret()
	}
	return s.secrets[institution]
}

// writeKeys writes a key file that gives each id a secret.
func (s *Stage) writeKeys(name string, secrets map[string][]byte) (string, error) {
	var text strings.Builder
	text.WriteString("keys:\n")
	for id, secret := range secrets {
		file := name + "-" + id + ".key"
		fmt.Fprintf(&text, "  - {institution: %s, id: %s, secret_file: %s}\n", id, keyID, file)
		if err := s.write(file, hex.EncodeToString(secret)); err != nil {
			return "", err
		}
	}
	return filepath.Join(s.Directory, name+".yaml"), s.write(name+".yaml", text.String())
}

func (s *Stage) write(name, text string) error {
	return os.WriteFile(filepath.Join(s.Directory, name), []byte(text), 0o600)
}

// Add starts an institution with the faults given as its command takes them. It also
// knows the keys of callers, so that these can reach it without the switch.
func (s *Stage) Add(member *Member, callers []string, faults ...string) error {
	secrets := map[string][]byte{SwitchID: s.secret(member.ID)}
	for _, caller := range callers {
		secrets[caller] = s.secret(caller)
	}
	keys, err := s.writeKeys("keys-"+member.ID, secrets)
	if err != nil {
		return err
	}
	args := []string{"institution", "--id", member.ID, "--keys", keys}
	for _, fault := range faults {
		args = append(args, "--fault", fault)
	}
	if member.Process, err = s.start(args...); err != nil {
		return fmt.Errorf("stage: cannot start %s: %w", member.ID, err)
	}
	s.Members = append(s.Members, member)
	return nil
}

// StartSwitch writes the configuration, with extra lines of YAML at its end, and starts
// the switch, on a free port or on the one that it had before.
func (s *Stage) StartSwitch(extra string) error {
	for _, id := range registered(Register) {
		s.secret(id)
	}
	if _, err := s.writeKeys("keys", s.secrets); err != nil {
		return err
	}
	listen := "127.0.0.1:0"
	if s.Switch != nil {
		listen = s.Switch.Address
	}
	text := fmt.Sprintf("listen: %s\ninstitution: %s\njournal: journal\nlog_level: error\ndisk_free_min: 67108864\n%s\ninstitutions:\n", listen, SwitchID, extra)
	for _, m := range s.Members {
		text += fmt.Sprintf("  - id: %s\n    address: http://%s\n    pipeline: %t\n%s", m.ID, m.Process.Address, m.Pipeline, m.Extra)
	}
	if err := errors.Join(s.write("register.yaml", Register), s.write("table.yaml", Table), s.write("tongma.yaml", text)); err != nil {
		return err
	}
	process, err := s.start("serve", "--config", filepath.Join(s.Directory, "tongma.yaml"))
	if err != nil {
		return fmt.Errorf("stage: cannot start the switch: %w", err)
	}
	s.Switch = process
	return nil
}

// registered lists the ids of a register, line by line.
func registered(text string) []string {
	var ids []string
	for line := range strings.Lines(text) {
		if _, rest, ok := strings.Cut(line, "{id: "); ok {
			id, _, _ := strings.Cut(rest, ",")
			ids = append(ids, id)
		}
	}
	return ids
}

// startMax bounds how long a process may take to say where it listens.
const startMax = 60 * time.Second

func (s *Stage) start(args ...string) (*Process, error) { return Start(s.Binary, s.Stderr, args...) }

// Start runs a program and waits for its line "listening http://host:port". Its
// complaints go to stderr, if that is not nil.
func Start(binary string, stderr *os.File, args ...string) (*Process, error) {
	p := &Process{command: exec.Command(binary, args...), ended: make(chan struct{})}
	if stderr != nil {
		p.command.Stderr = stderr
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	first := make(chan string, 1)
	go func() {
		scanner := bufio.NewScanner(out)
		if scanner.Scan() {
			first <- scanner.Text()
		}
		for scanner.Scan() {
		}
		_ = p.command.Wait()
		close(p.ended)
	}()
	select {
	case line := <-first:
		address, ok := strings.CutPrefix(line, "listening http://")
		if ok {
			p.Address = address
			return p, nil
		}
		err = fmt.Errorf("it says %q, want its address", line)
	case <-p.ended:
		err = errors.New("it ended at once")
	case <-time.After(startMax):
		err = fmt.Errorf("it did not say its address within %s", startMax)
	}
	p.Kill()
	return nil, err
}

// Stop asks the process to end and waits for it, at most 30 s; then it is killed.
func (p *Process) Stop() error {
	if p == nil {
		return nil
	}
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		p.Kill()
		return fmt.Errorf("stage: process %d had to be killed", p.command.Process.Pid)
	}
	if code := p.command.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("stage: process %d ended with exit code %d", p.command.Process.Pid, code)
	}
	return nil
}

// Kill ends the process at once, as a power cut would.
func (p *Process) Kill() {
	if p == nil {
		return
	}
	_ = p.command.Process.Kill()
	<-p.ended
}

// PID is the process's id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Close ends every process of the network: the switch first.
func (s *Stage) Close() error {
	err := s.Switch.Stop()
	for _, m := range s.Members {
		err = errors.Join(err, m.Process.Stop())
	}
	return err
}
