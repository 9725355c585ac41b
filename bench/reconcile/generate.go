package reconcile

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
)

// total counts rows and sums fen.
type total struct {
	Rows   int64 `json:"rows"`
	Amount int64 `json:"amount"`
}

func (t *total) add(amount int64) { t.Rows++; t.Amount += amount }

// kinds of discrepancy, one row in tenThousand each; the number is what the row's hash
// leaves.
var kinds = [...]string{"short", "long", "amount", "fee", "status", "currency", "party", "cut-off",
	"duplicate-left", "duplicate-right"}

const tenThousand = 10_000

// data describes both sides; every row follows from the seed and its number.
type data struct {
	rows uint64
	seed uint64
	hot  uint64 // Rows of a thousand that share one id.
}

// truth is what was generated.
type truth struct {
	Left    total            `json:"left"`
	Right   total            `json:"right"`
	Matched total            `json:"matched"`
	Classes map[string]total `json:"classes"`
}

// payment is one row before it is written.
type payment struct {
	merchant uint64
	number   uint64
	amount   int64
	fee      int64
	second   uint64 // Of the day.
	kind     int    // Index in kinds, or -1.
	hot      bool
}

// mix is splitmix64's finaliser.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// payment makes row number. Merchants are skewed: half of the rows belong to one in 64.
func (d *data) payment(number uint64) payment {
	h := mix(number ^ d.seed)
	g := mix(h)
	p := payment{number: number, kind: -1, amount: int64(h>>20%500_000) + 1, second: g % 82_800}
	p.fee = p.amount * 6 / 1000
	span := uint64(100_000) >> (2 * (g >> 60 & 7))
	p.merchant = g >> 20 % max(span, 1)
	if p.hot = g>>40%1000 < d.hot; p.hot {
		return p
	}
	if k := int(h >> 8 % tenThousand); k < len(kinds) {
		p.kind = k
	}
	return p
}

// stride visits every number once in another order: it is odd and prime to rows.
func (d *data) stride() uint64 {
	stride := uint64(float64(d.rows)*0.6180339887) | 1
	for gcd(stride, d.rows) != 1 {
		stride += 2
	}
	return stride
}

