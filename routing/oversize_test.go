package routing

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// huge is a file of a gigabyte; reading any of it fails the test.
type huge struct {
	fs.FileInfo
	t *testing.T
}

func (h huge) Open(string) (fs.File, error) { return h, nil }
func (h huge) Stat() (fs.FileInfo, error)   { return h, nil }
func (h huge) Size() int64                  { return 1 << 30 }
func (h huge) Close() error                 { return nil }
func (h huge) Read([]byte) (int, error) {
	h.t.Error("the file was read")
	return 0, fs.ErrInvalid
}

// A file of a gigabyte is refused by the name of the limit, without being read, and the
// table in use stays.
func TestHugeFileIsNotRead(t *testing.T) {
	var board Switchboard
	running := demoTable(t)
	if err := board.Activate(running); err != nil {
		t.Fatal(err)
	}
	table, _, err := LoadFS(huge{t: t}, "table.yaml", demoRegister(t))
	var malformed *Malformed
	if !errors.As(err, &malformed) || !strings.Contains(err.Error(), "tableBytesMax") {
		t.Errorf("got %v, want a *Malformed that names tableBytesMax", err)
	}
	if err := board.Activate(table); err == nil || board.Current() != running {
		t.Error("a table that could not be read was put in use")
	}
	if _, err := LoadRegisterFS(huge{t: t}, "register.yaml"); !errors.As(err, &malformed) ||
		!strings.Contains(err.Error(), "tableBytesMax") {
		t.Errorf("register: got %v, want a *Malformed that names tableBytesMax", err)
	}
	faulty, _, err := LoadFS(fstest.MapFS{"t": {Data: []byte("version: \"1\"\n")}}, "t", demoRegister(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := board.Activate(faulty); err == nil || board.Current() != running {
		t.Error("a table with errors was put in use")
	}
}
