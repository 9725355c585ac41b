package routing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiledSchema(t *testing.T, noun string) *jsonschema.Schema {
	t.Helper()
	text, known := Schema(noun)
	if !known {
		t.Fatalf("no schema of a %s", noun)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(noun, document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(noun)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// plain reads YAML as JSON would be read.
func plain(t *testing.T, text []byte) any {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestSchemasFitRealFiles holds the published schemas against the files of the tree and
// against every seeded fault: those are tables that can be read.
func TestSchemasFitRealFiles(t *testing.T) {
	f := func(noun, name string, text []byte) {
		t.Helper()
		if err := compiledSchema(t, noun).Validate(plain(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, file := range []struct{ noun, name string }{
		{"table", "table.yaml"}, {"table", "clean.yaml"}, {"register", "register.yaml"}, {"register", "cleanregister.yaml"},
	} {
		text, err := os.ReadFile("testdata/" + file.name)
		if err != nil {
			t.Fatal(err)
		}
		f(file.noun, file.name, text)
	}
	faults, err := os.ReadFile("testdata/faults.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range strings.Split("\n"+string(faults), "\n-- ")[1:] {
		name, table, _ := strings.Cut(section, " --\n")
		f("table", name, []byte(table))
	}
}

// sampleTable holds every key that a table can have.
const sampleTable = `{"version": "v", "from": "2026-01-01", "covers": ["ecny-paycode"],
"families": [{"id": "f1", "standard": "paycode", "scheme": "s", "prefix": ["90"], "length": "19"},
 {"id": "f2", "standard": "link", "host": "a.example"},
 {"id": "f3", "standard": "emv-mpm", "template": "26", "guid": "A"}],
"rules": [{"id": "r1", "precedence": 5, "from": "2026-01-01", "until": "2026-12-01T00:00:00+08:00",
  "match": {"standard": "paycode", "mode": "customer_presented", "scheme": ["a", "b"], "prefix": ["62", "01"],
   "length": [19, "16-24"], "currency": "156", "scene": ["in_store"], "caller": ["kitewallet"],
   "amount_fen": {"from": 1, "below": 500}},
  "targets": [{"institution": "lanternbank", "priority": 1, "weight": 70}, {"institution": "harbourbank"}]},
 {"id": "r2", "match": {"host": "qr.95516.com", "path": "/0001", "issuer": "0001"}, "targets": [{"institution": "x"}]},
 {"id": "r3", "match": {"template": "26", "guid": "A", "acquirer": "0105", "country": ["CN"]}, "targets": [{"institution": "x"}]}],
"default": {"targets": [{"institution": "x"}]},
"agreements": [{"id": "a", "caller": "*", "institution": ["x", "y"], "scene": "touch", "limit_fen": 5, "from": "2026-01-01"}],
"maintenance": [{"institution": "x", "from": "2026-01-01", "until": "2026-01-02"},
 {"institution": "x", "daily": {"start": "23:30", "end": "00:30"}}],
"standby": [{"institution": "x", "standby": "y"}]}`

const sampleRegister = `{"institutions": [{"id": "a", "name": "A", "licence": {"number": "1", "kind": "bank"},
 "status": "active", "from": "2024-01-01", "until": "2030-01-01"}, {"id": "b", "status": "suspended"}]}`

// mutate changes one place of a JSON value: another type, another value, a key less or more.
func mutate(r *rand.Rand, value any) any {
	switch value := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(value))
		for key := range value {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		switch key := keys[r.IntN(len(keys))]; r.IntN(10) {
		case 0:
			delete(value, key)
		case 1:
			value["surplus"] = "x"
		case 2:
			return odd(r)
		default:
			value[key] = mutate(r, value[key])
		}
		return value
	case []any:
		if i := r.IntN(len(value)); r.IntN(4) > 0 {
			value[i] = mutate(r, value[i])
			return value
		}
	}
	return odd(r)
}

func odd(r *rand.Rand) any {
	values := []any{nil, true, 0, 1, -1, 19, 64, 101, 1 << 54, 1.5, "", "x", "X", "62", "0105", "/p", "a.example", "A.example",
		"2026-02-03", "2026-02-03T04:05:06Z", "23:59", "24:00", "19", "64", "paycode", "link", "emv-cpm", "*", "active",
		"merchant_presented", "1234567890123456", "a b", "CN", []any{}, []any{"62"}, []any{"a", "b"}, []any{1}, map[string]any{}}
	return values[r.IntN(len(values))]
}

// TestSchemasAgreeWithTheLoader changes a file that holds every key, again and again: what
// the schema refuses the loader refuses, and the other way about.
func TestSchemasAgreeWithTheLoader(t *testing.T) {
	f := func(noun, sample string, load func([]byte) error) {
		schema := compiledSchema(t, noun)
		refused := 0
		const rounds = 6_000
		for seed := range uint64(rounds) {
			r := rand.New(rand.NewPCG(seed, 9))
			var value any
			if err := json.Unmarshal([]byte(sample), &value); err != nil {
				t.Fatal(err)
			}
			value = mutate(r, value)
			text, err := json.MarshalIndent(value, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			read, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			bySchema, byLoader := schema.Validate(read), load(text)
			if bySchema != nil {
				refused++
			}
			if (bySchema == nil) != (byLoader == nil) {
				t.Fatalf("%s, seed %d: schema says %v, loader says %v\n%s", noun, seed, bySchema, byLoader, text)
			}
		}
		if refused < rounds/4 || refused > rounds*19/20 {
			t.Errorf("%s: %d of %d refused: too one-sided to prove anything", noun, refused, rounds)
		}
	}
	f("table", sampleTable, func(text []byte) error {
		doc := document{noun: "table"}
		root := doc.parse(text)
		if root == nil {
			return fmt.Errorf("no document: %w", doc.err())
		}
		doc.table(root)
		return doc.err()
	})
	f("register", sampleRegister, func(text []byte) error {
		_, err := LoadRegister(text)
		return err
	})
}
