package symbol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"tongma/codec"
)

// pngHeader is a PNG file that claims a size and has no pixels.
func pngHeader(width, height uint32) []byte {
	chunk := []byte("IHDR\x00\x00\x00\x00\x00\x00\x00\x00\x08\x06\x00\x00\x00")
	binary.BigEndian.PutUint32(chunk[4:], width)
	binary.BigEndian.PutUint32(chunk[8:], height)
	file := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), chunk...)
	return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(chunk))
}

// jpegOfScans is a JPEG picture whose scan header stands there many times over.
func jpegOfScans(t *testing.T, scans int) []byte {
	var file bytes.Buffer
	if err := jpeg.Encode(&file, image.NewGray(image.Rect(0, 0, 16, 16)), nil); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(file.Bytes(), []byte{0xFF, 0xDA})
	return append(file.Bytes()[:at:at], bytes.Repeat(file.Bytes()[at:], scans)...)
}

func TestHostilePicturesAreRefused(t *testing.T) {
	f := func(note string, file []byte, want string) {
		t.Helper()
		symbols, err := Read(bytes.NewReader(file))
		if got := codeOf(err); got != want || symbols != nil {
			t.Errorf("%s: %v, code %q, want %q", note, err, got, want)
		}
	}
	noise := make([]byte, 10<<20)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	whole := pictureOf(t, drawQR(t, merchantCode, LevelM), 4)
	f("nothing", nil, CodePictureBad)
	f("zeros", make([]byte, 1<<20), CodePictureBad)
	f("10 MB of noise", noise, CodePictureTooLarge)
	f("1 MB of noise", noise[:1<<20], CodePictureBad)
	f("the beginning of JPEG, then noise", append([]byte("\xFF\xD8\xFF"), noise[:1<<20]...), CodePictureBad)
	f("text", []byte("00020101021226"), CodePictureBad)
	f("a bomb of 50000 × 50000", pngHeader(50000, 50000), CodePictureTooLarge)
	f("a side of 2^31-1", pngHeader(1<<31-1, 1<<31-1), CodePictureBad)
	f("a side of 2^31", pngHeader(1<<31, 1), CodePictureBad)
	f("a strip of 2^31-1", pngHeader(1<<31-1, 1), CodePictureTooLarge)
	f("no width", pngHeader(0, 10), CodePictureBad)
	f("a large header without pixels", pngHeader(4096, 4096), CodePictureBad)
	f("truncated in the header", whole[:20], CodePictureBad)
	f("truncated in the middle", whole[:len(whole)/2], CodePictureBad)
	f("without its end", whole[:len(whole)-20], CodePictureBad)
	f("a thousand scans", jpegOfScans(t, 1000), CodePictureTooLarge)
	f("GIF", []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00"), CodePictureBad)
}

func TestReadersErrorIsKept(t *testing.T) {
	if _, err := Read(iotest.ErrReader(io.ErrClosedPipe)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v, want the reader's own error within", err)
	}
}

func TestErrorsDoNotHoldTheText(t *testing.T) {
	const secret = "134567890123456789"
	_, long := QR(strings.Repeat(secret, 400), LevelH)
	_, longBars := Code128(strings.Repeat(secret, 5))
	_, character := Code128(secret + "é")
	_, utf8 := QR(secret+"\xff", LevelM)
	for _, err := range []error{long, longBars, character, utf8} {
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("error %v shows the text", err)
		}
	}
}

func TestDrawingIsRefused(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if got := codeOf(err); got != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	qr := func(text string, level Level) error { _, err := QR(text, level); return err }
	bars := func(text string) error { _, err := Code128(text); return err }
	f(qr("", LevelM), codec.CodeEmpty)
	f(qr("\xff", LevelM), codec.CodeNotUTF8)
	f(qr(strings.Repeat("a", 2953), LevelL), "")
	f(qr(strings.Repeat("a", 2954), LevelL), CodeTextTooLong)
	f(qr(strings.Repeat("a", 2331), LevelM), "")
	f(qr(strings.Repeat("a", 2332), LevelM), CodeTextTooLong)
	f(qr(strings.Repeat("a", 1273), LevelH), "")
	f(qr(strings.Repeat("a", 1274), LevelH), CodeTextTooLong)
	f(qr(strings.Repeat("1", 7089), LevelL), "")
	f(qr(strings.Repeat("1", 7090), LevelL), CodeTextTooLong)
	f(qr(strings.Repeat("a", 10<<20), LevelL), CodeTextTooLong)
	f(qr("a", LevelH+1), CodeLevel)
	f(bars(""), codec.CodeEmpty)
	f(bars("ñ"), CodeCharacter)
	f(bars("\xff"), CodeCharacter)
	f(bars(strings.Repeat("1", 80)), "")
	f(bars(strings.Repeat("1", 81)), CodeTextTooLong)
	d := drawQR(t, "a", LevelM)
	f(d.PNG(io.Discard, 0), CodeModulePixels)
	f(d.PNG(io.Discard, -1), CodeModulePixels)
	f(d.PNG(io.Discard, 1<<62), CodePictureTooLarge)
	f(d.PNG(io.Discard, 1000), CodePictureTooLarge)
	if err := d.SVG(closed{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v, want the writer's own error within", err)
	}
}

// closed is a writer that takes nothing.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// FuzzRead looks for pictures that end the process or take it long.
func FuzzRead(f *testing.F) {
	f.Add(pictureOf(f, drawQR(f, "fuzz", LevelM), 2))
	f.Add(pictureOf(f, drawCode128(f, "12345678"), 1))
	f.Add(pngHeader(50000, 50000))
	f.Add([]byte("\xFF\xD8\xFF\xE0"))
	f.Fuzz(func(t *testing.T, file []byte) {
		symbols, err := Read(bytes.NewReader(file))
		if (err == nil) != (len(symbols) > 0) {
			t.Errorf("%d symbols and error %v", len(symbols), err)
		}
	})
}
