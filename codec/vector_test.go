package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// vector is one code of conformance/vectors; schema.json there says what its fields mean.
type vector struct {
	ID, Note, Source, Payload string
	Profile                   Profile
	Error, Reason             string
	Offset                    int
	Expect                    *expected
}

type expected struct {
	Standard         Standard
	Scheme, Currency string
	Issuer, Rule     *string
	Static           bool
	Amount           *int64 `json:"amount_fen"`
	Merchant         *merchantForm
	Fields           map[string]string
	Deviations       []string
}

const vectorFolder = "../conformance/vectors/"

// vectors reads one file of vectors.
func vectors(t testing.TB, name string) []vector {
	t.Helper()
	text, err := os.ReadFile(vectorFolder + name)
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(text, &list); err != nil || len(list) < 20 {
		t.Fatalf("%s: %d vectors, %v", name, len(list), err)
	}
	return list
}

func published(t testing.TB) []vector { return vectors(t, "published.json") }

func payload(t testing.TB, id string) string {
	t.Helper()
	for _, v := range published(t) {
		if v.ID == id {
			return v.Payload
		}
	}
	t.Fatalf("no vector %s", id)
	return ""
}

// allVectors reads every file of vectors.
func allVectors(t testing.TB) (list []vector) {
	t.Helper()
	names, err := filepath.Glob(vectorFolder + "*.json")
	if err != nil || len(names) < 6 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, name := range names {
		if filepath.Base(name) != "schema.json" {
			list = append(list, vectors(t, filepath.Base(name))...)
		}
	}
	return list
}

// TestVectors decodes every vector: to what it states, or to its error at its byte.
func TestVectors(t *testing.T) {
	for _, v := range allVectors(t) {
		profile := v.Profile
		if profile == "" {
			profile = Auto
		}
		var c Code
		err := Default().DecodeWith(profile, v.Payload, &c)
		var e *Error
		switch {
		case v.Error != "" && (!errors.As(err, &e) || e.Code != v.Error || e.Offset != v.Offset):
			t.Errorf("%s, %s: %v, want %s at byte %d", v.ID, v.Note, err, v.Error, v.Offset)
		case v.Error == "" && err != nil:
			t.Errorf("%s, %s: %v", v.ID, v.Note, err)
		case v.Error == "":
			v.holds(t, &c)
		}
	}
}

func (v *vector) holds(t *testing.T, c *Code) {
	t.Helper()
	want := v.Expect
	differs := func(what string, got, want any) { t.Errorf("%s, %s: %s is %v, want %v", v.ID, v.Note, what, got, want) }
	if c.Standard != want.Standard || c.Scheme != want.Scheme || c.Static != want.Static || c.Currency != want.Currency {
		differs("it", []any{c.Standard, c.Scheme, c.Static, c.Currency}, []any{want.Standard, want.Scheme, want.Static, want.Currency})
	}
	if c.HasAmount != (want.Amount != nil) || c.HasAmount && c.AmountFen != *want.Amount {
		differs("amount", c.AmountFen, want.Amount)
	}
	if want.Issuer != nil && c.Issuer != *want.Issuer || want.Rule != nil && c.Rule != *want.Rule {
		differs("issuer or rule", c.Issuer+" "+c.Rule, *want.Rule)
	}
	for path, value := range want.Fields {
		switch at := fieldAt(c, path); {
		case path == "63" && at < 0, at < 0 && value != "":
			differs("field "+path, "missing", value)
		case at >= 0 && c.Fields[at].Value != value:
			differs("field "+path, c.Fields[at].Value, value)
		}
	}
	var deviations []string
	for _, d := range c.Deviations {
		deviations = append(deviations, d.Code)
	}
	if !slices.Equal(deviations, want.Deviations) {
		differs("list of deviations", deviations, want.Deviations)
	}
	if m := want.Merchant; m != nil {
		got := merchantForm(c.Merchant)
		for _, pair := range [][2]string{{got.ID, m.ID}, {got.Name, m.Name}, {got.Acquirer, m.Acquirer}, {got.Forwarder, m.Forwarder}, {got.Category, m.Category}} {
			if pair[1] != "" && pair[0] != pair[1] {
				differs("merchant", pair[0], pair[1])
			}
		}
	}
}

// TestProvenance holds the vectors against their schema: id, note and source of each, a reason
// for what is refused. Ids are used once, and a third or more of all are refused.
func TestProvenance(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	schema, err := compiler.Compile(vectorFolder + "schema.json")
	if err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(vectorFolder + "*.json")
	for _, name := range names {
		if filepath.Base(name) == "schema.json" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ids, texts, refused := map[string]bool{}, map[string]string{}, 0
	list := allVectors(t)
	for _, v := range list {
		if ids[v.ID] {
			t.Errorf("%s stands twice", v.ID)
		}
		if key := string(v.Profile) + v.Payload; texts[key] != "" {
			t.Errorf("%s is %s again", v.ID, texts[key])
		} else {
			texts[key] = v.ID
		}
		ids[v.ID] = true
		if v.Error != "" {
			refused++
		}
	}
	if 3*refused < len(list) {
		t.Errorf("%d of %d vectors are refused, want a third", refused, len(list))
	}
	for _, id := range []string{"M1", "M2", "M4", "M6", "M7", "M8", "M10", "M11", "M14", "M15", "M17", "M18", "M20", "M22",
		"M24", "M26", "X1", "X3", "X5", "X8", "C1", "C3", "C5", "C7"} {
		if !ids[id] {
			t.Errorf("the published vector %s is missing", id)
		}
	}
}
