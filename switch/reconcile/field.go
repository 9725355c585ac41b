package reconcile

import "fmt"

// Field is one thing that a row says about a payment. A layout says where each is
// found; a rule says which are compared.
type Field uint8

// The fields. Those before Day are columns.
const (
	ID        Field = iota // The payment's own number; the exact key.
	Reference              // A number of the order or of the network, when it is not the id.
	Amount                 // Principal, an integer of minor units (fen).
	Fee                    // Fee, an integer of minor units (fen), signed.
	Currency               // ISO 4217, number or letters as the layout's words say.
	Status                 // The outcome in the words that both layouts share.
	Kind                   // Payment, refund, reversal in the words that both layouts share.
	Time                   // The moment of business, wall clock of Asia/Shanghai, to the second.
	Party                  // The institution or merchant that the row belongs to.
	Original               // For a refund or reversal: the id of what it takes back.
	Batch                  // The number under which several rows are settled as one.
	Day                    // The business day: derived from Time, never a column.

	fieldCount = int(Day)
)

// fieldNames are the words used in layouts and rules.
var fieldNames = [...]string{
	ID: "id", Reference: "reference", Amount: "amount", Fee: "fee",
	Currency: "currency", Status: "status", Kind: "kind", Time: "time", Party: "party",
	Original: "original", Batch: "batch", Day: "day",
}

// String returns the word that layouts and rules use for f.
func (f Field) String() string { return fieldNames[f] }

// parseField finds the field that word names.
func parseField(word string) (Field, error) {
	for f, name := range fieldNames {
		if name == word {
			return Field(f), nil
		}
	}
	return 0, fmt.Errorf("unknown field %q, want one of %v", word, fieldNames)
}

// row is one parsed line. Its texts point into the line, so that they live no longer
// than the block that holds it.
type row struct {
	text   [fieldCount][]byte
	amount int64 // Minor units.
	fee    int64 // Minor units.
	second int64 // Seconds of the wall clock since 1970-01-01, not UTC; noTime without one.
}

// noTime marks a row whose layout has no time column, or whose column is empty.
const noTime = int64(-1 << 62)

// day returns the row's business day as days since 1970-01-01.
func (r *row) day() int64 {
	if r.second == noTime {
		return noTime
	}
	return floorDiv(r.second, secondsPerDay)
}

const secondsPerDay = 86400

func floorDiv(n, d int64) int64 {
	q := n / d
	if n%d < 0 {
		q--
	}
	return q
}
