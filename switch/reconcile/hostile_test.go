package reconcile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// TestHostileFiles: each is an error that says what is wrong, or a rejected line.
func TestHostileFiles(t *testing.T) {
	good := "A,1.00,0,156,S,20261124,M\n"
	f := func(name, text, layout, want string) {
		t.Helper()
		left := side(t, "left", text)
		plan := planOf(t, byID)
		if layout != "" {
			var err error
			if plan.Left.Layout, err = ParseLayout([]byte(testLayout + layout)); err != nil {
				t.Fatal(err)
			}
			left.Layout = plan.Left.Layout
		}
		sum, err := Run(t.Context(), left, side(t, "right", header+good), plan, Options{}, func(*Discrepancy) error { return nil })
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(sum.Left.Rows, " rows")
			for _, r := range sum.Rejects {
				got += fmt.Sprintf("; line %d: %s", r.Line, r.Reason)
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	f("empty", "", "", "file is empty")
	f("header only", header, "", "0 rows")
	f("header without line end", strings.TrimSpace(header), "", "0 rows")
	f("header of another file", "a,b\n1,2\n", "", `header has no column`)
	f("UTF-16", "\xff\xfei\x00d\x00\n", "", "file is UTF-16")
	f("byte order mark", "\xef\xbb\xbf"+header+good, "", "1 rows")
	f("line ends of Windows", strings.ReplaceAll(header+good, "\n", "\r\n"), "", "1 rows")
	f("no line end at the end", header+strings.TrimSpace(good), "", "1 rows")
	f("NULs", header+"A,1.00,0,156,S,20261124,\x00\n"+good, "", "1 rows; line 2: line holds a NUL byte")
	f("GBK in UTF-8", header+good+"B,1,0,156,S,20261124,\xd6\xd0\n", "", "1 rows; line 3: line is not UTF-8")
	f("UTF-8 in GBK", header+"B,1,0,156,S,20261124,\xe4\xb8\xad\xff\n"+good, "encoding: gbk\n", "1 rows; line 2: line is not GBK")
	f("only NULs", header+strings.Repeat("\x00", 1<<22), "", "0 rows; line 2: line is longer")
	f("a header that does not end", strings.Repeat("x", 1<<22), "", "header has no column")
	f("quotes", header+"\"A\"\"\",1.00,0,156,S,20261124,\"M,1\"\n\"B,1.00\n\"C\"x,1,0,156,S,20261124,M\n", "", "1 rows; line 3: quoted field is not closed on its line; line 4: quoted field")
	trailer := "trailer: {prefix: \"T,\", rows: {index: 2}, amount: {index: 3}}\n"
	f("right totals", header+good+"T,1,1.00\n", trailer, "1 rows")
	f("wrong rows", header+good+"T,2,1.00\n", trailer, "trailer says rows 2, the file's rows have 1")
	f("wrong sum", header+good+"T,1,1.01\n", trailer, "trailer says amount 101, the file's rows have 100")
	f("cut", header+good, trailer, "file ends without its trailer")
	f("two trailers", header+good+"T,1,1.00\nT,1,1.00\n", trailer, "file has 2 trailers")
	f("trailer of words", header+good+"T,one,1.00\n", trailer, "trailer's rows: amount holds a byte that is no digit")
}

// TestAGiantLineIsOneReject in a file that is a hole of 256 MiB.
func TestAGiantLineIsOneReject(t *testing.T) {
	left := side(t, "left", header+"A,1.00,0,156,S,20261124,M\n")
	if err := os.Truncate(left.Paths[0], 256<<20); err != nil {
		t.Fatal(err)
	}
	sum, err := Run(t.Context(), left, side(t, "right", header), planOf(t, byID), Options{}, func(*Discrepancy) error { return nil })
	if err != nil || len(sum.Rejects) != 1 || sum.Left.Rows != 1 {
		t.Errorf("got %+v, %v", sum, err)
	}
}

// TestPackedFilesInParts reads a side from files that are packed differently.
func TestPackedFilesInParts(t *testing.T) {
	row := func(id string) string { return id + ",1.00,0,156,S,20261124,M\n" }
	folder := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	_, _ = writer.Write([]byte(header + row("B")))
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	other := "amount,id,fee,currency,status,time,party\n1.00,C,0,156,S,20261124,M\n" // Another order of columns.
	left := side(t, "left", header+row("A"))
	left.Paths = append(left.Paths, write("b.gz", zipped.Bytes()), write("c.zst", encoder.EncodeAll([]byte(other), nil)))
	right := side(t, "right", header+row("C")+row("B")+row("A"))
	for _, work := range []string{"", t.TempDir()} {
		sum, err := Run(t.Context(), left, right, planOf(t, byID), Options{Work: work}, func(d *Discrepancy) error {
			return fmt.Errorf("unexpected %+v", d)
		})
		if err != nil || sum.Matched.Rows != 3 {
			t.Errorf("got %+v, %v", sum, err)
		}
	}
	left.Paths = []string{write("bomb.zst", encoder.EncodeAll(bytes.Repeat([]byte("A"), 64<<20), nil))}
	if _, err := Run(t.Context(), left, right, planOf(t, byID), Options{}, nil); err == nil {
		t.Error("a bomb was unpacked")
	}
}

// TestGBKComparesWithUTF8, also where a character's second byte is the delimiter's.
func TestGBKComparesWithUTF8(t *testing.T) {
	text, err := simplifiedchinese.GB18030.NewEncoder().String(header + "A,1.00,0,156,S,20261124,港湾银行\n")
	if err != nil {
		t.Fatal(err)
	}
	left := side(t, "left", text)
	plan := planOf(t, byID)
	plan.Left.Layout.Encoding = "gbk"
	left.Layout = plan.Left.Layout
	sum, err := Run(t.Context(), left, side(t, "right", header+"A,1.00,0,156,S,20261124,港湾银行\n"), plan, Options{},
		func(d *Discrepancy) error { return fmt.Errorf("unexpected %+v", d) })
	if err != nil || sum.Matched.Rows != 1 {
		t.Errorf("got %+v, %v", sum, err)
	}
}

// TestShippedStatement reads a statement as the settlement writes it.
func TestShippedStatement(t *testing.T) {
	layout, err := ShippedLayout("statement", 0)
	if err != nil {
		t.Fatal(err)
	}
	text := "H,tongma-statement,1,detail,harbourbank,7,2026-11-24,156,00\n" +
		"row,sequence,offset,payment,kind,original,institution,request_id,decided,payer,payee,amount_fen\n" +
		"D,9,0,P1,pay,,corneracquirer,r1,2026-11-23T16:00:01.000000000Z,harbourbank,corneracquirer,1234\n" +
		"P,a,b,1\nM,0,2,00\nT,1,1234,0,00\n"
	left := side(t, "left", text)
	left.Layout = layout
	plan := planOf(t, "rules: [{name: id, key: [id]}]\n")
	plan.Left.Layout, plan.Compare = layout, []Field{Amount, Day}
	sum, err := Run(t.Context(), left, side(t, "right", header+"P1,12.34,0,156,S,20261124,M\n"), plan, Options{},
		func(d *Discrepancy) error { return fmt.Errorf("unexpected %+v", d) })
	if err != nil || sum.Matched.Rows != 1 || len(sum.Rejects) != 0 {
		t.Errorf("got %+v, %v", sum, err)
	}
}

// FuzzParse: no line does more than be rejected, and the short way of cutting agrees with
// the long one.
func FuzzParse(f *testing.F) {
	for _, line := range []string{"A,1.00,0.06,156,S,20261124103015,M1", "\"A\",1,,,,,", "A,-1.5,,156,S,2026-11-24 10:30:15,M\xd6\xd0", ",,,,,,,,"} {
		f.Add([]byte(line))
	}
	layout, err := ParseLayout([]byte(testLayout))
	if err != nil {
		f.Fatal(err)
	}
	head := []byte(strings.TrimSpace(header))
	short, err := newParser(layout, head)
	if err != nil {
		f.Fatal(err)
	}
	long := *short
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		var a, b row
		if !short.cutPlain(line, &a) {
			_ = short.parse(line, &a)
			return
		}
		if err := long.letters(line); err != nil {
			t.Fatalf("%q: the short way took what is %v", line, err)
		}
		if err := long.cutDelimited(line, &b); err != nil {
			t.Fatalf("%q: the short way took what is %v", line, err)
		}
		for field := range a.text {
			if !bytes.Equal(a.text[field], b.text[field]) {
				t.Fatalf("%q: %s is %q and %q", line, Field(field), a.text[field], b.text[field])
			}
		}
	})
}

// TestAnEmptyLineFirstIsNoFault, in a file that is read at once to its end.
func TestAnEmptyLineFirstIsNoFault(t *testing.T) {
	row := "A,10.00,0.06,156,S,20261124103015,M1\n"
	for _, text := range []string{"\n" + row, "\r\n" + row, row + "\n", "\n"} {
		want := ""
		if text == "\n" {
			want = "short"
		}
		if got := classesOf(t, row, text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
