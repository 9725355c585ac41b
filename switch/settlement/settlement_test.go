package settlement

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"tongma/switch/ledger"
	"tongma/switch/payment"
)

var seedsMax = flag.Int("seeds", 100, "seeds of the property tests")

// TestNetsAreWhatTheBooksSay: for any payments, refunds, fees and media, a window's nets
// sum to zero and are to the fen what each party's own lines of commercial money come to,
// and the postings that take it out of the positions leave every one at zero.
func TestNetsAreWhatTheBooksSay(t *testing.T) {
	for seed := range uint64(*seedsMax) {
		s, b, _ := sealed(t, seed, int(seed%97))
		sum := payment.Fen(0)
		for _, net := range s.Nets() {
			sum += net.Amount
			if net.Amount != b.own[net.Member] {
				t.Errorf("seed %d: %s nets to %d, its own book says %d", seed, net.Member, net.Amount, b.own[net.Member])
			}
			delete(b.own, net.Member)
		}
		for name, rest := range b.own {
			if rest != 0 {
				t.Errorf("seed %d: %s has %d in its book and no net", seed, name, rest)
			}
		}
		if sum != 0 {
			t.Errorf("seed %d: the nets sum to %d", seed, sum)
		}
		if err := b.book.Post(s.Postings()); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		for _, line := range b.book.Lines() {
			if p := line.Account.Purpose; line.Account.Medium == payment.Commercial && p != "settlement" {
				t.Errorf("seed %d: %s stands at %d after the window was settled", seed, line.Account, line.Balance)
			}
		}
	}
}

// TestDefault: without a member the others' nets are what they owe one another, still sum to
// zero, and what is left in the positions is the claims on the one that defaulted. It takes
// two persons and new instructions.
func TestDefault(t *testing.T) {
	for seed := range uint64(*seedsMax) {
		s, b, _ := sealed(t, seed, 40)
		gone := parties[seed%5]
		sum := payment.Fen(0)
		claims := map[string]payment.Fen{}
		for _, p := range s.pairsOf(gone) {
			claims[p.A] -= p.Net()
			claims[p.B] += p.Net()
		}
		for _, net := range s.Nets(gone) {
			sum += net.Amount
			if net.Member == gone && net.Amount != 0 || net.Amount+claims[net.Member] != b.own[net.Member] {
				t.Errorf("seed %d: without %s %s nets to %d, its book says %d, of it claims %d", seed, gone, net.Member,
					net.Amount, b.own[net.Member], claims[net.Member])
			}
		}
		if sum != 0 {
			t.Errorf("seed %d: the nets sum to %d", seed, sum)
		}
		if err := b.book.Post(s.Postings(gone)); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		for name, claim := range claims {
			side := ledger.Side{Institution: name}
			if got := b.book.Standing(side).Position; name != ledger.Switch && got != claim {
				t.Errorf("seed %d: %s is left with %d, its claims are %d", seed, name, got, claim)
			}
		}
	}
	l := &Life{Windows: []Window{{Number: 1, State: Instructed}, {Number: 2, State: Open}}}
	f := func(want Code, step func() (*Window, error)) {
		t.Helper()
		before := l.clone()
		_, err := step()
		var refusal *Refusal
		if errors.As(err, &refusal); (err == nil) != (want == "") || err != nil && refusal.Code != want {
			t.Errorf("got %v, want %q", err, want)
		}
		if err != nil && !reflect.DeepEqual(before, *l) {
			t.Errorf("a refusal changed %+v to %+v", before, *l)
		}
	}
	f(NothingProposed, func() (*Window, error) { return l.Default(1, "elm", "wang") })
	f("", func() (*Window, error) { return l.Accuse(1, "elm", "li") })
	f(SamePerson, func() (*Window, error) { return l.Default(1, "elm", "li") })
	f(NothingProposed, func() (*Window, error) { return l.Default(1, "fir", "wang") })
	f("", func() (*Window, error) { return l.Default(1, "elm", "wang") })
	f(WindowState, func() (*Window, error) { return l.Accuse(1, "elm", "li") })
	f(WindowState, func() (*Window, error) { return l.Confirm(1, Hash{}, "li") }) // To be instructed anew.
	f("", func() (*Window, error) { return l.Instruct(1, Hash{}, "li") })
	f("", func() (*Window, error) { return l.Confirm(1, Hash{}, "li") })
	f(WindowState, func() (*Window, error) { return l.Accuse(1, "fir", "li") }) // The bank has moved the money.
	f(SamePerson, func() (*Window, error) { return l.Finalise(1, "li", time.Now()) })
	f("", func() (*Window, error) { return l.Finalise(1, "wang", time.Now()) })
	f(WindowUnknown, func() (*Window, error) { return l.Finalise(7, "wang", time.Now()) })
	f(NothingProposed, func() (*Window, error) { return l.Approve("wang", time.Now()) })
}

