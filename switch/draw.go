package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"tongma/codec"
	"tongma/codec/symbol"
)

// drawCommand draws a code as the symbol that a till or an app shows.
type drawCommand struct {
	Symbol string `default:"qr" enum:"qr,code128" help:"qr, or code128 for a payer's digits."`
	Format string `default:"terminal" enum:"terminal,png,svg" help:"terminal, png or svg."`
	Level  string `default:"M" enum:"L,M,Q,H" help:"How much of a QR code may be damaged: L, M, Q or H."`
	Pixels int    `default:"8" help:"Pixels of a module, for png."`
	Out    string `help:"File; standard output if left out."`
	Force  bool   `help:"Draw text that is no payment code too."`
	Code   string `arg:"" help:"The code."`
}

var drawLevels = map[string]symbol.Level{"L": symbol.LevelL, "M": symbol.LevelM, "Q": symbol.LevelQ, "H": symbol.LevelH}

// Run draws. What no till could read as a payment code is refused unless forced.
func (c *drawCommand) Run() error {
	var code codec.Code
	if err := codec.Default().Decode(c.Code, &code); err != nil && !c.Force {
		return fmt.Errorf("no payment code, --force draws it all the same: %w", err)
	}
	drawing, err := c.draw()
	if err != nil {
		return err
	}
	out := os.Stdout
	if c.Out != "" {
		if out, err = os.Create(c.Out); err != nil {
			return fmt.Errorf("cannot write the drawing: %w", err)
		}
	}
	writer := bufio.NewWriter(out)
	err = errors.Join(c.write(writer, drawing), writer.Flush())
	if c.Out != "" {
		err = errors.Join(err, out.Close())
	}
	return err
}

func (c *drawCommand) draw() (symbol.Drawing, error) {
	if c.Symbol == "code128" {
		return symbol.Code128(c.Code)
	}
	return symbol.QR(c.Code, drawLevels[c.Level])
}

func (c *drawCommand) write(w io.Writer, drawing symbol.Drawing) error {
	switch c.Format {
	case "png":
		return drawing.PNG(w, c.Pixels)
	case "svg":
		return drawing.SVG(w)
	}
	return drawing.Terminal(w)
}
