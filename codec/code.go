// Package codec says what a payment code is: it decodes and encodes EMVCo merchant
// and consumer presented codes, payer payment codes and merchant links, and reads and
// draws the symbols that carry them.
//
// Default().Decode says what a text is; MerchantCode, ConsumerCode, NewPayCode and NewLink write
// codes; LoadRules reads other forms than those that this build carries.
//
// It knows bytes and text of codes and the registry of code rules as data. It may not
// know institutions or the movement of money.
package codec

// Standard names the family a code belongs to.
type Standard string

// The families of payment codes.
const (
	EMVMerchant Standard = "emv-mpm" // EMVCo merchant presented, TLV with CRC.
	EMVConsumer Standard = "emv-cpm" // EMVCo consumer presented, BER-TLV in base64.
	PayCode     Standard = "paycode" // Payer's payment code: digits by prefix and length.
	Link        Standard = "link"    // Merchant's link: scheme, host and path.
)

// Mode says who shows the code.
type Mode string

// The two modes of a barcode payment.
const (
	MerchantPresented Mode = "merchant_presented"
	CustomerPresented Mode = "customer_presented"
)

// Code is a decoded payment code. Its strings may alias the decoded text.
// A Code can be decoded into again; its slices are then reused.
type Code struct {
	Standard Standard
	Mode     Mode
	Static   bool   // The same code serves many payments.
	Scheme   string // unionpay, alipay, wechat, ecny, alipayplus, pix, promptpay ... of the rule file.
	Issuer   string // Issuer or clearing route that the code itself names; empty where it does not.

	HasAmount bool
	AmountFen int64  // Minor units of Currency; meaningful only with HasAmount.
	Currency  string // ISO 4217 number, three digits; empty where the code does not say.

	Merchant Merchant
	// Applications counts what a consumer presented code offers; Fields are those of the chosen one.
	Applications int

	Fields     []Field
	Deviations []Deviation
	Rule       string  // Id of the rule in the rule file that read it; empty where none did.
	Profile    Profile // The profile that took the code: never Auto; empty for standards without profiles.

	partial bool   // A consumer presented code holds more than Fields say.
	scratch []byte // Room for the bytes of a consumer presented code.
}

// Merchant is what a code says of the payee. Empty where it does not.
type Merchant struct {
	Name     string
	City     string
	Category string // ISO 18245, four digits.
	Country  string // ISO 3166-1 alpha-2.
	ID       string
	Acquirer string // UnionPay acquirer IIN, scheme's acquirer id.
	// Forwarder is the UnionPay IIN of who forwards for the acquirer, often the same.
	Forwarder string
}

// Field is one primitive data object of a code, in the order it stands there.
type Field struct {
	Path   string // "62.07"; for consumer presented "61.63.9F26"; for paycode and link a name.
	Name   string
	Value  string
	Offset int // Byte offset of the value in the decoded text; of consumer presented in the decoded data.
	// Readable is Value as text where it is bytes that are text: only for consumer presented.
	Readable string
}

// add notes a field. It fills the next place of the slice, which is quicker than to copy one
// there.
func (c *Code) add(path, name, value string, at int) {
	n := len(c.Fields)
	if n == cap(c.Fields) {
		c.Fields = append(c.Fields, Field{})
	} else {
		c.Fields = c.Fields[:n+1]
	}
	f := &c.Fields[n]
	f.Path, f.Name, f.Value, f.Offset, f.Readable = path, name, value, at, ""
}

// empty makes c say nothing, and keeps its room. It clears in place: a whole value would be
// made beside it and copied.
func (c *Code) empty() {
	fields, deviations, scratch := c.Fields[:0], c.Deviations[:0], c.scratch
	*c = Code{}
	c.Fields, c.Deviations, c.scratch = fields, deviations, scratch
}

// Deviation is one departure from the standard that the profile forgave.
type Deviation struct {
	Code    string // Stable word, such as "merchant-city-missing".
	Path    string
	Offset  int
	Message string // One sentence, with where such codes were seen.
}
