package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tongma/switch/stage"
)

// TestInit writes the network to start from, starts it and pays across it with the commands that
// init prints, but for the ports. A second init overwrites nothing.
func TestInit(t *testing.T) {
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	directory := filepath.Join(t.TempDir(), "net")
	run := func(good bool, args ...string) string {
		t.Helper()
		command := exec.Command(file, args...)
		command.Dir = filepath.Dir(directory)
		if _, err := os.Stat(directory); err == nil {
			command.Dir = directory
		}
		out, err := command.CombinedOutput()
		if (err == nil) != good {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	run(true, "init", directory)
	keys, err := os.ReadFile(filepath.Join(directory, "lanternbank.key"))
	if err != nil {
		t.Fatal(err)
	}
	run(false, "init", directory)
	if again, err := os.ReadFile(filepath.Join(directory, "lanternbank.key")); err != nil || string(again) != string(keys) {
		t.Errorf("a second init changed a key, or: %v", err)
	}
	run(true, "route", "check", "--table", "table.yaml", "--register", "register.yaml")
	start := func(args ...string) *stage.Process {
		t.Helper()
		p, err := stage.Start(file, os.Stderr, args...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Stop() })
		return p
	}
	bank := start("institution", "--id", "lanternbank", "--keys", filepath.Join(directory, "lanternbank-keys.yaml"))
	config := filepath.Join(directory, "tongma.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	ported := strings.NewReplacer("127.0.0.1:8080", "127.0.0.1:0", "127.0.0.1:8081", "127.0.0.1:0", "127.0.0.1:8090", bank.Address)
	if err := os.WriteFile(config, []byte("log_level: error\n"+ported.Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	net := start("serve", "--config", config)
	call := func(good bool, as, want string, args ...string) {
		t.Helper()
		out := run(good, append([]string{"call", "--switch", net.Address, "--as", as}, args...)...)
		if !strings.Contains(out, want) {
			t.Errorf("%v as %s: %s, want %s", args, as, out, want)
		}
	}
	body := `{"request_id":"first","code":"6220105000000000001","amount_fen":100}`
	call(true, "corneracquirer", `"status":"approved"`, "POST", "/v1/payments", body)
	call(true, "corneracquirer", `"status":"approved"`, "GET", "/v1/payments?request_id=first")
	call(false, "corneracquirer", `payment_not_found`, "GET", "/v1/payments?request_id=second")
	call(false, "nobody", `no key of "nobody"`, "GET", "/v1/payments?request_id=first")
	if err := net.Stop(); err != nil {
		t.Error(err)
	}
	if out := run(true, "journal", "verify", "journal"); !strings.HasSuffix(out, "sound\n") {
		t.Errorf("journal verify: %s", out)
	}
}
