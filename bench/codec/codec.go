// Package codec measures the decoder of payment codes: merchant presented codes beside a
// table-driven checksum over the same bytes and beside the parsers that can be had on Node,
// payer's codes and links with few rules and with ten thousand.
//
// It knows the codec's exported functions alone. One goroutine, one process; nothing of
// HTTP, routing or journal is in these figures.
package codec

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"tongma/bench/figures"
	"tongma/codec"
)

// result is the last line that Run prints. Times are nanoseconds for one code.
type result struct {
	Merchant    float64 `json:"mpm_ns"`
	CRC         float64 `json:"crc_ns"`
	Ratio       float64 `json:"mpm_over_crc"`
	Allocs      float64 `json:"mpm_allocs"`
	Node        float64 `json:"npm_best_ns"` // 0 where it was skipped.
	Consumer    float64 `json:"cpm_ns"`
	PayCode     float64 `json:"paycode_ns"`
	Link        float64 `json:"link_ns"`
	PayCodeMany float64 `json:"paycode_ns_10k_rules"`
	AllocsAll   float64 `json:"allocs"` // Of one merchant code, one payer's code and one link.

	LinkMany       float64 `json:"link_ns_10k_rules"`
	PayCodeScatter float64 `json:"paycode_ns_10k_rules_scattered"`
	LinkScatter    float64 `json:"link_ns_10k_rules_scattered"`
	ConsumerAllocs float64 `json:"cpm_allocs"`
}

// manyRules is how many rules the large rule file has, half of them payer's codes.
const manyRules = 10_000

// Run measures and prints, and ends with one line of JSON. Flags: -rounds, -vectors (the
// published codes), -rivals (folder of the parsers on Node; empty to skip them).
func Run(args []string) error {
	flags := flag.NewFlagSet("codec", flag.ContinueOnError)
	rounds := flags.Int("rounds", 15, "rounds; medians are kept")
	vectors := flags.String("vectors", "conformance/vectors/published.json", "published codes")
	rivals := flags.String("rivals", "bench/rivals/codec", "folder of the parsers on Node; empty to skip them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	codes, consumer, err := published(*vectors)
	if err != nil {
		return err
	}
	files, err := newRuleFiles()
	if err != nil {
		return err
	}
	var r result
	r.merchant(codes, *rounds)
	r.classify(files, consumer, *rounds)
	r.countAllocs(codes, consumer)
	node, err := askNode(*rivals, codes)
	if err != nil {
		fmt.Println("parsers on Node: skipped:", err)
	}
	for _, parser := range node {
		fmt.Printf("parser on Node: %s %.0f ns, %.0f times ours; it parses %d of %d codes and checks no checksum\n",
			parser.name, parser.ns, parser.ns/r.Merchant, parser.parsed, len(codes))
		if r.Node == 0 || parser.ns < r.Node {
			r.Node = parser.ns
		}
	}
	return r.print(len(codes), *rounds)
}

func (r *result) print(codes, rounds int) error {
	fmt.Printf("merchant presented: %.0f ns a code, %.0f allocations; checksum alone %.0f ns; ratio %.2f\n", r.Merchant, r.Allocs, r.CRC, r.Ratio)
	fmt.Printf("consumer presented: %.0f ns, %.0f allocation for the strings\n", r.Consumer, r.ConsumerAllocs)
	fmt.Printf("payer's codes: %.0f ns with 10 rules, %.0f with %d more, %.0f where each code is of another of them\n",
		r.PayCode, r.PayCodeMany, manyRules, r.PayCodeScatter)
	fmt.Printf("links: %.0f ns with 10 rules, %.0f with %d more, %.0f where each link is of another of them\n",
		r.Link, r.LinkMany, manyRules, r.LinkScatter)
	fmt.Printf("medians of %d rounds, %d published merchant codes in turn, into a value that is used again.\n", rounds, codes)
	fmt.Println("included: checksum, every template split, all checks of the standard, scheme and profile; the")
	fmt.Println("checksum beside it goes through one table of 256 entries over the same bytes.")
	fmt.Printf("machine: %s/%s, %d processors, %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return nil
}

// published reads the merchant presented codes that decode, and the first consumer presented.
func published(name string) (merchant []string, consumer string, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, "", fmt.Errorf("bench: cannot read vectors: %w (run it where go.mod stands)", err)
	}
	var list []struct{ Payload, Error string }
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, "", err
	}
	for _, v := range list {
		switch {
		case v.Error != "":
		case strings.HasPrefix(v.Payload, "0002"):
			merchant = append(merchant, v.Payload)
		case consumer == "":
			consumer = v.Payload
		}
	}
	if len(merchant) == 0 || consumer == "" {
		return nil, "", errors.New("bench: no vectors of both kinds")
	}
	return merchant, consumer, nil
}

