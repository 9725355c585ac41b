package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// consumerCode is the code of the objects that hexadecimal digits write, blanks aside,
// behind the payload format.
func consumerCode(t testing.TB, objects string) string {
	t.Helper()
	data, err := hex.DecodeString(strings.ReplaceAll("85054350563031"+objects, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(data)
}

// plainApplication is an application with name and account.
const plainApplication = "61 1A 4F 07 A0000000555555 57 0F 1234567890123458D191220112345F"

func TestConsumerCodes(t *testing.T) {
	var c Code
	if err := Default().DecodeWith(Strict, payload(t, "C1"), &c); err != nil {
		t.Fatal(err)
	}
	if c.Standard != EMVConsumer || c.Mode != CustomerPresented || c.Static || c.Applications != 1 || c.Profile != Strict {
		t.Errorf("%+v", c)
	}
	want := []Field{
		{"85", "payload format", "4350563031", 2, "CPV01"},
		{"61.4F", "application name", "A0000000555555", 11, ""},
		{"61.57", "track 2 equivalent data", "123456******3458D************F", 20, ""},
	}
	if len(c.Fields) != len(want) {
		t.Fatalf("%+v", c.Fields)
	}
	for i, f := range c.Fields {
		if f != want[i] {
			t.Errorf("%+v, want %+v", f, want[i])
		}
	}
	if number, err := Default().AccountNumber(payload(t, "C1")); err != nil || number != "1234567890123458" {
		t.Errorf("account %q, %v", number, err)
	}
}

// TestConsumerProfiles: what a vendor's code does is refused by the letter and listed by
// default; what cannot be paid is refused by both.
func TestConsumerProfiles(t *testing.T) {
	f := func(text, strict string, offset int, deviations ...string) {
		t.Helper()
		var c Code
		var e *Error
		if err := Default().DecodeWith(Strict, text, &c); !errors.As(err, &e) || e.Code != strict || e.Offset != offset {
			t.Errorf("%.40s: strict says %v, want %s at %d", text, err, strict, offset)
		}
		err := Default().Decode(text, &c)
		if len(deviations) == 0 {
			if !errors.As(err, &e) || e.Code != strict {
				t.Errorf("%.40s: %v, want %s", text, err, strict)
			}
			return
		}
		if err != nil || len(c.Deviations) != len(deviations) {
			t.Errorf("%.40s: %v, %+v", text, err, c.Deviations)
			return
		}
		for i, d := range c.Deviations {
			if d.Code != deviations[i] || d.Message == "" {
				t.Errorf("%.40s: %+v, want %s", text, d, deviations[i])
			}
		}
	}
	f(payload(t, "C3"), CodeOrder, 35, deviationOneCommon, deviationNoAccount)
	f(payload(t, "C5"), CodeMissing, 9)
	f(payload(t, "C7"), CodeMissing, 7)
	f(consumerCode(t, "61 81 1A 4F07A0000000555555 570F1234567890123458D191220112345F"), CodeLength, 10, deviationLoose)
	f(consumerCode(t, "61 1E 4F07A0000000555555 9F0803000001 5A0A1234567890123458FFFF")[:20], CodeTruncated, 7)
	f(consumerCode(t, "61 19 4F07A0000000555555 9F0803000001 5A081234567890123458"), CodeLength, 21, deviationSize)
	f(consumerCode(t, "61 09 4F07A0000000555555"), CodeMissing, 9, deviationNoAccount)
	f(consumerCode(t, "61 06 4F04A0000000"), CodeMissing, 9)
	f(consumerCode(t, plainApplication+plainApplication+plainApplication), CodeDuplicate, 63)
	f(consumerCode(t, "50 01 41"+plainApplication), CodeOrder, 10)
	f(consumerCode(t, "61 28 4F07A0000000555555 5A081234567890123458 570F1234567890123458D191220112345F 5A00"), CodeTruncated, 7)
	f(consumerCode(t, "61 1D 4F07A0000000555555 5A081234567890123458 5A081234567890123458"), CodeDuplicate, 28)
	f(consumerCode(t, "61 13 4F07A0000000555555 5A0812345678901234AB"), CodeFormat, 20)
	f(consumerCode(t, "61 11 4F07A0000000555555 61064F04A0000000"), CodeFormat, 18)
	f(consumerCode(t, "61 80 0000"), CodeLength, 8)
	f(consumerCode(t, "61 84 7FFFFFFF 00"), CodeLength, 8)
	f(consumerCode(t, "7F818181 01 00"), CodeID, 7)
	f("hQVDUFYwMg==", CodeFormat, 2)
	f("hQVDUFYwMQ=", CodeBase64, 10)
	f("hQVDUFYwM!==", CodeBase64, 9)
	f("hQVDUFYwMR==", CodeBase64, 8)
}

// TestApplicationChoice: of two applications the one that the rules like best is read, with
// the common data; the other one is not shown.
func TestApplicationChoice(t *testing.T) {
	visa := "61 13 4F07A0000000031010 5A084111111111111111"
	unionpay := "61 14 4F08A000000333010102 5A086222021234567890"
	common := "62 05 5F5002 6162"
	f := func(text, scheme, name string) {
		t.Helper()
		var c Code
		if err := Default().DecodeWith(Strict, text, &c); err != nil || c.Scheme != scheme || c.Applications != 2 {
			t.Errorf("%v, scheme %q of %d, want %q", err, c.Scheme, c.Applications, scheme)
		}
		if got := fieldOf(&c, "61.4F"); got != name {
			t.Errorf("application %s, want %s", got, name)
		}
	}
	f(consumerCode(t, visa+unionpay), "unionpay", "A000000333010102")
	f(consumerCode(t, unionpay+visa), "unionpay", "A000000333010102")
	f(consumerCode(t, visa+unionpay+common), "unionpay", "A000000333010102")
	f(consumerCode(t, "61 06 4F04A0000003"+visa), "visa", "A0000000031010") // A short name is passed over.
	mastercard := "61 13 4F07A0000000041010 5A085555555555554444"
	f(consumerCode(t, visa+mastercard), "visa", "A0000000031010") // Neither rule says more.
	f(consumerCode(t, mastercard+visa), "mastercard", "A0000000041010")
	f(consumerCode(t, "61 13 4F07A0000009991010 5A085555555555554444"+visa), "visa", "A0000000031010")
	var c Code
	err := Default().DecodeWith(Strict, consumerCode(t, visa+unionpay+"62 0A 5A086222021234567890"), &c)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeDuplicate {
		t.Errorf("an account in application and common data: %v", err)
	}
}

// TestNoAccountIsPrintedWhole looks for a whole account number in everything that decoding
// gives, wherever in the code it stands.
func TestNoAccountIsPrintedWhole(t *testing.T) {
	const number = "6222021234567890"
	for _, objects := range []string{
		"61 14 4F08A000000333010102 5A08" + number,
		"61 1A 4F08A000000333010102 570E" + number + "D2512201123F",
		"61 2B 4F08A000000333010102 5A08" + number + "6315 570E" + number + "D2512201123F 9F2602AABB",
	} {
		var c Code
		if err := Default().Decode(consumerCode(t, objects), &c); err != nil {
			t.Errorf("%s: %v", objects, err)
			continue
		}
		text, err := c.MarshalJSON()
		if err != nil || bytes.Contains(text, []byte(number)) || bytes.Contains(text, []byte("2512201")) {
			t.Errorf("%s shows the account: %s, %v", objects, text, err)
		}
		if got, err := Default().AccountNumber(consumerCode(t, objects)); err != nil || got != number {
			t.Errorf("%s: asked for, the account is %q, %v", objects, got, err)
		}
	}
}

// TestNoAccountHides: templates that are kept as one value, repetitions and short numbers show
// no account either, and a decoding that failed leaves none behind.
func TestNoAccountHides(t *testing.T) {
	var c Code
	f := func(number, objects string) {
		t.Helper()
		objects = "4F08A000000333010102" + objects
		text := consumerCode(t, fmt.Sprintf("61%02X%s", len(objects)/2, objects))
		if err := Default().Decode(text, &c); err != nil {
			t.Fatalf("%s: %v", objects, err)
		}
		shown, err := c.MarshalJSON()
		if whole := hex.EncodeToString([]byte(number)); err != nil ||
			bytes.Contains(shown, []byte(number)) || bytes.Contains(shown, []byte(whole)) {
			t.Errorf("%s shows the account: %s, %v", objects, shown, err)
		}
	}
	const number, text = "6222021234567890", "36323232303231323334353637383930"
	f(number, "630B5A8108"+number+"5A08"+number) // A length in two bytes.
	const other = "5A086222029876543210"
	f(number, "630D700A5A08"+number+"FF"+other)              // More than objects.
	f(number, "63108250DF015A08"+number+"9F26"+other)        // Behind an object that is cut off.
	f(number, "6312"+"7010700E700C700A"+"5A08"+number+other) // Deep.
	f(number, "5A08"+number+"630BDF7508"+number)             // The issuer's own object.
	f(number, "5A08"+number+"6309F"+number+"F")              // Half a byte on.
	f(number, "5A08"+number+"6313DF7510"+text)               // As text.
	f(number, "5A08"+number+"5010"+text)                     // As a label.
	f("6222021234", "5A056222021234")                        // First six and last four are all of it.
	f("62220212345", "5A0662220212345F")                     // The check digit would tell the rest.

	broken := consumerCode(t, "611A4F08A0000003330101025A08"+number+"5A08"+number[:2])
	if err := Default().Decode(broken, &c); err == nil || len(bytes.Trim(c.scratch[:cap(c.scratch)], "\x00")) > 0 {
		t.Errorf("%v, left behind: %X", err, c.scratch[:cap(c.scratch)])
	}
}

// TestTransparentData: what goes to the issuer unread is listed by object where it is made
// of objects, and as one value where it is not.
func TestTransparentData(t *testing.T) {
	start := "4F08A000000333010102 5A086222021234567890"
	f := func(objects, path, want string) {
		t.Helper()
		var c Code
		if err := Default().DecodeWith(Strict, consumerCode(t, objects), &c); err != nil || fieldOf(&c, path) != want {
			t.Errorf("%s: %v, %s is %q, want %q", objects, err, path, fieldOf(&c, path), want)
		}
	}
	f("61 1D"+start+"63 07 9F2604AABBCCDD", "61.63.9F26", "AABBCCDD")
	f("61 18"+start+"63 02 FFFF", "61.63", "FFFF")
	f("61 1B"+start+"63 05 9F26 04 AABB", "61.63", "9F2604AABB")
}

func TestConsumerAllocatesOnce(t *testing.T) {
	text := payload(t, "C1")
	var c Code
	if n := testing.AllocsPerRun(200, func() {
		if err := Default().Decode(text, &c); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}

func FuzzConsumer(f *testing.F) {
	for _, v := range published(f) {
		if strings.HasPrefix(v.ID, "C") {
			data, err := base64.StdEncoding.DecodeString(v.Payload)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data[7:])
		}
	}
	f.Fuzz(func(t *testing.T, objects []byte) {
		data := append([]byte("\x85\x05CPV01"), objects...)
		text := base64.StdEncoding.EncodeToString(data)
		var c Code
		err := Default().Decode(text, &c)
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Offset < 0 || e.Offset > len(text)) {
			t.Errorf("%x: %v", objects, err)
		}
		if err != nil {
			return
		}
		for _, field := range c.Fields {
			value, err := hex.DecodeString(strings.ReplaceAll(field.Value, "*", "0"))
			if err != nil || field.Offset+len(value) > len(data) ||
				!strings.Contains(field.Value, "*") && !bytes.Equal(data[field.Offset:field.Offset+len(value)], value) {
				t.Errorf("%x: field %s is not where it says", objects, field.Path)
			}
		}
	})
}

// TestAccountForms: object 5A is digits and padding, object 57 has a separator and what follows
// it. An account in transparent data is the issuer's business, not the code's.
func TestAccountForms(t *testing.T) {
	const number = "6222021234567890"
	f := func(objects, want string) {
		t.Helper()
		objects = "4F08A000000333010102" + objects
		text := consumerCode(t, fmt.Sprintf("61%02X%s", len(objects)/2, objects))
		var c Code
		err := Default().DecodeWith(Strict, text, &c)
		got, also := Default().AccountNumber(text)
		var e *Error
		if want == "" && (!errors.As(err, &e) || e.Code != CodeFormat || !errors.As(also, &e)) {
			t.Errorf("%s: %v, %v, want %s", objects, err, also, CodeFormat)
		}
		if want != "" && (err != nil || got != want) {
			t.Errorf("%s: account %q, %v, want %s", objects, got, err, want)
		}
	}
	f("5A08"+number, number)
	f("5A0A"+number+"FFFF", number)
	f("5A0A"+number+"D251", "")
	f("5A0A"+number+"FF1F", "")
	f("570C"+number+"D2512201", number)
	f("570D"+number+"D2512201F1", "")
	f("570D"+number+"D25122011F", number)
	f("570D"+number+"D2512201FF", "")
	f("570B"+number+"D2512F", "")
	f("5708"+number, "")
	f("63085A064444333322225A08"+number, number)
	f("630E570C4444333322221111D25122015A08"+number, number)
}
