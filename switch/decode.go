package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tongma/codec"
)

// decodeCommand says what a payment code is.
type decodeCommand struct {
	JSON    bool   `name:"json" help:"Print one JSON object a code."`
	Profile string `default:"auto" help:"What is forgiven: auto, strict, open, byte-lengths or the name of a scheme."`
	Code    string `arg:"" help:"The code; - reads one code a line."`
}

// Run decodes and exits 1 where a code is not one.
func (c *decodeCommand) Run() error {
	if c.Code != "-" {
		return c.decode(os.Stdout, c.Code)
	}
	var failed error
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if err := c.decode(os.Stdout, in.Text()); err != nil {
			failed = err
		}
	}
	return errors.Join(failed, in.Err())
}

func (c *decodeCommand) decode(out io.Writer, text string) error {
	var code codec.Code
	err := codec.Default().DecodeWith(codec.Profile(c.Profile), text, &code)
	var fault *codec.Error
	if errors.As(err, &fault) {
		if c.JSON {
			printJSON(out, map[string]any{"error": fault})
		} else {
			fmt.Fprintln(out, fault)
		}
		return &exitError{code: 1}
	}
	if err != nil {
		return err
	}
	if c.JSON {
		text, err := json.Marshal(&code)
		fmt.Fprintln(out, string(text))
		return err
	}
	printCode(out, &code)
	return nil
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
	fmt.Fprintf(out, "%s, %s, static %t, scheme %q\n", code.Standard, code.Mode, code.Static, code.Scheme)
	if code.HasAmount {
		fmt.Fprintf(out, "amount %d minor units of currency %s\n", code.AmountFen, code.Currency)
	}
	for _, f := range code.Fields {
		indent := strings.Repeat("  ", 1+strings.Count(f.Path, "."))
		fmt.Fprintf(out, "%5d%s%s %s = %q\n", f.Offset, indent, f.Path, f.Name, f.Value)
	}
	for _, d := range code.Deviations {
		fmt.Fprintf(out, "deviation %s at %s: %s\n", d.Code, d.Path, d.Message)
	}
}
