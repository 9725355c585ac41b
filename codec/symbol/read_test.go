package symbol

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

const payerCode = "134567890123456789"

// TestPicturesOfOtherPrograms reads what qrencode and zint drew; testdata/README.md says how.
func TestPicturesOfOtherPrograms(t *testing.T) {
	t.Parallel()
	f := func(name string, kind Kind, text string) {
		t.Helper()
		file, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		wantOnly(t, file, kind, text)
	}
	f("qrencode-merchant.png", KindQR, merchantCode)
	f("qrencode-kanji.png", KindQR, "日本")
	f("qrencode-digits.png", KindQR, "0112345678901234567")
	f("qrencode-512.png", KindQR, strings.Repeat("0123456789ABCDEF", 32))
	f("zint-utf8.png", KindQR, "收款码 ¥1")
	f("zint-digits.png", KindCode128, payerCode)
	f("zint-rotated.png", KindCode128, "fp0123456789abcdef0123456789abcdef1")
	f("zint-latin1.png", KindCode128, "Zoë é")
	f("zint-reversed.png", KindCode128, "6212345678901234567")
}

func TestRotatedPicturesAreRead(t *testing.T) {
	t.Parallel()
	qr, bars := drawQR(t, merchantCode, LevelM), drawCode128(t, payerCode)
	for degrees := 0.0; degrees < 360; degrees += 45 {
		wantOnly(t, alone(qr, 3, degrees).file(t), KindQR, merchantCode)
		wantOnly(t, alone(bars, 2, degrees).file(t), KindCode128, payerCode)
	}
}

// TestCornersFollowTheSymbol compares corners with where the symbol was put, which fixes
// their order too.
func TestCornersFollowTheSymbol(t *testing.T) {
	t.Parallel()
	f := func(d Drawing, quietX, quietY int, degrees, within float64) {
		t.Helper()
		p := alone(d, 3, degrees)
		symbols, err := Read(bytes.NewReader(p.file(t)))
		if err != nil {
			t.Fatal(err)
		}
		sin, cos := math.Sincos(degrees * math.Pi / 180)
		halfX, halfY := 1.5*float64(d.width-2*quietX), 1.5*float64(d.height-2*quietY)
		for i, sign := range [4][2]float64{{-1, -1}, {1, -1}, {1, 1}, {-1, 1}} {
			x, y := sign[0]*halfX, sign[1]*halfY
			want := place{p.symbols[0].x + x*cos - y*sin, p.symbols[0].y + x*sin + y*cos}
			got := place{float64(symbols[0].Corners[i].X), float64(symbols[0].Corners[i].Y)}
			if got.to(want) > within {
				t.Errorf("%s turned by %v: corner %d is %v, want %v", d.kind, degrees, i, got, want)
			}
		}
	}
	for _, degrees := range []float64{0, 10, 135, 270} {
		f(drawQR(t, merchantCode, LevelM), qrQuietModules, qrQuietModules, degrees, 4)
		f(drawCode128(t, payerCode), code128QuietModules, code128MarginModules, degrees, 8)
	}
}

