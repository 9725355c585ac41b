package codec

// crcTable is CRC-16/CCITT-FALSE by byte: polynomial 0x1021, no reflection.
var crcTable = makeCRCTable()

// crcTables says what a byte does to the checksum when n more bytes follow it, n being
// the first index: eight bytes are then looked up at once, without waiting for one
// another.
var crcTables = makeCRCTables()

func makeCRCTable() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return table
}

func makeCRCTables() (tables [8][256]uint16) {
	tables[0] = makeCRCTable()
	for n := 1; n < len(tables); n++ {
		for i := range tables[n] {
			before := tables[n-1][i]
			tables[n][i] = before<<8 ^ tables[0][before>>8]
		}
	}
	return tables
}

// CRC is the checksum of EMVCo merchant presented codes, ISO/IEC 13239: initial value
// 0xFFFF, no final exclusive or. Of "123456789" it is 0x29B1. It goes byte by byte
// through one table; the decoder itself takes eight bytes at a time, see fastCRC.
func CRC(text string) uint16 {
	crc := uint16(0xFFFF)
	for i := 0; i < len(text); i++ {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^text[i]]
	}
	return crc
}

// fastCRC is CRC, eight bytes at a time.
func fastCRC(text string) uint16 {
	crc := uint16(0xFFFF)
	t := &crcTables
	for len(text) >= 8 {
		b := text[:8]
		crc = t[7][b[0]^byte(crc>>8)] ^ t[6][b[1]^byte(crc)] ^ t[5][b[2]] ^ t[4][b[3]] ^
			t[3][b[4]] ^ t[2][b[5]] ^ t[1][b[6]] ^ t[0][b[7]]
		text = text[8:]
	}
	for i := 0; i < len(text); i++ {
		crc = crc<<8 ^ t[0][byte(crc>>8)^text[i]]
	}
	return crc
}
