package codec

import (
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestHostileInput gives what is made to cost time or memory: each has a clear error, and none
// costs more memory than a few pages, however long it is.
func TestHostileInput(t *testing.T) {
	const large = 10 << 20
	f := func(name, text, code string) {
		t.Helper()
		var before, after runtime.MemStats
		for _, profile := range []Profile{Auto, Strict, ByteLengths} {
			var c Code
			runtime.ReadMemStats(&before)
			err := Default().DecodeWith(profile, text, &c)
			runtime.ReadMemStats(&after)
			var e *Error
			if !errors.As(err, &e) || e.Code != code || len(e.Error()) > 300 || e.Offset > len(text) {
				t.Errorf("%s under %s: %.200v, want %s", name, profile, err, code)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<10 {
				t.Errorf("%s under %s took %d bytes", name, profile, used)
			}
		}
	}
	for name, unit := range map[string]string{"digits": "1", "NULs": "\x00", "blanks inside": "1 ", "slashes": "/",
		"scripts": "支付码", "broken UTF-8": "\xff"} {
		f("ten million bytes of "+name, "1"+strings.Repeat(unit, large/len(unit))+"1", CodeTooLong)
	}
	f("ten million blanks", strings.Repeat(" ", large), CodeEmpty)
	f("a merchant code of ten million bytes", "000201"+strings.Repeat("2604ABCD", large/8), CodeTooLong)
	f("a link of ten million bytes", "https://qr.95516.com/"+strings.Repeat("1", large), CodeTooLong)
	f("base64 of ten million bytes", consumerStart+strings.Repeat("A", large), CodeTooLong)
	f("NUL", "000201\x00", CodeControl)
	f("NUL in a link", "https://qr.95516.com/\x00", CodeControl)
	f("NUL in a payer's code", "13511229863846829\x00", CodeControl)
	f("mixed scripts", "1351122986384682９3", CodeUnknown)
	f("a right-to-left mark in a host", "https://qr.95516\u202e.com/1", CodeHost)

	deep := ""
	for range 24 { // As deep as 99 characters go.
		deep = fmt.Sprintf("00%02d%s", len(deep), deep)
	}
	f("templates in templates", merchantCode("26"+deep, "525812", "53156", "58CN", "59A", "60B"), CodeLength)
	f("a hundred objects of one id", "000201"+strings.Repeat("260400000", 60)+"6304ABCD", CodeCRC)
	f("lengths beyond the end", "0002012699"+strings.Repeat("9", 20), CodeTruncated)

	nested := []byte{}
	for range 200 {
		nested = append(append([]byte{0x70, 0x82, byte(len(nested) >> 8), byte(len(nested))}, nested...), 0)
	}
	f("tags in tags", base64.StdEncoding.EncodeToString(append([]byte("\x85\x05CPV01"), nested...)), CodeTruncated)
	f("a length of four billion", consumerCode(t, "61 84 FFFFFFFF"), CodeLength)
	f("a length of 65535", consumerCode(t, "61 82 FFFF 00"), CodeTruncated)
	f("a tag that goes on", consumerCode(t, "7F"+strings.Repeat("FF", 500)), CodeID)
	f("a thousand objects", consumerCode(t, "61 82 03F1 4F05A000000003"+strings.Repeat("DF0100", 334)), CodeDuplicate)
	f("hundreds of objects in transparent data", consumerCode(t, "61 82 033E 4F05A000000003 63 82 0333"+strings.Repeat("DF0100", 273)), CodeTooLong)
	f("a payload of zeros", "https://a.example/MPM/3/"+strings.Repeat("A", 1600), CodeFormat)
	f("an Alipay+ payload of empty objects", "https://a.example/MPM/3/"+
		base64.StdEncoding.EncodeToString([]byte("GPLD700"+strings.Repeat("CDSD000", 100))), CodeMissing)
	f("a query of a thousand keys", "upi://pay?pa=a@b&"+strings.Repeat("x&", 900)+"pa=c", CodeDuplicate)
}

// TestHostileRules gives the loader files that are small and cost much: each is refused, in the
// line where it is enough, within seconds.
func TestHostileRules(t *testing.T) {
	t.Parallel()
	f := func(name, words, start string, count int, form string) {
		t.Helper()
		var text strings.Builder
		text.WriteString("version: a\n" + start)
		for i := range count {
			fmt.Fprintf(&text, form, i)
		}
		begin := time.Now()
		_, err := LoadRules([]byte(text.String()))
		var fault *RuleFault
		if used := time.Since(begin); !errors.As(err, &fault) || !strings.Contains(fault.Message, words) || used > time.Minute {
			t.Errorf("%s: %.200v after %v, want %q", name, err, used, words)
		}
	}
	f("keys", "keys beside one another", "", 50000, "k%d: 1\n")
	f("keys with lists", "keys beside one another", "pay_codes:\n", 50000, "  k%d:\n  - a\n")
	f("documents", "documents", "", 50000, "--- # %d\n")
	f("documents that end", "documents", "", 50000, "... # %d\n")
	f("lines of another kind", "carriage return", "", 50000, "k%d: 1\r")
	f("hosts", "once", "links:\n- id: x\n  scheme: x\n  uri: https\n  path: /\n  hosts:\n", 50000, "  - a.cn # %d\n")
	f("prefixes", "too many rules", "pay_codes:\n- id: x\n  scheme: x\n  length: 19\n  prefixes:\n", payRulesMax+1, "  - '%06d'\n")
	f("classes", "beginnings", "pay_codes:\n", 2000, "- {id: x%d, scheme: x, pattern: '[0-8][0-8][0-8]1'}\n")
	f("paths", "tell them apart", "links:\n", 1000, "- {id: x%[1]d, scheme: x%[1]d, uri: https, hosts: [a.cn], path: '/{a:30}/{b:30}/%06[1]d'}\n")
}

// TestTransparentNesting: objects in transparent data are listed to a stated depth, what lies
// deeper is one value.
func TestTransparentNesting(t *testing.T) {
	text := "9F260101"
	for range 8 {
		text = fmt.Sprintf("70%02X%s", len(text)/2, text)
	}
	text = fmt.Sprintf("63%02X%s", len(text)/2, text)
	text = "4F05A000000333" + "5A086222021234567890" + text
	var c Code
	if err := Default().Decode(consumerCode(t, fmt.Sprintf("61%02X%s", len(text)/2, text)), &c); err != nil {
		t.Fatal(err)
	}
	last := c.Fields[len(c.Fields)-1]
	if depth := strings.Count(last.Path, "."); depth > consumerDepthMax+1 {
		t.Errorf("%s is %d deep", last.Path, depth)
	}
}
