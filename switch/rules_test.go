package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tongma/switch/stage"
)

// TestRulesOfTheSwitch gives a switch a rule file whose form comes into force while it runs;
// then another one, and one that cannot be read.
func TestRulesOfTheSwitch(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rule := func(prefix, from string) string {
		return fmt.Sprintf("version: t\npay_codes:\n- {id: new, scheme: ecny, prefixes: ['%s'], length: 20%s}\n", prefix, from)
	}
	soon := time.Now().Add(3 * time.Second)
	write(rule("99", ", from: "+soon.UTC().Format(time.RFC3339Nano)))
	net := network(t, "rules: "+file, &stage.Member{ID: "harbourbank"})
	client := net.Client("corneracquirer")
	decode := func(code string) int {
		t.Helper()
		status, _, err := client.Do("POST", "/v1/decode", []byte(`{"code":"`+code+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	until := func(code string, want int) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); decode(code) != want; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: never %d", code, want)
			}
		}
	}
	if status := decode("99000000000000000000"); time.Now().Before(soon) && status != 422 {
		t.Errorf("before its time the form is answered with %d", status)
	}
	until("99000000000000000000", 200)
	if time.Now().Before(soon) {
		t.Error("the form is taken before its time")
	}
	if status := decode("6223010512345678901"); status != 422 {
		t.Errorf("a form of the built-in rules is answered with %d", status)
	}
	hup := func() {
		t.Helper()
		if err := syscall.Kill(net.Switch.PID(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	write(rule("98", ""))
	hup()
	until("98000000000000000000", 200)
	write("version: [")
	hup()
	time.Sleep(100 * time.Millisecond)
	if status := decode("98000000000000000000"); status != 200 {
		t.Errorf("after a rule file that cannot be read: %d", status)
	}
}
