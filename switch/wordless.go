package main

import (
	"log"

	"go.uber.org/zap"
)

// wordless takes the lines of libraries that use the standard logger, and tells only that
// there was one: net/http quotes what an institution sent.
type wordless struct{ logger *zap.Logger }

// Write drops the line's text.
func (w wordless) Write(line []byte) (int, error) {
	w.logger.Warn("switch: a library wrote a line, whose text is not kept", zap.Int("bytes", len(line)))
	return len(line), nil
}

func hushLibraries(logger *zap.Logger) { log.SetOutput(wordless{logger}) }
