package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tongma/bench/figures"
)

// errMissing says that this machine has no PostgreSQL.
var errMissing = errors.New("initdb, postgres, psql or pgbench of Debian's package postgresql is not installed")

// schema is the usual way to move money in a database: one function, one transaction, the
// rows locked in the order of their keys so that two transfers never wait for each other in
// a circle, the balance checked under the lock, both entries written.
const schema = `
create table account (id int primary key, balance bigint not null, debit_cap bigint not null);
create table transfer (id bigserial primary key, payer int not null, payee int not null, amount bigint not null, at timestamptz not null default now());
create table posting (transfer bigint not null, account int not null, amount bigint not null);
insert into account values (1, 0, 1000000000000000), (2, 0, 1000000000000000);
create function pay(payer_id int, payee_id int, sum bigint) returns bigint language plpgsql as $$
declare t bigint; rest bigint;
begin
  perform 1 from account where id in (payer_id, payee_id) order by id for update;
  select balance + debit_cap into rest from account where id = payer_id;
  if rest < sum then raise exception 'liquidity_short'; end if;
  update account set balance = balance - sum where id = payer_id;
  update account set balance = balance + sum where id = payee_id;
  insert into transfer (payer, payee, amount) values (payer_id, payee_id, sum) returning id into t;
  insert into posting values (t, payer_id, -sum), (t, payee_id, sum);
  return t;
end $$;`

const (
	postgresRounds  = 3
	postgresClients = 16 // More wait for the same two rows, and the rate falls.
)

// transfers starts a PostgreSQL of its own in directory, on a free port, with Debian's
// settings (fsync and synchronous_commit on), and returns transfers a second on one pair of
// rows: the median of the rounds.
func transfers(directory string, seconds int) (float64, error) {
	p := &postgres{directory: directory, tools: map[string]string{}}
	for _, name := range []string{"initdb", "postgres", "psql", "pgbench"} {
		if p.tools[name] = tool(name); p.tools[name] == "" {
			return 0, errMissing
		}
	}
	if err := p.start(); err != nil {
		return 0, err
	}
	rate, err := p.measure(seconds)
	return rate, errors.Join(err, p.end())
}

// tool finds a program on the path or where Debian keeps it.
func tool(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // The pattern is well formed.
	if len(found) == 0 {
		return ""
	}
	return slices.Max(found)
}

type postgres struct {
	directory string
	tools     map[string]string
	port      string
	server    *exec.Cmd
	as        *syscall.Credential // Who it runs as; it refuses to run as root.
	log       bytes.Buffer
}

// command makes a command that runs as the server does.
func (p *postgres) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(p.tools[name], args...)
	c.Dir = p.directory
	c.Env = append(os.Environ(), "LC_ALL=C")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	return c
}

func (p *postgres) start() error {
	if err := os.MkdirAll(p.directory, 0o700); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		if err := p.becomePostgres(); err != nil {
			return err
		}
	}
	data := filepath.Join(p.directory, "data")
	if out, err := p.command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8").CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, p.port, err = net.SplitHostPort(free.Addr().String())
	if err := errors.Join(err, free.Close()); err != nil {
		return err
	}
	p.server = p.command("postgres", "-D", data, "-p", p.port, "-k", p.directory, "-c", "listen_addresses=")
	p.server.Stdout, p.server.Stderr = &p.log, &p.log
	if err := p.server.Start(); err != nil {
		return err
	}
	const startMax = 30 * time.Second
	for began := time.Now(); time.Since(began) < startMax; time.Sleep(100 * time.Millisecond) {
		if p.query("select 1") == nil {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("it does not answer within %s:\n%s", startMax, p.log.String()), p.end())
}

// becomePostgres gives the directory to the user that Debian's package made.
func (p *postgres) becomePostgres() error {
	owner, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("%w: no user postgres", errMissing)
	}
	uid, err1 := strconv.ParseUint(owner.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(owner.Gid, 10, 32)
	if err := errors.Join(err1, err2, os.Chown(p.directory, int(uid), int(gid)), os.Chmod(filepath.Dir(p.directory), 0o711)); err != nil {
		return err
	}
	p.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return nil
}

func (p *postgres) query(text string) error {
	c := p.command("psql", "-h", p.directory, "-p", p.port, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-q", "-c", text)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w\n%s", err, out)
	}
	return nil
}

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

func (p *postgres) measure(seconds int) (float64, error) {
	script := filepath.Join(p.directory, "pay.sql")
	if err := errors.Join(p.query(schema), os.WriteFile(script, []byte("select pay(1, 2, 100);\n"), 0o644)); err != nil {
		return 0, err
	}
	var rates []float64
	for range postgresRounds {
		out, err := p.command("pgbench", "-h", p.directory, "-p", p.port, "-U", "postgres", "-n", "-f", script, "-M", "prepared",
			"-c", strconv.Itoa(postgresClients), "-j", "2", "-T", strconv.Itoa(seconds), "postgres").CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("pgbench: %w\n%s", err, out)
		}
		found := tps.FindSubmatch(out)
		if found == nil || strings.Contains(string(out), "aborted") {
			return 0, fmt.Errorf("pgbench says:\n%s", out)
		}
		rate, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			return 0, err
		}
		rates = append(rates, rate)
	}
	// What was counted must have moved.
	return figures.Median(rates), p.query("do $$ begin if (select -balance from account where id = 1) <> (select sum(amount) from transfer) " +
		"or (select sum(balance) from account) <> 0 then raise exception 'the rows do not agree'; end if; end $$")
}

func (p *postgres) end() error {
	_ = p.server.Process.Signal(syscall.SIGINT) // Fast shutdown.
	_ = p.server.Wait()                         // It ends as it likes; the directory goes.
	return nil
}
