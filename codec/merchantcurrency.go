package codec

import "strings"

// exponentsByCount lists the active currencies of ISO 4217 by the number of decimals
// of their minor unit. Codes without one (metals, funds of no minor unit, testing) are
// not here: no amount can be stated in them. Source: ISO 4217, list one.
var exponentsByCount = [5]string{
	0: "108 152 174 262 324 392 410 548 600 646 704 800 940 950 952 953 352",
	2: "008 012 032 036 044 050 051 052 060 064 068 072 084 090 096 104 116 124 132 136 144 156 " +
		"170 188 192 203 208 214 222 230 232 238 242 270 292 320 328 332 340 344 348 356 360 364 " +
		"376 388 398 404 408 417 418 422 426 430 446 454 458 462 480 484 496 498 504 516 524 " +
		"532 533 554 558 566 578 586 590 598 604 608 634 643 654 682 690 702 706 710 728 748 " +
		"752 756 760 764 776 780 784 807 818 826 834 840 858 860 882 886 901 924 925 926 928 " +
		"929 930 931 933 934 936 938 941 943 944 946 947 948 949 951 967 968 969 970 971 972 973 " +
		"975 976 977 978 979 980 981 984 985 986 997",
	3: "048 368 400 414 434 512 788",
	4: "927 990",
}

// noCurrency stands in exponents where a number names no currency.
const noCurrency = 0xFF

// exponents gives the decimals of a currency by its ISO 4217 number.
var exponents = makeExponents()

func makeExponents() *[1000]uint8 {
	var table [1000]uint8
	for i := range table {
		table[i] = noCurrency
	}
	for count, list := range exponentsByCount {
		for number := range strings.FieldsSeq(list) {
			table[int(number[0]-'0')*100+int(number[1]-'0')*10+int(number[2]-'0')] = uint8(count)
		}
	}
	return &table
}

// exponentOf gives the decimals of the currency with that ISO 4217 number of three
// digits, and whether there is such a currency.
func exponentOf(currency string) (exponent int, known bool) {
	if len(currency) != 3 || !allDigits(currency) {
		return 0, false
	}
	n := exponents[int(currency[0]-'0')*100+int(currency[1]-'0')*10+int(currency[2]-'0')]
	return int(n), n != noCurrency
}

// Exponent says how many decimals the currency with that ISO 4217 number has: how many
// digits of AmountFen stand after the point. It reports false where the number names no
// currency that has amounts.
func Exponent(currency string) (decimals int, known bool) { return exponentOf(currency) }

// amountDigitsMax is the longest amount, its point included, EMVCo MPM table 3.6.
const amountDigitsMax = 13

// amountFault says what is wrong with the text of an amount.
type amountFault uint8

const (
	amountGood     amountFault = iota
	amountBroken               // Not digits with at most one point, or decimals that cannot be paid.
	amountZero                 // Zero.
	amountDecimals             // Zero decimals of a currency that has none: exact all the same.
	amountFraction             // A fraction of a currency that has none.
)

// parseAmount reads an amount as minor units of a currency with that many decimals
// (EMVCo MPM 4.7.7): digits, at most one point, decimals up to the exponent. "98." is an
// amount, ".5" is none.
func parseAmount(text string, exponent int) (minor int64, fault amountFault) {
	if text == "" || len(text) > amountDigitsMax || text[0] == '.' {
		return 0, amountBroken
	}
	n, decimals, point := int64(0), 0, false // 13 digits and up to 4 more: no overflow.
	beyond, fraction := false, false
	for i := 0; i < len(text); i++ {
		digit := text[i] - '0'
		switch {
		case text[i] == '.' && !point:
			point = true
		case digit > 9:
			return 0, amountBroken
		case point && decimals == exponent:
			beyond, fraction = true, fraction || digit != 0
		default:
			n = n*10 + int64(digit)
			if point {
				decimals++
			}
		}
	}
	for ; decimals < exponent; decimals++ {
		n *= 10
	}
	switch {
	case beyond && exponent > 0:
		return 0, amountBroken
	case fraction:
		return 0, amountFraction
	case n == 0:
		return 0, amountZero
	case beyond:
		return n, amountDecimals
	}
	return n, amountGood
}

// allDigits reports whether text holds nothing but digits.
func allDigits(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i]-'0' > 9 {
			return false
		}
	}
	return true
}
