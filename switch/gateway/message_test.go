package gateway

import (
	"testing"

	"github.com/go-json-experiment/json"

	"tongma/switch/payment"
)

// plainPay is a payment's body as a library reads it.
type plainPay struct {
	RequestID string `json:"request_id"`
	Code      string `json:"code"`
	Amount    int64  `json:"amount_fen"`
	Currency  string `json:"currency"`
	Mode      string `json:"mode"`
	Scene     string `json:"scene"`
	Merchant  struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		Category string `json:"category"`
	} `json:"merchant"`
	Payer struct {
		Institution string `json:"institution"`
		Account     string `json:"account"`
	} `json:"payer"`
}

// FuzzReadPay never panics, and accepts only what a strict library accepts, with the
// same values.
func FuzzReadPay(f *testing.F) {
	f.Add(pay(`,"merchant":{"id":"a\u0041"},"payer":{"institution":"b","account":"c"}`))
	f.Add(pay(`,"amount_fen":5`))
	f.Add(pay(`,"scene":"touch"`))
	f.Fuzz(func(t *testing.T, body string) {
		var m payMessage
		if readPay(body, payFields, &m) != nil {
			return
		}
		var want plainPay
		if err := json.Unmarshal([]byte(body), &want, json.RejectUnknownMembers(true)); err != nil {
			t.Fatalf("%q: accepted, but: %v", body, err)
		}
		got := plainPay{RequestID: m.requestID, Code: m.code, Amount: m.amount, Currency: m.currency, Mode: m.mode, Scene: m.scene}
		got.Merchant.ID, got.Merchant.Name, got.Merchant.Category = m.merchantID, m.merchantName, m.category
		got.Payer.Institution, got.Payer.Account = m.payerInstitution, m.payerAccount
		if got != want {
			t.Errorf("%q: read %+v, want %+v", body, got, want)
		}
	})
}

// FuzzReadTurnBack never panics and takes no refund without an amount.
func FuzzReadTurnBack(f *testing.F) {
	f.Add(`{"request_id":"a","amount_fen":5}`)
	f.Fuzz(func(t *testing.T, body string) {
		var m turnBackMessage
		if readTurnBack(body, payment.Refund, &m) == nil && (m.requestID == "" || !m.hasAmount) {
			t.Errorf("%q: accepted without id or amount", body)
		}
	})
}