// TestFoldGoesOnFromItsState: a fold that was saved and restored at any point seals the
// same window.
func TestFoldGoesOnFromItsState(t *testing.T) {
	want, _, list := sealed(t, 7, 60)
	for at := range list {
		f := NewFold(nil)
		f.Opened = time.Unix(1e9, 0)
		for i, e := range list {
			if i == at {
				state, err := f.State()
				if err != nil {
					t.Fatal(err)
				}
				f = NewFold(nil)
				if err := f.Restore(state); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.ended(e); err != nil {
				t.Fatal(err)
			}
		}
		at, err := parsePlace(want.At)
		if err != nil {
			t.Fatal(err)
		}
		got := f.close(at, &cut{Window: 1, Date: want.Date, ValueDate: want.ValueDate, ClosedBy: want.ClosedBy,
			ClosedAt: want.Closed, Members: []string{"alder", "quiet"}})
		if got.Digest != want.Digest {
			t.Fatalf("saved before payment %d: %+v, want %+v", at, got.Close, want.Close)
		}
	}
}

// TestStatementsProve: every statement of every member proves itself, an empty one too,
// and any change of a single byte, a line that is missing, doubled or moved is found.
func TestStatementsProve(t *testing.T) {
	s, _, list := sealed(t, 3, 16)
	directory := write(t, s, list)
	files, err := filepath.Glob(filepath.Join(directory, "*.gz"))
	if err != nil || len(files) != 3*len(s.Names) || !slices.Contains(s.Names, "quiet") {
		t.Fatalf("%d files of %d members, %v", len(files), len(s.Names), err)
	}
	out, in := map[string]payment.Fen{}, map[string]payment.Fen{}
	for _, name := range files {
		text := unpacked(t, name)
		v, err := Verify(bytes.NewReader(text), &s.Close)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[v.Kind] += v.Out
		in[v.Kind] += v.In
		packed, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Verify(bytes.NewReader(packed), &s.Close); err != nil || again != v {
			t.Errorf("%s packed: %+v, %v", name, again, err)
		}
		spoil(t, name, text, &s.Close)
	}
	if out[StatementDetail] != s.Gross || in[StatementDetail] != s.Gross || out[StatementFee] != s.Fees || in[StatementFee] != s.Fees {
		t.Errorf("out %v, in %v, sealed %d and %d", out, in, s.Gross, s.Fees)
	}
	altered := s.Close
	altered.Payments++
	if _, err := Verify(bytes.NewReader(unpacked(t, files[0])), &altered); !errors.Is(err, ErrSeal) {
		t.Errorf("an altered close: %v", err)
	}
	other, _, _ := sealed(t, 4, 40)
	if _, err := Verify(bytes.NewReader(unpacked(t, files[0])), &other.Close); err == nil {
		t.Error("the close of another window proves a statement")
	}
}

func unpacked(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// spoil holds that no spoiled form of a statement is taken. The trailer's digest is not
// secret, so each is given a new one: the proof alone has to find the change.
func spoil(t *testing.T, name string, text []byte, c *Close) {
	t.Helper()
	f := func(what string, spoiled []byte) {
		t.Helper()
		if bytes.Equal(spoiled, text) {
			return
		}
		var faults *FileError
		if _, err := Verify(bytes.NewReader(spoiled), c); !errors.As(err, &faults) || faults.Faults[0].Line < 1 {
			t.Errorf("%s, %s: %v", filepath.Base(name), what, err)
		}
	}
	for at := 0; at < len(text); at += 1 + len(text)/60 {
		changed := bytes.Clone(text)
		changed[at] ^= 1
		f("one bit", changed)
	}
	lines := bytes.SplitAfter(text, []byte{'\n'})
	lines = lines[:len(lines)-1]
	for i := range lines {
		f("a line less", retrailed(slices.Delete(slices.Clone(lines), i, i+1)))
		f("a line twice", retrailed(slices.Insert(slices.Clone(lines), i, lines[i])))
		if i > 2 {
			moved := slices.Clone(lines)
			moved[i], moved[i-1] = moved[i-1], moved[i]
			f("two lines moved", retrailed(moved))
		}
	}
	f("short", text[:len(text)/2])
	f("more", append(bytes.Clone(text), "D,1\n"...))
	f("empty", nil)
}

// retrailed gives a statement the digest that its lines have, if it has a trailer.
func retrailed(lines [][]byte) []byte {
	last := len(lines) - 1
	if last < 0 || !bytes.HasPrefix(lines[last], []byte("T,")) {
		return bytes.Join(lines, nil)
	}
	before := bytes.Join(lines[:last], nil)
	at := bytes.LastIndexByte(lines[last], ',')
	return append(append(bytes.Clone(before), lines[last][:at+1]...), hashOf(before).String()+"\n"...)
}

// TestConfirmation spoils a good confirmation in every way of the issue: each is refused
// with the line and the reason.
func TestConfirmation(t *testing.T) {
	s, _, _ := sealed(t, 5, 30)
	var good strings.Builder
	good.WriteString("H,tongma-confirmation,1,1,2026-11-26,156,BANK\n")
	sums := map[string]payment.Fen{}
	for _, i := range s.Instructions() {
		good.WriteString("C," + i.ID + "," + i.Direction + "," + i.Member + "," + i.Amount.String() + ",156,B\n")
		sums[i.Direction] += i.Amount
	}
	count := len(s.Instructions())
	trailer := "T," + payment.Fen(count).String() + "," + sums["pay"].String() + "," + sums["receive"].String() + "\n"
	good.WriteString(trailer)
	text := good.String()
	if err := s.Compare([]byte(text)); err != nil || sums["pay"] != sums["receive"] || count < 3 {
		t.Fatalf("%d instructions, %v: %v", count, sums, err)
	}
	lines := strings.SplitAfter(text, "\n")
	first := s.Instructions()[0]
	alone := []string{"<xml/>\n", "<?xml version=\"1.0\"?>\n<a/>\n", text + text, strings.Replace(text, ",1,1,2026", ",1,2,2026", 1)}
	f := func(line int, code, spoiled string) {
		t.Helper()
		var faults *FileError
		if err := s.Compare([]byte(spoiled)); !errors.As(err, &faults) {
			t.Errorf("%s: taken", code)
			return
		}
		if got := faults.Faults[0]; got.Line != line || got.Code != code {
			t.Errorf("got %s, want line %d: %s", got, line, code)
		}
		if more := len(faults.Faults) > 1; more && slices.Contains(alone, spoiled) {
			t.Errorf("%s: %v, want the first alone", code, faults)
		}
	}
	replace := func(old, now string) string { return strings.Replace(text, old, now, 1) }
	without := strings.Join(slices.Delete(slices.Clone(lines), 1, 2), "")
	f(count+1, faultTrailer, without)                                                            // Short by a line.
	f(count+2, faultTrailer, strings.Join(lines[:count+1], ""))                                  // Short by its trailer.
	f(3, faultTwice, strings.Join(slices.Insert(slices.Clone(lines), 1, lines[1]), ""))          // Doubled.
	f(1, faultWindow, replace(",1,1,2026", ",1,2,2026"))                                         // Of another window.
	f(1, faultDate, replace("2026-11-26", "2026-11-27"))                                         // Of another day.
	f(1, faultCurrency, replace(",156,BANK", ",840,BANK"))                                       // In another currency.
	f(2, faultCurrency, replace(",156,B\n", ",840,B\n"))                                         //
	f(2, faultAmount, replace(","+first.Amount.String()+",", ","+(first.Amount+1).String()+",")) // Altered by one fen.
	f(2, faultMember, replace(","+first.Member+",", ",nobody,"))
	f(2, faultDirection, replace(",pay,", ",receive,"))
	f(2, faultUnknown, replace(first.ID, "W000009-0001"))
	f(count+2, faultTrailer, replace(trailer, "T,1,1,1\n"))
	f(count+3, faultTrailer, text+lines[1])
	f(count+3, faultTrailer, text+text)             // Doubled whole.
	f(1, faultMalformed, replace(",BANK\n", ",\n")) // Without the bank's references.
	f(2, faultMalformed, replace(",B\n", ",\n"))
	f(1, faultMalformed, "\uFEFF"+text)
	f(1, faultMalformed, "\x1f\x8b"+text)
	f(1, faultMalformed, "")
	f(1, faultMalformed, "<xml/>\n")
	f(1, faultMalformed, "<?xml version=\"1.0\"?>\n<a/>\n")
	f(2, faultMalformed, lines[0]+"\"")
	f(2, faultMalformed, replace(","+first.Amount.String()+",", ",1e3,"))
}

func TestCalendar(t *testing.T) {
	// The National Day holiday of 2025 with the days worked instead, as the State Council's
	// General Office announced them in November 2024.
	c, err := LoadCalendar([]byte("holidays: [2025-10-01, 2025-10-02, 2025-10-03, 2025-10-06, 2025-10-07, 2025-10-08]\n" +
		"workdays: [2025-09-28, 2025-10-11]\n"))
	if err != nil {
		t.Fatal(err)
	}
	on := func(text string) time.Time {
		at, err := time.ParseInLocation("2006-01-02 15:04", text, Shanghai)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	f := func(at string, days int, want string) {
		t.Helper()
		if got := c.After(on(at), days); got != want {
			t.Errorf("%s + %d business days is %s, want %s", at, days, got, want)
		}
	}
	f("2025-09-30 23:30", 0, "2025-09-30")
	f("2025-09-30 23:30", 1, "2025-10-09") // Over the holiday.
	f("2025-09-30 23:30", 3, "2025-10-11") // A Saturday that is worked.
	f("2025-10-04 12:00", 0, "2025-10-09")
	f("2025-10-04 12:00", 1, "2025-10-10")
	f("2025-09-28 00:10", 0, "2025-09-28")

	table := Timetable{CutOffs: []string{"23:30", "11:00"}, SettleAfter: 1, Statements: "s", KeepBlocks: 1}
	if err := table.Validate(); err != nil {
		t.Error(err)
	}
	due := func(at, want string) {
		t.Helper()
		if got := table.Next(&c, on(at)).In(Shanghai).Format("2006-01-02 15:04"); got != want {
			t.Errorf("after %s comes %s, want %s", at, got, want)
		}
	}
	due("2025-09-30 10:59", "2025-09-30 11:00")
	due("2025-09-30 11:00", "2025-09-30 23:30")
	due("2025-09-30 23:30", "2025-10-09 11:00")
	due("2025-10-10 23:31", "2025-10-11 11:00")
	if at := (&Timetable{}).Next(&c, on("2025-09-30 11:00")); !at.IsZero() {
		t.Errorf("an empty timetable closes at %s", at)
	}
	dated := func(due, closed, date, value string) {
		t.Helper()
		if d, v := table.dates(&c, on(due), on(closed)); d != date || v != value {
			t.Errorf("due %s and closed %s: of %s, settles %s, want %s and %s", due, closed, d, v, date, value)
		}
	}
	dated("2025-09-26 23:30", "2025-09-26 23:30", "2025-09-26", "2025-09-28") // To a Sunday that is worked.
	dated("2025-09-29 23:59", "2025-09-30 00:00", "2025-09-29", "2025-09-30") // Late by a moment.
	dated("2025-09-30 23:30", "2025-10-05 09:00", "2025-09-30", "2025-10-09")
	dated("2025-09-30 23:30", "2025-10-10 09:00", "2025-09-30", "2025-10-10") // The value date has gone by.
	for _, bad := range []string{"holidays: [2025-13-01]", "holidays: [2025-10-04]", "workdays: [2025-10-01]", "days: []"} {
		if _, err := LoadCalendar([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// TestRowsOfEntries: what two persons booked stands in rows of its own kind with the reason at
// the end, its fees stand as fees do, and a row that claims another kind or reason is none.
func TestRowsOfEntries(t *testing.T) {
	decided := time.Unix(1e9, 5)
	charged := &payment.Payment{ID: "P2", Kind: payment.Chargeback, Reason: payment.Fraud, Original: "P1", Institution: "shop", RequestID: "P2", Decided: decided}
	adjusted := &payment.Payment{ID: "P3", Kind: payment.Adjustment, Reason: payment.LateOutcome, Institution: "shop", RequestID: "P3", Decided: decided}
	paid := &payment.Payment{ID: "P1", Institution: "shop", RequestID: "r1", Decided: decided}
	f := func(p *payment.Payment, fee bool, want string) {
		t.Helper()
		r := row{payment: p, Transfer: ledger.Transfer{Payer: "shop", Payee: "bank", Amount: 7, Fee: fee}}
		text := string(r.appendTo(nil, &stamp{}))
		if text != want {
			t.Errorf("row %s, want %s", text, want)
		}
		back, ok := rowOf(strings.Split(text, ","))
		if !ok || string(back.appendTo(nil, &stamp{})) != want {
			t.Errorf("%s is read back as %+v, %t", text, back, ok)
		}
	}
	at := "2001-09-09T01:46:40.000000005Z"
	f(paid, false, "D,0,0,P1,pay,,shop,r1,"+at+",shop,bank,7")
	f(charged, false, "C,0,0,P2,chargeback,P1,shop,P2,"+at+",shop,bank,7,fraud")
	f(charged, true, "F,0,0,P2,chargeback,P1,shop,P2,"+at+",shop,bank,7")
	f(adjusted, false, "A,0,0,P3,adjustment,,shop,P3,"+at+",shop,bank,7,late_outcome")
	for _, text := range []string{
		"D,0,0,P1,pay,,shop,r1," + at + ",shop,bank,7,fraud",
		"D,0,0,P2,chargeback,P1,shop,P2," + at + ",shop,bank,7",
		"C,0,0,P2,chargeback,P1,shop,P2," + at + ",shop,bank,7",
		"C,0,0,P2,chargeback,P1,shop,P2," + at + ",shop,bank,7,late_outcome",
		"C,0,0,P2,pay,P1,shop,P2," + at + ",shop,bank,7,fraud",
		"A,0,0,P3,adjustment,,shop,P3," + at + ",shop,bank,7,",
		"F,0,0,P3,adjustment,,shop,P3," + at + ",shop,bank,7,late_outcome",
		"X,0,0,P1,pay,,shop,r1," + at + ",shop,bank,7",
	} {
		if _, ok := rowOf(strings.Split(text, ",")); ok {
			t.Errorf("%s was taken for a row", text)
		}
	}
}
