package symbol

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var cross = flag.Bool("cross", false, "check against zbarimg, qrencode and zint, which must be installed")

// crossTexts are what both sides draw and read. NUL and line breaks are left out: the
// programs take and give text by command line and line.
func crossTexts() []string {
	texts := []string{merchantCode, "https://qr.95516.com/00010000/62", "HTTPS://QR.PBCDCI.CN/005031050000078010721050000078010720001",
		"wxp://f2f0abcDEF123", "收款码", "Überweisung für Zoë", "日本語テスト", "한국어", "😀", strings.Repeat("0123456789ABCDEF", 32),
		strings.Repeat("9", 512), strings.Repeat("中文", 80), "a", "0", "A1 $%*+-./:", "hQVDUFYwMWETTwegAAADMwEBUAhQQk9DIENQTQ=="}
	for length := 1; length < 1200; length = length*5/4 + 1 {
		texts = append(texts, strings.Repeat("Tongma-0123456789 ", length/18+1)[:length])
	}
	return texts
}

func crossBars() []string {
	texts := []string{payerCode, "6212345678901234567", "281234567890123456789012", "0112345678901234567",
		"fp0123456789abcdef0123456789abcdef1", "A", "12", "1234567", "Mixed 12345678 text 99", "{|}~`@^_"}
	for length := 1; length <= 40; length += 3 {
		texts = append(texts, strings.Repeat("0918273645", 4)[:length], strings.Repeat("x1Y22z333 ", 4)[:length-1]+".")
	}
	return texts
}

// TestCross checks both ways with programs that no one here wrote: zbarimg reads what is
// drawn here, and what qrencode and zint draw is read here. It runs only by
//
//	go test ./codec/symbol -run Cross -cross
//
// and needs the Debian packages zbar-tools, qrencode and zint.
func TestCross(t *testing.T) {
	if !*cross {
		t.Skip("runs with -cross only")
	}
	t.Run("zbarimg reads QR", func(t *testing.T) {
		for i, text := range crossTexts() {
			level := Level(i % 4)
			d, err := QR(text, level)
			if err != nil {
				t.Fatal(err)
			}
			zbarReads(t, d, text)
		}
	})
	t.Run("zbarimg reads every version", func(t *testing.T) {
		for version := 1; version <= 40; version++ {
			text := strings.Repeat("7", digitsOf(t, version))
			zbarReads(t, drawQR(t, text, LevelM), text)
		}
	})
	t.Run("zbarimg reads Code 128", func(t *testing.T) {
		for _, text := range crossBars() {
			zbarReads(t, drawCode128(t, text), text)
		}
	})
	t.Run("qrencode is read", func(t *testing.T) {
		for i, text := range crossTexts() {
			file := run(t, "qrencode", "-o", "-", "-l", "LMQH"[i%4:i%4+1], "-s", fmt.Sprint(2+i%3), "--", text)
			wantOnly(t, file, KindQR, text)
		}
	})
	t.Run("zint's QR is read", func(t *testing.T) {
		for i, text := range crossTexts() {
			wantOnly(t, zint(t, "58", text, "--eci=26", "--secure="+fmt.Sprint(1+i%4), "--scale=2", "--quietzones"), KindQR, text)
		}
	})
	t.Run("zint's Code 128 is read", func(t *testing.T) {
		for i, text := range crossBars() {
			wantOnly(t, zint(t, "20", text, "--notext", "--quietzones", "--scale="+fmt.Sprint(1+i%3),
				"--rotate="+fmt.Sprint(90*(i%4))), KindCode128, text)
		}
		wantOnly(t, zint(t, "20", "Zoë é", "--notext", "--quietzones"), KindCode128, "Zoë é")
	})
}

// digitsOf is how many digits fill a version at level M.
func digitsOf(t *testing.T, version int) int {
	digits := 1
	for size := 0; size <= 4*version+17 && digits < 5600; digits += 10 {
		d := drawQR(t, strings.Repeat("7", digits), LevelM)
		if size = d.width - 2*qrQuietModules; size == 4*version+17 {
			return digits
		}
	}
	t.Fatalf("no digits make version %d", version)
	return 0
}

func zbarReads(t *testing.T, d Drawing, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "symbol.png")
	if err := os.WriteFile(file, pictureOf(t, d, 3), 0o600); err != nil {
		t.Fatal(err)
	}
	got := strings.TrimSuffix(string(run(t, "zbarimg", "--quiet", "--raw", file)), "\n")
	if got != text {
		t.Errorf("zbarimg reads %q, want %q", got, text)
	}
}

func zint(t *testing.T, symbology, text string, options ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "symbol.png")
	run(t, "zint", append(options, "--barcode="+symbology, "--output="+file, "--data="+text)...)
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func run(t *testing.T, name string, arguments ...string) []byte {
	t.Helper()
	command := exec.Command(name, arguments...)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, complaint.String())
	}
	return output
}
