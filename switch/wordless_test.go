package main

import (
	"log"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestLinesOfLibrariesKeepNoText: net/http writes an institution's bytes to the standard
// logger when it answers what nobody asked.
func TestLinesOfLibrariesKeepNoText(t *testing.T) {
	core, lines := observer.New(zap.DebugLevel)
	before := log.Writer()
	defer log.SetOutput(before)
	hushLibraries(zap.New(core))
	log.Print("payee Zhang San")
	if lines.Len() != 1 || len(lines.All()[0].Context) != 1 || lines.All()[0].Context[0].Key != "bytes" {
		t.Errorf("kept %+v, want one line with its length alone", lines.All())
	}
}
