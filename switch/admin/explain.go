package admin

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"tongma/codec"
	"tongma/routing"
	"tongma/switch/engine"
	"tongma/switch/payment"
)

// Question is one look-up that a person asks about. The code is read and forgotten.
type Question struct {
	Code      string `json:"code"`
	Caller    string `json:"caller"`
	Scene     string `json:"scene"`      // Empty is in_store, as of a payment.
	AmountFen int64  `json:"amount_fen"` // 0 is not known yet.
	Currency  string `json:"currency"`   // ISO 4217 number; empty takes the code's, then 156.
	At        string `json:"at"`         // RFC 3339, or a date in Asia/Shanghai; empty is now.
}

// Explained is why a table answers a question as it does.
type Explained struct {
	Digest      string       `json:"digest"`
	Version     string       `json:"version"`
	Rule        string       `json:"rule,omitempty"`
	Line        int          `json:"line,omitempty"`
	Institution string       `json:"institution,omitempty"`
	Refused     routing.Code `json:"refused,omitempty"`
	Text        string       `json:"text"` // The whole explanation, for people.
}

// explainTable answers for the table that the path names; "active" is the one in use.
func explainTable(c *call, a *engine.Act) (any, error) {
	var q Question
	if err := c.read(&q); err != nil {
		return nil, err
	}
	if a.Subject == "active" {
		a.Subject = ""
	}
	table, _, err := c.options.Tables.Load(a.Subject)
	if err != nil {
		return nil, err
	}
	at := c.now
	if q.At != "" {
		if at, err = routing.ParseInstant(q.At); err != nil {
			return nil, &Refusal{BodyInvalid, "at is no instant"}
		}
	}
	return explain(c.options.Decoder(), table, &q, at)
}

func explain(decoder *codec.Decoder, table *routing.Table, q *Question, at time.Time) (*Explained, error) {
	scene := cmp.Or(q.Scene, payment.InStore.String())
	if _, known := payment.ParseScene(scene); !known {
		return nil, &Refusal{BodyInvalid, "scene is unknown"}
	}
	var code codec.Code
	if err := decoder.Decode(q.Code, &code); err != nil {
		var fault *codec.Error
		if errors.As(err, &fault) {
			return nil, &Refusal{BodyInvalid, "code cannot be read: " + fault.Code}
		}
		return nil, &Refusal{BodyInvalid, "code cannot be read"}
	}
	e := table.Explain(&routing.Query{Code: &code, Text: strings.Trim(q.Code, " \t\r\n"), Caller: q.Caller, Scene: scene,
		AmountFen: q.AmountFen, Currency: q.Currency, At: at})
	var text strings.Builder
	if err := e.Write(&text); err != nil {
		return nil, err
	}
	return &Explained{Digest: table.Digest(), Version: table.Version(), Rule: e.Decision.Rule, Line: e.Decision.Line(),
		Institution: e.Decision.Institution, Refused: e.Refused, Text: text.String()}, nil
}

// showSchema gives the JSON schema of the files that people write.
func showSchema(c *call, _ *engine.Act) (any, error) {
	schema, known := routing.Schema(c.http.PathValue("noun"))
	if !known {
		return nil, &Refusal{PathUnknown, "want table or register"}
	}
	return json.RawMessage(schema), nil
}
