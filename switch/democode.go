package main

import (
	"bytes"
	"crypto/rand"
	"fmt"

	"tongma/codec"
	"tongma/codec/symbol"
)

// freshScenes are payments with codes that are made for them: a till shows a code with its
// amount, a wallet shows a code of its own. Both are drawn, and what pays is what was read
// from the picture.
func freshScenes() ([]scene, error) {
	till := codec.MerchantCode{
		Dynamic:  true,
		Accounts: []codec.Object{codec.UnionPayAccount("26481000", "48021000", "898310070110001")},
		Category: "5812", Currency: "156", AmountFen: 1888, Country: "CN", Name: "CORNER NOODLES", City: "SHANGHAI",
		Additional: []codec.Object{{ID: "07", Value: "TILL0003"}},
		Language:   []codec.Object{{ID: "00", Value: "ZH"}, {ID: "01", Value: "街角面馆"}, {ID: "02", Value: "上海"}},
	}
	shown, err := till.Encode()
	if err != nil {
		return nil, err
	}
	if shown, err = scanned(symbol.QR(shown, symbol.LevelM)); err != nil {
		return nil, err
	}
	wallet, err := codec.Default().NewPayCode("ecny", rand.Reader)
	if err != nil {
		return nil, err
	}
	if wallet, err = scanned(symbol.Code128(wallet)); err != nil {
		return nil, err
	}
	return []scene{
		{title: "a wallet scans the QR code that a till has made for 18.88 yuan", caller: "kitewallet", want: "approved",
			fields: map[string]any{"code": shown}},
		{title: "a till scans the bars of a code that an e-CNY wallet has just made", caller: "corneracquirer", want: "approved",
			fields: map[string]any{"code": wallet, "amount_fen": 2300}},
	}, nil
}

// scanned draws a symbol as a picture and reads it again, as a camera would.
func scanned(drawing symbol.Drawing, err error) (string, error) {
	if err != nil {
		return "", err
	}
	var picture bytes.Buffer
	if err := drawing.PNG(&picture, 4); err != nil {
		return "", err
	}
	symbols, err := symbol.Read(&picture)
	if err != nil || len(symbols) != 1 {
		return "", fmt.Errorf("%d symbols in a picture of one: %w", len(symbols), err)
	}
	return symbols[0].Text, nil
}