// each measures how long do takes for one of texts, all of them in turn, for about 10 ms.
func each(texts []string, do func(text string)) float64 {
	const window = 10 * time.Millisecond
	n := 0
	start := time.Now()
	for time.Since(start) < window {
		for range 1 + 2000/len(texts) {
			for _, text := range texts {
				do(text)
			}
			n += len(texts)
		}
	}
	return float64(time.Since(start)) / float64(n)
}

// median measures in so many rounds.
func median(rounds int, once func() float64) float64 {
	list := make([]float64, rounds)
	for i := range list {
		list[i] = once()
	}
	return figures.Median(list)
}

// decoding gives a function that decodes into one value and ends the run where it fails.
func decoding(d *codec.Decoder) func(string) {
	var c codec.Code
	return func(text string) {
		if err := d.Decode(text, &c); err != nil {
			panic(err) // The codes were made for these rules.
		}
	}
}

// merchant measures codes and their checksums in turn, so that both see the same machine.
func (r *result) merchant(codes []string, rounds int) {
	decode := decoding(codec.Default())
	sum := uint16(0)
	crc := func(text string) { sum += codec.CRC(text[:len(text)-4]) }
	defer func() { runtime.KeepAlive(sum) }() // So that no checksum is left out.
	var merchant, sums, ratios []float64
	for range rounds {
		m, s := each(codes, decode), each(codes, crc)
		merchant, sums, ratios = append(merchant, m), append(sums, s), append(ratios, m/s)
	}
	r.Merchant, r.CRC, r.Ratio = figures.Median(merchant), figures.Median(sums), figures.Median(ratios)
}

// ruleFiles are decoders of few and of many rules, and codes for them.
type ruleFiles struct {
	few, many            *codec.Decoder
	payCodes, links      []string // Of the few rules, which the many have as well.
	manyCodes, manyLinks []string // Of all the many rules, in random order.
}

// fewRules is a rule file of ten forms of payer's codes and ten of links, as they are in use.
const fewRules = `version: bench
pay_codes:
  - {id: wechat, scheme: wechat, prefixes: ["10", "11", "12", "13", "14", "15"], length: 18}
  - {id: alipayplus, scheme: alipayplus, prefixes: ["28100"], length: 24}
  - {id: alipay, scheme: alipay, prefixes: ["28"], length: 16-24}
  - {id: unionpay, scheme: unionpay, prefixes: ["62"], length: 19}
  - {id: ecny, scheme: ecny, prefixes: ["01"], length: 19}
`

var fewLinks = []string{"https://qr.95516.com/00010000/62028489073949969921691655610979",
	"https://qr.pbcdci.cn/005031050000078010721050000078010720001", "https://qr.alipay.com/bax08752cgfkhh5non0u304e",
	"weixin://wxpay/bizpayurl?pr=kZF1s1X", "https://h5.example.cn/pay/1234567890"}

