package codec

// crcTable is CRC-16/CCITT-FALSE by byte: polynomial 0x1021, no reflection.
var crcTable = makeCRCTable()

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

// CRC is the checksum of EMVCo merchant presented codes, ISO/IEC 13239: initial value
// 0xFFFF, no final exclusive or. Of "123456789" it is 0x29B1.
func CRC(text string) uint16 {
	crc := uint16(0xFFFF)
	for i := 0; i < len(text); i++ {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^text[i]]
	}
	return crc
}
