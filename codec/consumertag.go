package codec

// tag is a BER-TLV tag as its bytes read, at most three of them.
type tag uint32

// The tags of EMVCo consumer presented codes that mean something here (EMVCo CPM table 4.1).
const (
	tagFormat      tag = 0x85
	tagApplication tag = 0x61
	tagCommon      tag = 0x62
	tagTransparent tag = 0x63 // In an application.
	tagCommonBlob  tag = 0x64 // In the common data.
	tagADFName     tag = 0x4F
	tagTrack2      tag = 0x57
	tagPAN         tag = 0x5A
	tagTrack1      tag = 0x56 // Of cards, EMV Book 3.
)

// consumerTag describes one object: its name and the bytes that its value may have.
type consumerTag struct {
	name     string
	min, max int // Bytes; 0, 0 for any.
}

// consumerTags are the objects of EMVCo CPM tables 4.1 to 4.4. The others are carried along
// without a name, as the specification demands of a reader.
var consumerTags = map[tag]consumerTag{
	tagFormat:      {"payload format", 5, 5},
	tagApplication: {name: "application template"},
	tagCommon:      {name: "common data template"},
	tagTransparent: {name: "application transparent data"},
	tagCommonBlob:  {name: "common transparent data"},
	tagADFName:     {"application name", 5, 16},
	0x50:           {"application label", 1, 16},
	tagTrack2:      {"track 2 equivalent data", 1, 19},
	tagPAN:         {"primary account number", 1, 10},
	0x5F20:         {"cardholder name", 2, 26},
	0x5F2D:         {"language preference", 2, 8},
	0x5F50:         {name: "issuer url"},
	0x9F08:         {"application version", 2, 2},
	0x9F19:         {"token requestor id", 6, 6},
	0x9F24:         {"payment account reference", 29, 29},
	0x9F25:         {"last four digits", 2, 2},
	// In the transparent data, unread: EMV Book 3, annex A.
	0x82:   {name: "application interchange profile"},
	0x9F10: {name: "issuer application data"},
	0x9F26: {name: "application cryptogram"},
	0x9F27: {name: "cryptogram information"},
	0x9F36: {name: "transaction counter"},
	0x9F37: {name: "unpredictable number"},
}

// secret reports whether a value names an account or a card's secrets: the two objects of
// the specification and what EMV Book 3 has beside them, tracks and their discretionary data.
func (t tag) secret() bool {
	switch t {
	case tagTrack2, tagPAN, tagTrack1, 0x9F6B, 0x9F1F, 0x9F20:
		return true
	}
	return false
}

// constructed reports whether the tag's value is made of objects itself.
func (t tag) constructed() bool {
	for t > 0xFF {
		t >>= 8
	}
	return t&0x20 != 0
}

// tlv is one object: its tag, and where its value lies.
type tlv struct {
	tag      tag
	from, to int
	loose    bool // The length is written in more bytes than it needs.
}

// tlvBytesMax bounds the bytes that a tag and a length may have.
const (
	tagBytesMax    = 3
	lengthBytesMax = 2
)

// readTLV reads the object that stands at byte at of data[:end] (ISO/IEC 8825-1, 8.1). The
// offset of a fault is that of the object.
func readTLV(data []byte, at, end int) (tlv, *Error) {
	o, from := tlv{tag: tag(data[at])}, at+1
	if data[at]&0x1F == 0x1F {
		for more := true; more; from++ {
			if from >= end {
				return o, truncatedTLV(at)
			}
			if from-at >= tagBytesMax {
				return o, &Error{Code: CodeID, Offset: at, Found: "a tag of more than 3 bytes", Want: "1 to 3",
					Clause: clauseTLV}
			}
			o.tag, more = o.tag<<8|tag(data[from]), data[from]&0x80 != 0
		}
	}
	if from >= end {
		return o, truncatedTLV(at)
	}
	size := int(data[from])
	from++
	if size >= 0x80 {
		count := size - 0x80
		if count == 0 || count > lengthBytesMax {
			return o, &Error{Code: CodeLength, Offset: from - 1, Found: "a length without end or of more than 2 bytes",
				Want: "a definite length", Clause: clauseTLV}
		}
		if from+count > end {
			return o, truncatedTLV(at)
		}
		size = 0
		for range count {
			size = size<<8 | int(data[from])
			from++
		}
		o.loose = size < 0x80 || count == 2 && size < 0x100
	}
	if size > end-from {
		return o, truncatedTLV(at)
	}
	o.from, o.to = from, from+size
	return o, nil
}

const clauseTLV = "EMVCo CPM 4.2, BER-TLV"

func truncatedTLV(at int) *Error {
	return &Error{Code: CodeTruncated, Offset: at, Found: "fewer bytes than the object says", Want: "a whole object", Clause: clauseTLV}
}
