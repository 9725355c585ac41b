package routing

import (
	"fmt"
	"strconv"
	"strings"

	"tongma/codec"
)

// decodeExample reads the few forms of codes that examples have, apart from the code
// that wrote them. Nil is a text that none of them is.
func decodeExample(text string) *Query {
	code := &codec.Code{}
	q := &Query{Code: code, Text: text}
	switch {
	case strings.Contains(text, "://"):
		code.Standard, code.Mode = codec.Link, codec.MerchantPresented
		_, rest, _ := strings.Cut(text, "://")
		host, path, _ := strings.Cut(rest, "/")
		schemes := map[string]string{"qr.95516.com": "unionpay", "qr.pbcdci.cn": "ecny",
			"qr.alipay.com": "alipay", "wxpay": "wechat"}
		code.Scheme = schemes[host]
		switch code.Scheme {
		case "unionpay":
			code.Issuer = path[:8]
		case "ecny":
			code.Issuer = path[:3]
		}
	case strings.HasPrefix(text, "000201"):
		code.Standard, code.Mode = codec.EMVMerchant, codec.MerchantPresented
		return decodeMerchant(q)
	case strings.HasPrefix(text, "hQVDUFYwM"):
		code.Standard, code.Mode = codec.EMVConsumer, codec.CustomerPresented
		code.Fields = []codec.Field{{Path: "61.4F", Value: "A0000000555555"}}
	case strings.Trim(text, "0123456789") == "":
		code.Standard, code.Mode = codec.PayCode, codec.CustomerPresented
		code.Scheme = payScheme(text)
	default:
		return nil
	}
	return q
}

func payScheme(text string) string {
	two, _ := strconv.Atoi(text[:2])
	switch {
	case len(text) == 24 && (two == 28 && text[2:4] == "10" && text[4] <= '2' || strings.HasPrefix(text, "25100102")):
		return "alipayplus"
	case len(text) == 18 && two >= 10 && two <= 15:
		return "wechat"
	case len(text) >= 16 && len(text) <= 24 && two >= 25 && two <= 30:
		return "alipay"
	case len(text) == 19 && two == 62:
		return "unionpay"
	case len(text) == 19 && text[:2] == "01":
		return "ecny"
	case len(text) == 18 && two == 18:
		return "jd"
	case len(text) == 18 && two == 51:
		return "bestpay"
	}
	return ""
}

// decodeMerchant reads tag, length and value, two levels deep, and holds the checksum
// against a computation of its own.
func decodeMerchant(q *Query) *Query {
	if sum := fmt.Sprintf("%04X", crcByTable(q.Text[:len(q.Text)-4])); sum != q.Text[len(q.Text)-4:] {
		return nil
	}
	var walk func(path, text string) bool
	walk = func(path, text string) bool {
		for text != "" {
			length, err := strconv.Atoi(text[2:4])
			if err != nil || len(text) < 4+length {
				return false
			}
			id, value := path+text[:2], text[4:4+length]
			if path == "" && id >= "26" && id <= "51" {
				if !walk(id+".", value) {
					return false
				}
			} else {
				q.Code.Fields = append(q.Code.Fields, codec.Field{Path: id, Value: value})
			}
			switch id {
			case "15":
				q.Code.Merchant.Acquirer = value[:8]
			case "53":
				q.Code.Currency = value
			case "58":
				q.Code.Merchant.Country = value
			}
			text = text[4+length:]
		}
		return true
	}
	if !walk("", q.Text) {
		return nil
	}
	return q
}

// crcByTable is CRC-16/CCITT-FALSE by the remainder of each byte.
func crcByTable(text string) uint16 {
	var table [256]uint16
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			crc = crc<<1 ^ 0x1021*(crc>>15)
		}
		table[i] = crc
	}
	crc := uint16(0xFFFF)
	for i := range len(text) {
		crc = crc<<8 ^ table[byte(crc>>8)^text[i]]
	}
	return crc
}