func gcd(a, b uint64) uint64 {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

// copyOf is the row whose repetition stands at place: a third of the rows further on.
func (d *data) copyOf(place uint64) uint64 { return (place + d.rows - d.rows/3) % d.rows }

const (
	leftHeader  = "payment,time,merchant,amount_fen,fee_fen,currency,status\n"
	rightHeader = "id,merchant,yuan,fee,currency,state,time\n"
	hotID       = "M00000999999999999"
)

// left writes our line of place, and repetitions that stand there.
func (d *data) left(dst []byte, place uint64, t *truth) []byte {
	p := d.payment(place)
	if p.kind < 0 || kinds[p.kind] != "long" {
		dst = p.leftLine(dst)
		t.Left.add(p.amount)
	}
	switch {
	case p.kind < 0:
		t.Matched.add(p.amount)
	case kinds[p.kind] == "duplicate-left" || kinds[p.kind] == "duplicate-right":
		t.Matched.add(p.amount)
		fallthrough
	default:
		t.class(p.kind, p.amount)
	}
	if p = d.payment(d.copyOf(place)); p.kind >= 0 && kinds[p.kind] == "duplicate-left" {
		dst = p.leftLine(dst)
		t.Left.add(p.amount)
	}
	return dst
}

func (t *truth) class(kind int, amount int64) {
	c := t.Classes[kinds[kind]]
	c.add(amount)
	t.Classes[kinds[kind]] = c
}

// right writes the bank's line of place, and repetitions that stand there.
func (d *data) right(dst []byte, place, stride uint64, t *truth) []byte {
	p := d.payment(place * stride % d.rows)
	if p.kind < 0 || kinds[p.kind] != "short" {
		dst = p.rightLine(dst)
		t.Right.add(p.rightAmount())
	}
	if p = d.payment(d.copyOf(place) * stride % d.rows); p.kind >= 0 && kinds[p.kind] == "duplicate-right" {
		dst = p.rightLine(dst)
		t.Right.add(p.amount)
	}
	return dst
}

func (p *payment) rightAmount() int64 {
	if p.kind >= 0 && kinds[p.kind] == "amount" {
		return p.amount + 1
	}
	return p.amount
}

func (p *payment) id(dst []byte) []byte {
	if p.hot {
		return append(dst, hotID...)
	}
	dst = digits(append(dst, 'M'), p.merchant, 5)
	return digits(dst, p.number, 12)
}

func digits(dst []byte, n uint64, width int) []byte {
	var text [20]byte
	for i := width - 1; i >= 0; i-- {
		text[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, text[:width]...)
}

func (p *payment) moment(dst []byte, day uint64, between byte) []byte {
	dst = digits(append(dst, "2026-11-"...), day, 2)
	dst = digits(append(dst, between), p.second/3600, 2)
	dst = digits(append(dst, ':'), p.second/60%60, 2)
	return digits(append(dst, ':'), p.second%60, 2)
}

func (p *payment) leftLine(dst []byte) []byte {
	dst = append(p.id(dst), ',')
	dst = append(p.moment(dst, 24, ' '), ',', 'M')
	dst = append(digits(dst, p.merchant, 5), ',')
	dst = append(strconv.AppendInt(dst, p.amount, 10), ',')
	dst = strconv.AppendInt(dst, p.fee, 10)
	return append(dst, ",156,approved\n"...)
}

func (p *payment) rightLine(dst []byte) []byte {
	kind := ""
	if p.kind >= 0 {
		kind = kinds[p.kind]
	}
	amount, fee, merchant, currency, state, day := p.rightAmount(), p.fee, p.merchant, ",CNY,", "S,", uint64(24)
	switch kind {
	case "fee":
		fee++
	case "party":
		merchant = (merchant + 1) % 100_000
	case "currency":
		currency = ",USD,"
	case "status":
		state = "F,"
	case "cut-off":
		day++
	}
	dst = append(p.id(dst), ',', 'M')
	dst = append(digits(dst, merchant, 5), ',')
	dst = append(yuan(dst, amount), ',')
	dst = append(append(yuan(dst, fee), currency...), state...)
	return append(p.moment(dst, day, 'T'), '\n')
}

func yuan(dst []byte, fen int64) []byte {
	dst = append(strconv.AppendInt(dst, fen/100, 10), '.')
	return digits(dst, uint64(fen%100), 2)
}

// write makes both files and tells what is in them.
func (d *data) write(left, right string) (*truth, error) {
	t := &truth{Classes: map[string]total{}}
	err := d.file(left, leftHeader, t, func(dst []byte, place uint64, t *truth) []byte {
		return d.left(dst, place, t)
	})
	if err != nil {
		return nil, err
	}
	stride := d.stride()
	return t, d.file(right, rightHeader, t, func(dst []byte, place uint64, t *truth) []byte {
		return d.right(dst, place, stride, t)
	})
}

const stripRows = 1 << 16

// file writes strips of rows in order, made by all processors.
func (d *data) file(name, header string, sum *truth, line func([]byte, uint64, *truth) []byte) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriterSize(file, 1<<20)
	if _, err := out.WriteString(header); err != nil {
		return err
	}
	workers := runtime.GOMAXPROCS(0)
	texts, truths := make([][]byte, workers), make([]truth, workers)
	for i := range truths {
		truths[i].Classes = map[string]total{}
	}
	for begin := uint64(0); begin < d.rows; begin += uint64(workers) * stripRows {
		var group sync.WaitGroup
		for i := range workers {
			from := begin + uint64(i)*stripRows
			group.Go(func() {
				texts[i] = texts[i][:0]
				for place := from; place < min(from+stripRows, d.rows); place++ {
					texts[i] = line(texts[i], place, &truths[i])
				}
			})
		}
		group.Wait()
		for _, text := range texts {
			if _, err := out.Write(text); err != nil {
				return err
			}
		}
	}
	for i := range truths {
		sum.merge(&truths[i])
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("bench: cannot write: %w", err)
	}
	if err := file.Sync(); err != nil { // Or the disk is busy with it while others are timed.
		return fmt.Errorf("bench: cannot write: %w", err)
	}
	return file.Close()
}

func (t *truth) merge(other *truth) {
	for to, from := range map[*total]total{&t.Left: other.Left, &t.Right: other.Right, &t.Matched: other.Matched} {
		to.Rows += from.Rows
		to.Amount += from.Amount
	}
	for name, from := range other.Classes {
		to := t.Classes[name]
		t.Classes[name] = total{to.Rows + from.Rows, to.Amount + from.Amount}
	}
}
