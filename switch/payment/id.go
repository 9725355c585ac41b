package payment

import (
	"encoding/hex"
	"fmt"
	"strconv"
)

// ID names a payment and its shard: "P", four hexadecimal digits of the shard, and a
// ULID of 26 characters; 31 characters of ASCII in all.
type ID string

// idLength is the number of characters of an ID.
const idLength = 1 + 4 + 26

// MakeID joins a shard number and a ULID's 26 characters of text.
func MakeID(shard uint16, ulid string) ID {
	var text [idLength]byte
	text[0] = 'P'
	hex.Encode(text[1:5], []byte{byte(shard >> 8), byte(shard)})
	copy(text[5:], ulid)
	return ID(text[:])
}

// ParseID checks that text has the form of an ID. It does not say that the payment exists.
func ParseID(text string) (ID, error) {
	if len(text) != idLength || text[0] != 'P' {
		return "", fmt.Errorf("payment: id of %d characters, want %d beginning with P", len(text), idLength)
	}
	for i := 1; i < len(text); i++ {
		digit := text[i] >= '0' && text[i] <= '9'
		if i < 5 && !digit && (text[i] < 'a' || text[i] > 'f') {
			return "", fmt.Errorf("payment: character %d of id is not a digit of its shard", i)
		}
		if i >= 5 && !digit && (text[i] < 'A' || text[i] > 'Z') {
			return "", fmt.Errorf("payment: character %d of id is not of a ULID", i)
		}
	}
	return ID(text), nil
}

// Shard is the number of the shard that owns the payment; 0 for an ID that is malformed.
func (id ID) Shard() uint16 {
	if len(id) != idLength {
		return 0
	}
	n, err := strconv.ParseUint(string(id[1:5]), 16, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

// Reference is the switch's reference of one leg: the id, a hyphen and the leg's number
// from 1; 33 characters for the first nine legs.
func (id ID) Reference(leg int) string {
	return string(id) + "-" + strconv.Itoa(leg+1)
}

// ParseReference splits a leg's reference into payment and leg number (from 0).
func ParseReference(reference string) (ID, int, error) {
	if len(reference) < idLength+2 || reference[idLength] != '-' {
		return "", 0, fmt.Errorf("payment: reference of %d characters, want an id, a hyphen and a leg", len(reference))
	}
	id, err := ParseID(reference[:idLength])
	if err != nil {
		return "", 0, err
	}
	leg, err := strconv.Atoi(reference[idLength+1:])
	if err != nil || leg < 1 || leg > LegsMax {
		return "", 0, fmt.Errorf("payment: leg %q of a reference, want 1 to %d", reference[idLength+1:], LegsMax)
	}
	return id, leg - 1, nil
}

// LegsMax bounds the legs of one payment.
const LegsMax = 4