const fewLinkRules = `links:
  - {id: unionpay, scheme: unionpay, uri: https, hosts: [qr.95516.com], path: '/{issuer:8}/{code:digits}'}
  - {id: unionpay-order, scheme: unionpay, uri: https, hosts: [qr.95516.com], path: '/{issuer:8}/62{order:digits}'}
  - {id: ecny, scheme: ecny, uri: https, hosts: [qr.pbcdci.cn], path: '/{issuer:3}{code:digits}'}
  - {id: ecny-order, scheme: ecny, uri: https, hosts: [qr.pbcdci.cn], path: '/{issuer:3}04{order:34}'}
  - {id: alipay, scheme: alipay, uri: https, hosts: [qr.alipay.com], path: '/{code:word}'}
  - {id: alipay-order, scheme: alipay, uri: https, hosts: [qr.alipay.com], path: '/bax{code:word}'}
  - {id: wechat, scheme: wechat, uri: weixin, hosts: [wxpay], path: /bizpayurl, query: [{key: pr, name: order}], needs: [pr]}
  - {id: wxp, scheme: wechat, uri: wxp, opaque: true, path: '/f2f0{payee:word}'}
  - {id: h5, scheme: h5, uri: https, hosts: [h5.example.cn], path: '/pay/{order:digits}'}
  - {id: h5-other, scheme: h5, uri: https, hosts: [h5.example.cn], path: '/pos/{order:digits}'}
`

// newRuleFiles makes both decoders. The many rules are the few ones, 5,000 issuers of UnionPay
// codes and 5,000 institutions of UnionPay links: the same first characters, the same host.
func newRuleFiles() (*ruleFiles, error) {
	f := &ruleFiles{links: fewLinks, payCodes: []string{"135112298638468293", "281001020123456789012345",
		"289431869362714645", "6223010512345678901", "0112345678901234567"}}
	var payCodes, links strings.Builder
	for i := range manyRules / 2 {
		fmt.Fprintf(&payCodes, "  - {id: p%d, scheme: p%d, prefixes: ['62%07d'], length: 19}\n", i, i, 9000000+i)
		fmt.Fprintf(&links, "  - {id: l%d, scheme: l%d, uri: https, hosts: [qr.95516.com], path: '/%08d/{code:digits}'}\n", i, i, 90000000+i)
		f.manyCodes = append(f.manyCodes, fmt.Sprintf("62%07d0123456789", 9000000+i))
		f.manyLinks = append(f.manyLinks, fmt.Sprintf("https://qr.95516.com/%08d/62028489073949969921691655610979", 90000000+i))
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(f.manyCodes), func(i, j int) { f.manyCodes[i], f.manyCodes[j] = f.manyCodes[j], f.manyCodes[i] })
	random.Shuffle(len(f.manyLinks), func(i, j int) { f.manyLinks[i], f.manyLinks[j] = f.manyLinks[j], f.manyLinks[i] })
	few, err := codec.LoadRules([]byte(fewRules + fewLinkRules))
	if err != nil {
		return nil, err
	}
	many, err := codec.LoadRules([]byte(fewRules + payCodes.String() + fewLinkRules + links.String()))
	if err != nil {
		return nil, err
	}
	f.few, f.many = few.At(time.Now()), many.At(time.Now())
	return f, nil
}

// classify measures what is told apart by rules.
func (r *result) classify(f *ruleFiles, consumer string, rounds int) {
	few, many := decoding(f.few), decoding(f.many)
	r.PayCode = median(rounds, func() float64 { return each(f.payCodes, few) })
	r.PayCodeMany = median(rounds, func() float64 { return each(f.payCodes, many) })
	r.PayCodeScatter = median(rounds, func() float64 { return each(f.manyCodes, many) })
	r.Link = median(rounds, func() float64 { return each(f.links, few) })
	r.LinkMany = median(rounds, func() float64 { return each(f.links, many) })
	r.LinkScatter = median(rounds, func() float64 { return each(f.manyLinks, many) })
	r.Consumer = median(rounds, func() float64 { return each([]string{consumer}, decoding(codec.Default())) })
}

func (r *result) countAllocs(codes []string, consumer string) {
	decode := decoding(codec.Default())
	count := func(texts ...string) float64 {
		return testing.AllocsPerRun(1000, func() {
			for _, text := range texts {
				decode(text)
			}
		})
	}
	r.Allocs = count(codes...)
	r.AllocsAll = count(codes[0], "6223010512345678901", fewLinks[0])
	r.ConsumerAllocs = count(consumer)
}
