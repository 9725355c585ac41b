package reconcile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Inbox is a directory into which one side's files come.
//
// A file is complete, and only then taken, when its name says so, and its content:
//   - A name that begins with a dot, or ends in .part, .tmp, .filepart or ~, is of a file that
//     is still being written. Senders write under such a name and rename.
//   - Where the layout has a trailer, the last line is one.
//   - Where it has none, the file has not changed for as long as Settle says.
//   - A packed file unpacks to its end.
type Inbox struct {
	Directory string
	Layout    *Layout
	Settle    time.Duration // 0 is two seconds.

	seen map[string]look
}

// look is what was found out about a file, as long as it does not change.
type look struct {
	size     int64
	time     time.Time
	complete bool
	certain  bool // Its content alone says so.
}

// Complete lists the paths of the files that are complete, by name, and counts the others.
func (b *Inbox) Complete(now time.Time) (paths []string, waiting int, err error) {
	entries, err := os.ReadDir(b.Directory)
	if err != nil {
		return nil, 0, fmt.Errorf("reconcile: cannot read inbox: %w", err)
	}
	if b.seen == nil {
		b.seen = map[string]look{}
	}
	known := map[string]look{}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if slices.ContainsFunc(unfinishedNames, func(end string) bool { return strings.HasSuffix(entry.Name(), end) }) {
			waiting++
			continue
		}
		path := filepath.Join(b.Directory, entry.Name())
		found, ok := b.seen[entry.Name()]
		if !ok || found.size != info.Size() || !found.time.Equal(info.ModTime()) {
			found = look{size: info.Size(), time: info.ModTime()}
			found.complete, found.certain = b.ends(path)
		}
		known[entry.Name()] = found
		if !found.complete || !found.certain && now.Sub(info.ModTime()) < b.settle() {
			waiting++
			continue
		}
		paths = append(paths, path)
	}
	b.seen = known
	return paths, waiting, nil
}

// settleDefault is for how long a file without a trailer must have been left alone.
const settleDefault = 2 * time.Second

var unfinishedNames = []string{".part", ".tmp", ".filepart", "~"}

func (b *Inbox) settle() time.Duration {
	if b.Settle == 0 {
		return settleDefault
	}
	return b.Settle
}

// ends reports whether the file's content is whole, and whether that is certain.
func (b *Inbox) ends(path string) (complete, certain bool) {
	packed := strings.HasSuffix(path, ".gz") || strings.HasSuffix(path, ".zst")
	if b.Layout.Trailer == nil && !packed {
		return true, false
	}
	file, err := openRegular(path)
	if err != nil {
		return false, false
	}
	defer file.Close()
	var last []byte
	if packed {
		tail := &tailWriter{}
		if err := unpack(tail, file); err != nil {
			return false, false
		}
		last = tail.text
	} else if last, err = tailOf(file); err != nil {
		return false, false
	}
	if b.Layout.Trailer == nil {
		return true, true
	}
	last = bytes.TrimRight(last, "\r\n")
	if at := bytes.LastIndexByte(last, '\n'); at >= 0 {
		last = last[at+1:]
	}
	p, err := newParser(Layout{Encoding: b.Layout.Encoding, Trailer: b.Layout.Trailer}, nil)
	return err == nil && bytes.HasPrefix(last, p.trailer), true
}

// tailBytes is how much of a file's end is looked at.
const tailBytes = 64 << 10

func tailOf(file *os.File) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	text := make([]byte, min(info.Size(), tailBytes))
	_, err = file.ReadAt(text, info.Size()-int64(len(text)))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return text, err
}

// tailWriter keeps the end of what is written to it.
type tailWriter struct{ text []byte }

// Write is io.Writer's.
func (t *tailWriter) Write(text []byte) (int, error) {
	t.text = append(t.text, text...)
	if len(t.text) > 2*tailBytes {
		t.text = append(t.text[:0], t.text[len(t.text)-tailBytes:]...)
	}
	return len(text), nil
}
