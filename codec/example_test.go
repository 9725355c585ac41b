package codec_test

import (
	"errors"
	"fmt"
	"time"

	"tongma/codec"
)

func ExampleDecoder_Decode() {
	var code codec.Code // Decoding into it again reuses its room.
	if err := codec.Default().Decode("https://qr.95516.com/48020000/42171909246221001152996469", &code); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(code.Standard, code.Scheme, code.Issuer, code.Static)

	err := codec.Default().Decode("https://qr.95516.com.evil.cn/48020000/1", &code)
	var fault *codec.Error
	fmt.Println(errors.As(err, &fault) && fault.Code == codec.CodeUntrusted)
	fmt.Println(err)
	// Output:
	// link unionpay 48020000 true
	// true
	// codec: look_alike_host at byte 8: found a host that looks like qr.95516.com, want qr.95516.com alone
}

func ExampleMerchantCode_Encode() {
	code := codec.MerchantCode{
		Dynamic:  true,
		Accounts: []codec.Object{codec.UnionPayAccount("26481000", "48021000", "898310070110001")},
		Category: "5812", Currency: "156", AmountFen: 1250, Country: "CN",
		Name: "NOODLES", City: "SHANGHAI", // ASCII; the merchant's own script has template 64.
		Additional: []codec.Object{{ID: "07", Value: "T1"}},
		Language:   []codec.Object{{ID: "00", Value: "ZH"}, {ID: "01", Value: "街角面馆"}},
	}
	text, err := code.Encode()
	fmt.Println(text, err)
	// Output:
	// 00020101021215312648100048021000898310070110001520458125303156540512.505802CN5907NOODLES6008SHANGHAI62060702T164140002ZH0104街角面馆63047603 <nil>
}

func ExampleLoadRules() {
	rules, err := codec.LoadRules([]byte(`
version: "1"
pay_codes:
  - {id: new-edition, scheme: example, prefixes: ["01"], length: 19, from: 2026-12-23,
     parts: [{name: issuer, at: 3-6}]}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	start := rules.NextChange(time.Time{}) // The day begins in Shanghai.
	var code codec.Code
	err = rules.At(start).Decode("0112340000000000000", &code)
	fmt.Println(start, code.Issuer, err)
	// Output:
	// 2026-12-22 16:00:00 +0000 UTC 1234 <nil>
}
