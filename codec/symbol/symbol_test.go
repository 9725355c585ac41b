package symbol

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tongma/codec"
)

// merchantCode has the form of an EMVCo merchant code with a name in Chinese, made up.
const merchantCode = "00020101021226350016COM.EXAMPLE.DEMO0111DEMO-STORE152045411530315654041.005802CN" +
	"5905幸福咖啡店6007BEIJING6304A13F"

// pictureOf is d as a PNG file.
func pictureOf(t testing.TB, d Drawing, modulePixels int) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := d.PNG(&file, modulePixels); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func drawQR(t testing.TB, text string, level Level) Drawing {
	t.Helper()
	d, err := QR(text, level)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func drawCode128(t testing.TB, text string) Drawing {
	t.Helper()
	d, err := Code128(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// wantOnly checks that file shows one symbol.
func wantOnly(t testing.TB, file []byte, kind Kind, text string) Symbol {
	t.Helper()
	symbols, err := Read(bytes.NewReader(file))
	if err != nil {
		t.Fatalf("%v (%s %q)", err, kind, text)
	}
	if len(symbols) != 1 || symbols[0].Kind != kind || symbols[0].Text != text {
		t.Fatalf("read %+v, want one %s %q", symbols, kind, text)
	}
	return symbols[0]
}

func codeOf(err error) string {
	var e *codec.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestDrawnCodesAreRead(t *testing.T) {
	t.Parallel()
	qr := []string{"0", "12345678901234567", "HTTPS://QR.EXAMPLE.CN/1", "https://qr.95516.com/00010000/62",
		merchantCode, "收款码", "é", "ü", "日本語テスト", "한국어", "\x00\x01\x7f", "😀 emoji",
		strings.Repeat("0123456789ABCDEF", 32), strings.Repeat("中", 170), "a\nb"}
	for _, text := range qr {
		for _, level := range []Level{LevelL, LevelM, LevelQ, LevelH} {
			wantOnly(t, pictureOf(t, drawQR(t, text, level), 2+int(level)), KindQR, text)
		}
	}
	bars := []string{"0", "12", "123", "134567890123456789", "2812345678901234567890", "6212345678901234567",
		"fp0123456789abcdef0123456789abcdef1", "Mixed 12345678 text", "a\x00\x1f", "~}|{", strings.Repeat("9", 80),
		strings.Repeat("x", 80)}
	for _, text := range bars {
		for _, pixels := range []int{1, 3} {
			wantOnly(t, pictureOf(t, drawCode128(t, text), pixels), KindCode128, text)
		}
	}
}

func TestAnyTextSurvives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(1, 300, 900).Draw(t, "text")
		level := Level(rapid.IntRange(0, 3).Draw(t, "level"))
		d, err := QR(text, level)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := d.PNG(&file, rapid.IntRange(2, 4).Draw(t, "pixels")); err != nil {
			t.Fatal(err)
		}
		symbols, err := Read(&file)
		if err != nil || len(symbols) != 1 || symbols[0].Text != text {
			t.Fatalf("%v %+v", err, symbols)
		}
	})
}