func TestSeveralSymbolsInOnePicture(t *testing.T) {
	t.Parallel()
	var want []string
	p := photograph{width: 900, height: 900, paper: 235, ink: 20, noise: 6, seed: 3}
	for i := range 9 { // Three rows of QR and Code 128 in turn, each turned by another angle.
		text := fmt.Sprintf("https://qr.95516.com/0001000%d/62", i)
		d, module := drawQR(t, text, LevelM), 4.0
		if i%2 == 1 {
			text = fmt.Sprintf("28123456789012345%d", i)
			d, module = drawCode128(t, text), 1.6
		}
		want = append(want, text)
		p.symbols = append(p.symbols, placed{drawing: d, module: module, degrees: float64(11 * i),
			x: 150 + 300*float64(i%3), y: 150 + 300*float64(i/3)})
	}
	symbols, err := Read(bytes.NewReader(p.file(t)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range symbols {
		got = append(got, s.Text)
		if (s.Kind == KindQR) != strings.HasPrefix(s.Text, "https") {
			t.Errorf("%s is said to be %s", s.Text, s.Kind)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

// TestEqualSymbolsAreCounted puts the same code four times on a page: four symbols, not one.
func TestEqualSymbolsAreCounted(t *testing.T) {
	t.Parallel()
	for _, d := range []Drawing{drawQR(t, merchantCode, LevelM), drawCode128(t, payerCode)} {
		p := photograph{width: 640, height: 640, paper: 235, ink: 20, noise: 6, seed: 4}
		for i := range 4 {
			p.symbols = append(p.symbols, placed{drawing: d, module: 1.9 * 150 / float64(d.width),
				x: 160 + 320*float64(i%2), y: 240 + 150*float64(i/2)})
			if d.kind == KindQR {
				p.symbols[i].y = 160 + 320*float64(i/2)
			}
		}
		symbols, err := Read(bytes.NewReader(p.file(t)))
		if err != nil || len(symbols) != 4 {
			t.Errorf("%s: %d symbols, %v", d.kind, len(symbols), err)
		}
		for i, s := range symbols { // From above, then from the left.
			if i%2 == 1 && s.Corners[0].X < symbols[i-1].Corners[0].X {
				t.Errorf("%s: out of order: %v", d.kind, symbols)
			}
		}
	}
}

func TestTooManySymbolsAreRefused(t *testing.T) {
	t.Parallel()
	d := drawQR(t, "1", LevelL)
	side := d.width * 2
	p := photograph{width: 9 * side, height: 8 * side, paper: 255}
	for i := range 9 * 8 {
		p.symbols = append(p.symbols, placed{drawing: d, module: 2,
			x: float64(side)*float64(i%9) + float64(side)/2, y: float64(side)*float64(i/9) + float64(side)/2})
	}
	_, err := Read(bytes.NewReader(p.file(t)))
	if codeOf(err) != CodeTooManySymbols {
		t.Errorf("%v, want %s", err, CodeTooManySymbols)
	}
	p.height -= side // 63 are one less than the limit.
	p.symbols = p.symbols[:63]
	symbols, err := Read(bytes.NewReader(p.file(t)))
	if len(symbols) != 63 {
		t.Errorf("read %d of 63: %v", len(symbols), err)
	}
}

// TestDirtyPicturesAreRead fixes how many of the pictures of each kind of dirt are read at
// least, with modules of three pixels, turned at random unless said otherwise.
func TestDirtyPicturesAreRead(t *testing.T) {
	t.Parallel()
	const each = 2 // Of QR, and as many of Code 128.
	f := func(note string, want int, spoil func(*photograph)) {
		t.Helper()
		read := 0
		for i := range 2 * each {
			random := rand.New(rand.NewPCG(uint64(i), 5))
			text, d := merchantCode, drawQR(t, merchantCode, LevelM)
			if i >= each {
				text, d = payerCode, drawCode128(t, payerCode)
			}
			p := alone(d, 3, 360*random.Float64())
			p.seed = uint64(i)
			spoil(&p)
			symbols, err := Read(bytes.NewReader(p.file(t)))
			if err == nil && len(symbols) == 1 && symbols[0].Text == text {
				read++
			} else if err == nil {
				t.Errorf("%s: read %+v, want %q or nothing", note, symbols, text)
			}
		}
		t.Logf("%s: %d of %d", note, read, 2*each)
		if read < want {
			t.Errorf("%s: %d of %d read, want %d or more", note, read, 2*each, want)
		}
	}
	f("noise of 20", 4, func(p *photograph) { p.noise = 20 })
	f("noise of 40", 3, func(p *photograph) { p.noise = 40 })
	f("2 % specks", 4, func(p *photograph) { p.specks = 0.02 })
	f("blur of a third of a module", 4, func(p *photograph) { p.blur, p.noise = 1, 3 })
	f("low contrast", 4, func(p *photograph) { p.paper, p.ink, p.noise = 140, 110, 3 })
	f("light falling off by 80 %", 4, func(p *photograph) { p.shade, p.noise = 0.8, 3 })
	f("light on dark", 4, func(p *photograph) { p.paper, p.ink, p.noise = 30, 230, 5 })
	f("perspective", 3, func(p *photograph) { p.symbols[0].tilt, p.noise = 0.15, 3 })
	f("shear", 4, func(p *photograph) { p.symbols[0].shear, p.noise = 0.2, 3 })
	f("JPEG of quality 20", 4, func(p *photograph) { p.quality, p.noise = 20, 3 })
	f("JPEG of quality 5", 3, func(p *photograph) { p.quality = 5 })
	f("all of it", 3, func(p *photograph) {
		p.blur, p.noise, p.shade, p.quality, p.symbols[0].tilt = 0.8, 8, 0.4, 60, 0.1
	})
}
