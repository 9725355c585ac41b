package object

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// message is what the tests read: a known text, integer, boolean and inner object.
type message struct {
	Text  string `json:"text"`
	Int   int64  `json:"int"`
	Bool  bool   `json:"bool"`
	Inner struct {
		Text string `json:"text"`
	} `json:"inner"`
}

// read takes a message strictly: every key once, no others.
func read(data []byte) (message, Fault) {
	var m message
	var r Reader
	seen := map[string]bool{}
	once := func(key string) bool {
		if seen[key] {
			r.Reject(Duplicate, key)
		}
		seen[key] = true
		return r.Fault == None
	}
	r.Reset(data)
	for r.Next() {
		if !once(string(r.Key)) {
			break
		}
		switch string(r.Key) {
		case "text":
			m.Text = string(r.Text())
		case "int":
			m.Int = r.Int()
		case "bool":
			m.Bool = r.Bool()
		case "inner":
			r.Enter()
			for r.Next() {
				if !once("inner." + string(r.Key)) {
					break
				}
				if string(r.Key) != "text" {
					r.Reject(Unknown, "")
					break
				}
				m.Inner.Text = string(r.Text())
			}
		default:
			r.Reject(Unknown, "")
		}
	}
	return m, r.Fault
}

func TestReader(t *testing.T) {
	f := func(text string, want Fault) {
		t.Helper()
		if _, got := read([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	f(`{}`, None)
	f(" {\t\"int\" :\r\n 5 } \n", None)
	f(`{"text":"a","int":-9223372036854775808,"bool":true,"inner":{"text":"b"}}`, None)
	f(`{"inner":{}}`, None)
	f(``, Malformed)
	f(`[]`, Malformed)
	f(`null`, Malformed)
	f(`{`, Malformed)
	f(`{"text":"a"`, Malformed)
	f(`{"text":"a`, Malformed)
	f(`{"text":"a"} x`, Malformed)
	f(`{"text":"a"}{}`, Malformed)
	f(`{"text":"a",}`, Malformed)
	f(`{,"text":"a"}`, Malformed)
	f(`{"text":"a" "int":1}`, Malformed)
	f(`{"text" "a"}`, Malformed)
	f(`{"text":"a`+"\n"+`"}`, Malformed)
	f(`{"text":"\x"}`, Malformed)
	f(`{"text":"\u12"}`, Malformed)
	f(`{"text":"\ud800"}`, NotUTF8)
	f(`{"text":"\ud800\u0041"}`, NotUTF8)
	f("{\"text\":\"\xff\"}", NotUTF8)
	f(`{"text":"\u6700\ud83d\ude00\n\"\\\/"}`, None)
	f(`{"int":1,"int":1}`, Duplicate)
	f(`{"inner":{"text":"a","text":"b"}}`, Duplicate)
	f(`{"Int":1}`, Unknown)
	f(`{"inner":{"int":1}}`, Unknown)
	f(`{"text":5}`, WrongType)
	f(`{"text":null}`, WrongType)
	f(`{"int":"5"}`, WrongType)
	f(`{"int":true}`, WrongType)
	f(`{"bool":1}`, WrongType)
	f(`{"inner":[]}`, WrongType)
	f(`{"int":1.0}`, NotInteger)
	f(`{"int":1e2}`, NotInteger)
	f(`{"int":9223372036854775808}`, NotInteger)
	f(`{"int":99999999999999999999999999}`, NotInteger)
	f(`{"int":01}`, Malformed)
	f(`{"int":-}`, Malformed)
}

func TestSkipChecksWhatItPasses(t *testing.T) {
	f := func(value string, want Fault) {
		t.Helper()
		var r Reader
		r.Reset([]byte(`{"a":` + value + `,"b":7}`))
		last := int64(0)
		for r.Next() {
			if string(r.Key) == "b" {
				last = r.Int()
			} else {
				r.Skip()
			}
		}
		if r.Fault != want || (want == None && last != 7) {
			t.Errorf("%s: %v with b=%d, want %v", value, r.Fault, last, want)
		}
	}
	f(`{"x":[1,2,{"y":null}],"z":"\u0041"}`, None)
	f(`-1.5e+10`, None)
	f(`[]`, None)
	f(`[1,]`, Malformed)
	f(`{"x"}`, Malformed)
	f(`tru`, Malformed)
	f(`1.`, Malformed)
	f(`1e`, Malformed)
	f(strings.Repeat("[", 100)+strings.Repeat("]", 100), TooDeep)
}

func TestReaderAllocatesNothing(t *testing.T) {
	body := []byte(`{"text":"最佳运输","int":2372,"bool":true,"inner":{"text":"b"}}`)
	var r Reader
	if n := testing.AllocsPerRun(1000, func() {
		r.Reset(body)
		for r.Next() {
			switch string(r.Key) {
			case "text":
				_ = r.Text()
			case "int":
				_ = r.Int()
			default:
				r.Skip()
			}
		}
	}); n > 0 || r.Fault != None {
		t.Errorf("%v allocations, fault %v, want none", n, r.Fault)
	}
}

// FuzzReader holds the reader against go-json-experiment: what one takes, the other
// takes, with the same values. Numbers are the exception: we take fewer forms of them.
func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"text":"a\u6700","int":-5,"bool":false,"inner":{"text":"b"}}`))
	f.Add([]byte(`{"int":1.0}`))
	f.Add([]byte(`{"text":"\ud800"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, fault := read(data)
		var want message
		err := json.Unmarshal(data, &want, json.RejectUnknownMembers(true))
		if fault == None && (err != nil || got != want) {
			t.Errorf("%q: taken as %+v, want %+v, %v", data, got, want, err)
		}
		nulls := strings.Contains(string(data), "null")
		if fault != None && err == nil && fault != NotInteger && fault != TooDeep && !nulls {
			t.Errorf("%q: refused as %v, but it is %+v", data, fault, want)
		}
	})
}

func FuzzAppendText(f *testing.F) {
	f.Add("最佳\"\\\n\x01")
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?")
		var r Reader
		r.Reset(append(AppendField([]byte("{"), "text", text), '}'))
		got := ""
		for r.Next() {
			got = string(r.Text())
		}
		if r.Fault != None || got != text {
			t.Errorf("%q came back as %q, %v", text, got, r.Fault)
		}
	})
}
