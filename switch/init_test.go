package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tongma/switch/stage"
)

// TestInit writes the network to start from, starts it and carries out, line by line, what init
// says to do, but for the ports. A second init overwrites nothing.
func TestInit(t *testing.T) {
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	directory := filepath.Join(t.TempDir(), "net")
	out, err := exec.Command(file, "init", directory).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if again, err := exec.Command(file, "init", directory).CombinedOutput(); err == nil || !strings.Contains(string(again), "is not empty") {
		t.Errorf("a second init: %v\n%s", err, again)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if command, ok := strings.CutPrefix(line, "  "+file+" "); ok {
			lines = append(lines, strings.TrimSpace(command))
		}
	}
	if len(lines) != 5 {
		t.Fatalf("init says %d lines to do, want 5:\n%s", len(lines), out)
	}
	config := filepath.Join(directory, "tongma.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	var ports []string // Of each default one, a free one.
	for _, address := range []string{"127.0.0.1:8090", "127.0.0.1:8080", "127.0.0.1:8081"} {
		free, err := stage.FreeAddress()
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, address, free)
	}
	ported := strings.NewReplacer(ports...)
	if err := os.WriteFile(config, []byte("log_level: error\n"+ported.Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(directory)
	for _, line := range lines[:2] {
		p, err := stage.Start(file, os.Stderr, strings.Fields(ported.Replace(strings.TrimSuffix(line, "&")))...)
		if err != nil {
			t.Fatal(line, err)
		}
		t.Cleanup(func() { _ = p.Stop() })
	}
	run := func(line, want string) {
		t.Helper()
		out, err := exec.Command("sh", "-c", file+" "+line).CombinedOutput()
		if !strings.Contains(string(out), want) {
			t.Errorf("%s: %v\n%s, want %s", line, err, out, want)
		}
	}
	at := " --switch " + ports[3]
	run(lines[2]+at, `"status":"approved"`)
	run(lines[3]+at, `"status":"approved"`)
	run(ported.Replace(lines[4]), "position/commercial/lanternbank")
	run("call --as corneracquirer GET /v1/payments?request_id=second"+at, "payment_not_found")
	run("call --as nobody GET /health"+at, `no key of "nobody"`)
	run("call --as corneracquirer GET health"+at, "percent-encoded")
	run("call --as corneracquirer GET /health --switch https://h", "want host:port")
	run("route check --table table.yaml --register register.yaml", "")
}
