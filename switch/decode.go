package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tongma/codec"
	"tongma/codec/symbol"
)

// decodeCommand says what payment codes are.
type decodeCommand struct {
	JSON    bool      `name:"json" help:"Print one JSON object a code."`
	Profile string    `default:"auto" help:"What is forgiven: auto, strict, open, byte-lengths or the name of a scheme."`
	Rules   string    `help:"Rule file in place of the built-in one (its shape: codec/rules.yaml)."`
	At      time.Time `help:"Instant whose rules are in force, RFC 3339; now by default."`
	Code    string    `arg:"" help:"The code, a PNG or JPEG picture of codes (*.png, *.jpg, *.jpeg), or - for one code a line."`
}

// codeLineMax bounds a line of standard input, in bytes; what is longer is refused and passed
// over.
const codeLineMax = 64 << 10

// codeReader decodes and prints codes; failed says that one was none.
type codeReader struct {
	decoder *codec.Decoder
	profile codec.Profile
	json    bool
	out     *bufio.Writer
	code    codec.Code
	failed  bool
}

// Run decodes and exits 1 where a code is not one.
func (c *decodeCommand) Run() error {
	decoder, err := c.decoder()
	if err != nil {
		return err
	}
	r := &codeReader{decoder: decoder, profile: codec.Profile(c.Profile), json: c.JSON, out: bufio.NewWriter(os.Stdout)}
	switch {
	case c.Code == "-":
		r.json = true
		err = r.lines(os.Stdin)
	case isPicture(c.Code):
		err = r.picture(c.Code)
	default:
		r.text(c.Code)
	}
	if err := errors.Join(err, r.out.Flush()); err != nil {
		return err
	}
	if r.failed {
		return &exitError{code: 1}
	}
	return nil
}

// decoder gives the decoder of the rules that were asked for.
func (c *decodeCommand) decoder() (*codec.Decoder, error) {
	at := c.At
	if at.IsZero() {
		at = time.Now()
	}
	book, err := loadRules(c.Rules)
	if err != nil {
		return nil, err
	}
	return book.At(at), nil
}

// loadRules reads a rule file; without a name it gives the built-in rules.
func loadRules(name string) (*codec.Rulebook, error) {
	if name == "" {
		return codec.BuiltIn(), nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read rule file: %w", err)
	}
	book, err := codec.LoadRules(text)
	if err != nil {
		return nil, fmt.Errorf("cannot use rule file %s: %w", name, err)
	}
	return book, nil
}

// isPicture tells the name of a picture from a code. A link may end so too.
func isPicture(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png", ".jpg", ".jpeg":
		return !strings.Contains(name, "://")
	}
	return false
}

// lines reads one code a line. Every line has its answer, in its place.
func (r *codeReader) lines(in io.Reader) error {
	reader := bufio.NewReaderSize(in, codeLineMax)
	for {
		line, err := reader.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			r.fault(&codec.Error{Code: codec.CodeTooLong, Offset: codeLineMax, Found: "a longer line",
				Want: fmt.Sprintf("at most %d bytes", codeLineMax)})
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = reader.ReadSlice('\n')
			}
		case len(line) > 0:
			r.text(string(bytes.TrimRight(line, "\r\n")))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// picture reads every code of a picture.
func (r *codeReader) picture(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("cannot read picture: %w", err)
	}
	defer file.Close()
	symbols, err := symbol.Read(file)
	var fault *codec.Error
	if errors.As(err, &fault) {
		r.fault(fault)
		return nil
	}
	for _, s := range symbols {
		r.text(s.Text)
	}
	return err
}

func (r *codeReader) text(text string) {
	err := r.decoder.DecodeWith(r.profile, text, &r.code)
	var fault *codec.Error
	switch {
	case errors.As(err, &fault):
		r.fault(fault)
	case r.json:
		printJSON(r.out, &r.code)
	default:
		printCode(r.out, &r.code)
	}
}

func (r *codeReader) fault(fault *codec.Error) {
	r.failed = true
	if r.json {
		printJSON(r.out, map[string]any{"error": fault})
		return
	}
	fmt.Fprintln(r.out, fault)
}

func printJSON(out io.Writer, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		text = []byte(`{}`) // Maps of texts and numbers always encode.
	}
	fmt.Fprintln(out, string(text))
}

// printCode draws the code as a tree with the byte offset of each field.
func printCode(out io.Writer, code *codec.Code) {
	fmt.Fprintf(out, "%s, %s", code.Standard, map[bool]string{true: "static", false: "dynamic"}[code.Static])
	for _, item := range [][2]string{{"mode", strings.ReplaceAll(string(code.Mode), "_", " ")}, {"scheme", code.Scheme},
		{"issuer", code.Issuer}, {"rule", code.Rule}, {"profile", string(code.Profile)}} {
		if item[1] != "" {
			fmt.Fprintf(out, ", %s %s", item[0], item[1])
		}
	}
	fmt.Fprintln(out)
	if code.HasAmount {
		fmt.Fprintf(out, "amount %d minor units of currency %s\n", code.AmountFen, code.Currency)
	}
	var above []string // The templates that are open.
	for _, f := range code.Fields {
		path := strings.Split(f.Path, ".")
		for depth := range len(path) - 1 {
			if depth < len(above) && above[depth] == path[depth] {
				continue
			}
			fmt.Fprintf(out, "     %s%s\n", strings.Repeat("  ", 1+depth), path[depth])
			above = append(above[:min(depth, len(above))], path[depth])
		}
		above = above[:min(len(above), len(path)-1)]
		name := strings.TrimSpace(path[len(path)-1] + " " + f.Name)
		fmt.Fprintf(out, "%5d%s%s = %q", f.Offset, strings.Repeat("  ", len(path)), name, f.Value)
		if f.Readable != "" {
			fmt.Fprintf(out, " (%s)", f.Readable)
		}
		fmt.Fprintln(out)
	}
	for _, d := range code.Deviations {
		fmt.Fprintf(out, "deviation %s at %s: %s\n", d.Code, d.Path, d.Message)
	}
}
