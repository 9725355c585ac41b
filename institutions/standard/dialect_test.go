package standard

import (
	"testing"

	"tongma/institutions/driver"
	"tongma/switch/payment"
)

// TestRenderOutcome: an announcement says what went back, and leaves out what is nothing.
func TestRenderOutcome(t *testing.T) {
	p := payment.Payment{ID: "P1", RequestID: "r1", Kind: payment.Pay, Status: payment.StatusApproved, Amount: 500, Currency: "156"}
	const common = `{"payment_id":"P1","request_id":"r1","kind":"pay","status":"approved","amount_fen":500,"currency":"156"`
	var request driver.Request
	for _, c := range []struct {
		change func()
		want   string
	}{
		{func() {}, common + `}`},
		{func() { p.Refunded, p.ChargedBack = 20, 30 }, common + `,"refunded_fen":20,"charged_back_fen":30}`},
	} {
		c.change()
		if (Dialect{}).RenderOutcome(&p, &request); request.Path != "/v1/outcomes" || string(request.Body) != c.want {
			t.Errorf("%s %s, want %s", request.Path, request.Body, c.want)
		}
	}
}
