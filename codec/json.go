package codec

import "encoding/json"

// form is the stable JSON form of a code.
type form struct {
	Standard   Standard        `json:"standard"`
	Mode       Mode            `json:"mode"`
	Static     bool            `json:"static"`
	Scheme     string          `json:"scheme"`
	Issuer     string          `json:"issuer"`
	Amount     *int64          `json:"amount_fen,omitempty"`
	Currency   string          `json:"currency,omitempty"`
	Merchant   *merchantForm   `json:"merchant,omitempty"`
	Fields     []fieldForm     `json:"fields"`
	Deviations []deviationForm `json:"deviations"`
	Profile    Profile         `json:"profile,omitempty"`
	Rule       string          `json:"rule,omitempty"`
}

type merchantForm struct {
	Name     string `json:"name,omitempty"`
	City     string `json:"city,omitempty"`
	Category string `json:"category,omitempty"`
	Country  string `json:"country,omitempty"`
	ID       string `json:"id,omitempty"`
	Acquirer string `json:"acquirer,omitempty"`

	Forwarder string `json:"forwarder,omitempty"`
}

type fieldForm struct {
	Path   string `json:"path"`
	Name   string `json:"name"`
	Value  string `json:"value"`
	Offset int    `json:"offset"`

	Readable string `json:"readable,omitempty"`
}

type deviationForm struct {
	Code    string `json:"code"`
	Path    string `json:"path,omitempty"`
	Offset  int    `json:"offset"`
	Message string `json:"message"`
}

// MarshalJSON gives the code's stable JSON form. Amounts are in minor units, offsets in
// bytes.
func (c Code) MarshalJSON() ([]byte, error) {
	f := form{Standard: c.Standard, Mode: c.Mode, Static: c.Static, Scheme: c.Scheme, Issuer: c.Issuer,
		Currency: c.Currency, Fields: []fieldForm{}, Deviations: []deviationForm{}, Profile: c.Profile,
		Rule: c.Rule}
	if c.HasAmount {
		f.Amount = &c.AmountFen
	}
	if m := merchantForm(c.Merchant); m != (merchantForm{}) {
		f.Merchant = &m
	}
	for _, field := range c.Fields {
		f.Fields = append(f.Fields, fieldForm(field))
	}
	for _, deviation := range c.Deviations {
		f.Deviations = append(f.Deviations, deviationForm(deviation))
	}
	return json.Marshal(f)
}

// MarshalJSON gives the error's stable JSON form; message is the line for people.
func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Code    string `json:"code"`
		Offset  int    `json:"offset"`
		Found   string `json:"found"`
		Want    string `json:"want"`
		Clause  string `json:"clause"`
		Message string `json:"message"`
	}{e.Code, e.Offset, e.Found, e.Want, e.Clause, e.Error()})
}
