package reconcile

import (
	"encoding/binary"
	"errors"
)

// amountDigitsMax keeps a parsed amount far from the limit of int64.
const amountDigitsMax = 16

var (
	errAmountEmpty    = errors.New("amount is empty")
	errAmountDigits   = errors.New("amount has more than 16 digits")
	errAmountByte     = errors.New("amount holds a byte that is no digit")
	errAmountDecimals = errors.New("amount has more decimals than its unit")
)

// parseAmount reads text as an integer of minor units. decimals is the number of
// digits behind the point of the written unit: 0 for fen, 2 for yuan ("12.3" is 1230).
// A sign may lead, spaces may surround, a comma may group thousands; a decimal that
// is not zero beyond the unit is refused, never rounded.
func parseAmount(text []byte, decimals int) (int64, error) {
	if value, ok := plainAmount(text, decimals); ok {
		return value, nil
	}
	text = trimSpace(text)
	negative := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative = text[0] == '-'
		text = text[1:]
	}
	value, digits, fraction := int64(0), 0, -1
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			if fraction >= decimals {
				if c != '0' {
					return 0, errAmountDecimals
				}
				continue
			}
			if digits++; digits > amountDigitsMax {
				return 0, errAmountDigits
			}
			if value = value*10 + int64(c-'0'); fraction >= 0 {
				fraction++
			}
		case c == '.' && fraction < 0 && digits > 0:
			fraction = 0
		case c == ',' && fraction < 0 && digits > 0:
		default:
			return 0, errAmountByte
		}
	}
	if digits == 0 {
		return 0, errAmountEmpty
	}
	for fraction = max(fraction, 0); fraction < decimals; fraction++ {
		value *= 10
	}
	if negative {
		value = -value
	}
	return value, nil
}

// trimSpace cuts blanks and tabs from both ends without calling out.
func trimSpace(text []byte) []byte {
	for len(text) > 0 && (text[0] == ' ' || text[0] == '\t') {
		text = text[1:]
	}
	for len(text) > 0 && (text[len(text)-1] == ' ' || text[len(text)-1] == '\t') {
		text = text[:len(text)-1]
	}
	return text
}

// plainAmount reads what nearly all files have, up to eight digits with no decimals or with
// two, and leaves everything else: eight digits are read at once, so that no branch depends
// on how many there are.
func plainAmount(text []byte, decimals int) (value int64, ok bool) {
	whole, minor := len(text), int64(0)
	if decimals == 2 && whole > 3 && text[whole-3] == '.' {
		if minor = twoDigits(text[whole-2:]); minor > 99 {
			return 0, false
		}
		whole -= 3
	}
	if whole < 1 || whole > 8 || cap(text) < 8 {
		return 0, false
	}
	const zeros = ones * '0'
	length := 8 * uint(whole)
	digits := (binary.LittleEndian.Uint64(text[:8])<<(64-length) | zeros>>length) ^ zeros
	if (digits|(digits+ones*6))&(ones*0xf0) != 0 {
		return 0, false
	}
	digits = digits*10 + digits>>8 // Pairs, then both halves of four.
	digits = ((digits&0x000000ff000000ff)*0x000f424000000064 +
		(digits>>16&0x000000ff000000ff)*0x0000271000000001) >> 32
	if value = int64(digits); decimals == 2 {
		value = value*100 + minor
	}
	return value, true
}
