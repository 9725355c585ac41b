package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"tongma/switch/admin"
	"tongma/switch/settlement"
	"tongma/switch/stage"
)

// TestReloadKeys: a key that is taken away lets nobody in any more, without a stop, and so does
// a person's role; files with faults change nothing.
func TestReloadKeys(t *testing.T) {
	net := staged(t, &stage.Member{ID: "harbourbank"})
	complaint, err := os.Create(filepath.Join(t.TempDir(), "complaint"))
	if err != nil {
		t.Fatal(err)
	}
	defer complaint.Close()
	net.Stderr = complaint
	listen, err := net.Admit("li", "wang")
	if err != nil {
		t.Fatal(err)
	}
	if err := net.StartSwitch(fmt.Sprintf("admin: {listen: %q, people: people.yaml}\n"+
		"ledger: {caps: [{institution: sparrowaggregator, medium: commercial, cap_fen: 5}]}\n", listen)); err != nil {
		t.Fatal(err)
	}
	shop, other := net.Client("corneracquirer"), net.Client("kitewallet")
	pay := func(c *stage.Client) string {
		p, err := c.Pay(map[string]any{"request_id": time.Now().Format("r150405.000000"), "code": unionpayCode, "amount_fen": 100})
		if err != nil {
			t.Fatal(err)
		}
		return p.Status + p.Error.Code
	}
	propose := func() string {
		var life settlement.Life
		err := person(t, net, listen, "wang").Do("POST", "/admin/v1/windows/close", nil, &life)
		var refusal *admin.Refusal
		if errors.As(err, &refusal) {
			return string(refusal.Code)
		}
		return fmt.Sprint(err)
	}
	change := func(name string, pattern, with string) (undo func()) {
		path := filepath.Join(net.Directory, name)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(pattern).ReplaceAllString(string(before), with)
		if text == string(before) {
			t.Fatalf("%s holds no %s", name, pattern)
		}
		load := func(text string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(net.Switch.PID(), syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		}
		load(text)
		return func() { load(string(before)) }
	}
	becomes := func(what string, is func() string, want string) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); !strings.HasPrefix(is(), want); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %s, want %s", what, is(), want)
			}
		}
	}
	stays := func(what string, is func() string, want string) {
		t.Helper()
		for range 20 {
			if got := is(); got != want {
				t.Fatalf("%s: %s, want %s", what, got, want)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	shopPays := func() string { return pay(shop) }
	if got := shopPays() + pay(other) + propose(); got != "approvedapproved<nil>" {
		t.Fatalf("before: %s", got)
	}
	undo := change("keys.yaml", `.*institution: corneracquirer.*\n`, "")
	becomes("without its key", shopPays, "signature_invalid")
	if got := pay(other); got != "approved" {
		t.Errorf("another institution: %s", got)
	}
	undo()
	becomes("with its key again", shopPays, "approved")
	for _, fault := range []string{`.*institution: harbourbank.*\n`, `secret_file: keys-corneracquirer.key`} { // The switch sends to the one.
		undo := change("keys.yaml", fault, "")
		stays("with a faulty key file", shopPays, "approved")
		undo()
	}
	const inline = "00112233445566778899aabbccddeeff"
	for _, name := range []string{"keys.yaml", "people.yaml"} {
		undo = change(name, `secret_file: [a-z.-]*`, "secret: "+inline)
		stays("with a secret in "+name, shopPays, "approved")
		undo()
	}
	if text, err := os.ReadFile(complaint.Name()); err != nil || strings.Contains(string(text), inline) || !strings.Contains(string(text), "unknown field") {
		t.Errorf("%v, or the log holds a secret, or says nothing of it:\n%s", err, text)
	}
	undo = change("register.yaml", `.*id: sparrowaggregator.*\n`, "") // It has a cap, which is of the start.
	becomes("without sparrowaggregator's entry", func() string { return pay(net.Client("sparrowaggregator")) }, "institution_unknown")
	undo()
	undo = change("people.yaml", `(name: wang, roles: \[)[a-z, ]*`, "${1}viewer")
	becomes("as a viewer", propose, "role_missing")
	undo()
	becomes("as an operator again", propose, "<nil>")
	change("people.yaml", `(name: wang, roles: \[)[a-z, ]*`, "${1}emperor")
	stays("with a faulty list", propose, "<nil>")
}

// TestUnregisteredShares: a fee's share or a cap of an institution that is not registered keeps
// the switch from starting, and says whose.
func TestUnregisteredShares(t *testing.T) {
	for _, extra := range []string{
		"fees: {rules: [{id: all, rate_ppm: 3800, shares: [{institution: harborbank, ppm: 5000}]}]}\n",
		"fees: {rules: [{id: all, institution: harborbank, rate_ppm: 3800}]}\n",
		"ledger: {caps: [{institution: harborbank, medium: commercial, cap_fen: 5}]}\n",
	} {
		s := staged(t, &stage.Member{ID: "harbourbank"})
		complaint, err := os.Create(filepath.Join(s.Directory, "complaint"))
		if err != nil {
			t.Fatal(err)
		}
		s.Stderr = complaint
		if err := s.StartSwitch(extra); err == nil {
			t.Errorf("%s: it starts", extra)
		}
		text, err := os.ReadFile(complaint.Name())
		if err != nil || !strings.Contains(string(text), `"harborbank", which is not registered`) {
			t.Errorf("%s: %s %v", extra, text, err)
		}
		if err := complaint.Close(); err != nil {
			t.Error(err)
		}
	}
}
