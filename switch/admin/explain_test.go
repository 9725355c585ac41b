package admin

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestExplainAndSchemas asks a running switch's admin API what the command line asks of files.
func TestExplainAndSchemas(t *testing.T) {
	server, _ := newServer(t)
	client := NewClient(server.URL, "li", []byte(secretText))
	var e Explained
	question := Question{Code: "6212345678901234567", Caller: "corneracquirer", AmountFen: 100, At: "2026-11-25"}
	if err := client.Do("POST", "/admin/v1/tables/active/explain", question, &e); err != nil {
		t.Fatal(err)
	}
	if e.Institution != "harbourbank" || e.Rule == "" || e.Line == 0 || !strings.Contains(e.Text, "harbourbank") {
		t.Errorf("explained: %+v", e)
	}
	if strings.Contains(e.Text, question.Code) {
		t.Error("the explanation holds the payer's code")
	}
	question.Caller = "nobody"
	e = Explained{}
	if err := client.Do("POST", "/admin/v1/tables/active/explain", question, &e); err != nil || e.Refused != "institution_unknown" {
		t.Errorf("of a stranger: %+v, %v", e, err)
	}
	if err := client.Do("POST", "/admin/v1/tables/active/explain", Question{Code: "nonsense"}, &e); err == nil {
		t.Error("nonsense was explained")
	}
	if err := client.Do("GET", "/admin/v1/schemas/people", nil, &e); err == nil {
		t.Error("there is a schema of people")
	}
	for _, noun := range []string{"table", "register"} {
		var schema map[string]json.RawMessage
		if err := client.Do("GET", "/admin/v1/schemas/"+noun, nil, &schema); err != nil || schema["$schema"] == nil {
			t.Errorf("schema of a %s: %v, %v", noun, schema, err)
		}
	}
}
