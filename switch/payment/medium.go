package payment

// Medium is the kind of money that a leg moves. The zero value is commercial money.
type Medium uint8

// The media. Commercial money is netted and settled by window; e-CNY settles as it pays.
const (
	Commercial Medium = iota
	ECNY
	mediumCount
)

var mediumNames = [mediumCount]string{"commercial", "ecny"}

// Media lists every medium.
func Media() []Medium { return []Medium{Commercial, ECNY} }

// String returns the word used in accounts, records and files.
func (m Medium) String() string { return nameOf(mediumNames[:], uint8(m)) }

// ParseMedium is the inverse of Medium.String.
func ParseMedium(word string) (Medium, bool) {
	i, ok := indexOf(mediumNames[:], word)
	return Medium(i), ok
}
