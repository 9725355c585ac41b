package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tongma/codec/symbol"
)

// decodeLine is what a line of JSON says.
type decodeLine struct {
	Standard, Scheme, Rule string
	Error                  *struct {
		Code    string
		Message string
	}
}

// TestDecodeCommand runs the binary: codes, lines of standard input, pictures, a rule file.
func TestDecodeCommand(t *testing.T) {
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	run := func(input string, args ...string) (out string, code int) {
		t.Helper()
		command := exec.Command(file, append([]string{"decode"}, args...)...)
		command.Stdin = strings.NewReader(input)
		var text, fault bytes.Buffer
		command.Stdout, command.Stderr = &text, &fault
		if err := command.Run(); err != nil && command.ProcessState == nil {
			t.Fatal(err)
		}
		return text.String() + fault.String(), command.ProcessState.ExitCode()
	}
	lines := func(out string) (list []decodeLine) {
		t.Helper()
		for line := range strings.Lines(out) {
			var l decodeLine
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			list = append(list, l)
		}
		return list
	}
	f := func(code int, words string, args ...string) {
		t.Helper()
		if out, got := run("", args...); got != code || !strings.Contains(out, words) {
			t.Errorf("%v: exit %d, %q, want %d and %q", args, got, out, code, words)
		}
	}
	f(0, "scheme wechat", "135112298638468293")
	f(0, `"scheme":"wechat"`, "--json", "135112298638468293")
	f(1, `{"error":{"code":"unknown_code"`, "--json", "hello")
	f(1, "unknown_code at byte 0", "hello")
	f(1, "unknown_profile", "--profile", "lenient", "135112298638468293")
	f(1, "cannot read picture", "missing.png")
	f(1, "no such file", "--rules", "missing.yaml", "135112298638468293")

	out, code := run("135112298638468293\r\n\nhello\n"+strings.Repeat("1", 3*codeLineMax)+"\nhttps://qr.alipay.com/bax1", "-")
	list := lines(out)
	if code != 1 || len(list) != 5 {
		t.Fatalf("exit %d, %d lines: %s", code, len(list), out)
	}
	for i, want := range []string{"", "empty", "unknown_code", "too_long", ""} {
		if got := list[i].Error; (got == nil) != (want == "") || got != nil && got.Code != want {
			t.Errorf("line %d: %+v, want error %q", i+1, list[i], want)
		}
	}
	if list[4].Rule != "alipay-order" {
		t.Errorf("the last line, without its end, is %+v", list[4])
	}

	directory := t.TempDir()
	picture := filepath.Join(directory, "till.png")
	drawing, err := symbol.QR("https://qr.alipay.com/bax1", symbol.LevelM)
	if err != nil {
		t.Fatal(err)
	}
	var png bytes.Buffer
	if err := drawing.PNG(&png, 4); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(picture, png.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f(0, `"rule":"alipay-order"`, "--json", picture)
	drawn := filepath.Join(directory, "drawn.png")
	if out, err := exec.Command(file, "draw", "--symbol", "code128", "--format", "png", "--out", drawn, "6223010512345678901").CombinedOutput(); err != nil {
		t.Errorf("draw: %v, %s", err, out)
	}
	f(0, `"scheme":"unionpay"`, "--json", drawn)
	if out, err := exec.Command(file, "draw", "hello").CombinedOutput(); err == nil || !strings.Contains(string(out), "no payment code") {
		t.Errorf("draws what is no code: %v, %s", err, out)
	}
	for _, format := range []string{"terminal", "svg"} {
		if out, err := exec.Command(file, "draw", "--format", format, "6223010512345678901").Output(); err != nil || len(out) < 500 {
			t.Errorf("draw as %s: %v, %d bytes", format, err, len(out))
		}
	}
	if err := os.WriteFile(picture, png.Bytes()[:png.Len()/2], 0o600); err != nil {
		t.Fatal(err)
	}
	f(1, `{"error":{"code":"picture_bad"`, "--json", picture)

	rules := filepath.Join(directory, "rules.yaml")
	if err := os.WriteFile(rules, []byte("version: a\npay_codes:\n- {id: new, scheme: new, prefixes: ['99'], length: 20, from: 2030-01-01}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(1, "unknown_code", "--rules", rules, "99000000000000000000")
	f(0, "scheme new", "--rules", rules, "--at", "2030-01-01T00:00:00+08:00", "99000000000000000000")
	if err := os.WriteFile(rules, []byte("version: a\npay_codes: [{id: A}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(1, "rule file, 2:1", "--rules", rules, "99000000000000000000")
}
