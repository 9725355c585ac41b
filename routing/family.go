package routing

import (
	"cmp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"tongma/codec"
)

// family is a kind of code that exists. The check reasons over families: it looks for
// gaps in those that a table covers, and takes the codes that show a finding from them.
type family struct {
	id       string
	line     int // In the table's file; 0 for a family that is built in.
	standard codec.Standard
	scheme   string
	prefixes []string  // Payment codes: how they begin.
	lengths  lengthSet // Payment codes, in characters.
	start    string    // Links: scheme of the link and its separator.
	host     string    // Links.
	path     string    // Links: shape of the path, '#' a digit, '?' a letter or digit.
	tail     string    // Links: what follows the path.
	issuerAt int       // Links: where in the path the issuer's number stands; 0 for nowhere.
	issuerOf int       // Links: digits of that number.
	feature  feature   // EMV: the template that makes the family.
}

// feature is an EMV template, an identifier in one, or both. An empty part is any.
type feature struct {
	template string
	guid     string // Folded.
}

func (f feature) isZero() bool { return f == feature{} }

// implies says that a code with f has o too.
func (f feature) implies(o feature) bool {
	return (o.template == "" || o.template == f.template) && (o.guid == "" || o.guid == f.guid)
}

// impossible says that no code has f: only templates hold an identifier, which are 26 to 51
// and 80 to 99 (EMVCo MPM 3.4), and 61 of a consumer presented code.
func (f feature) impossible() bool {
	id := f.template
	template := "26" <= id && id <= "51" || "80" <= id && id <= "99" || id == "61"
	return f.guid != "" && id != "" && !template
}

// shared gives the feature of an object that shows f and o both, where one can. An f
// that asks for nothing shares nothing.
func (f feature) shared(o feature) (feature, bool) {
	if f.isZero() != o.isZero() {
		return feature{}, false
	}
	both := feature{cmp.Or(f.template, o.template), cmp.Or(f.guid, o.guid)}
	return both, both.implies(f) && both.implies(o)
}

// excludes says that no code has both: a template has one identifier.
func (f feature) excludes(o feature) bool {
	return f.template != "" && f.template == o.template &&
		f.guid != "" && o.guid != "" && f.guid != o.guid
}

func (f *family) mode() codec.Mode {
	if f.standard == codec.PayCode || f.standard == codec.EMVConsumer {
		return codec.CustomerPresented
	}
	return codec.MerchantPresented
}

func payFamily(id, scheme, lengths string, prefixes ...string) family {
	var set lengthSet
	for span := range strings.SplitSeq(lengths, ",") {
		some, err := parseLengths(span)
		if err != nil {
			panic("routing: family " + id + " has lengths " + lengths)
		}
		set |= some
	}
	return family{id: id, standard: codec.PayCode, scheme: scheme, lengths: set,
		prefixes: prefixes}
}

func emvFamily(scheme, template, guid string) family {
	return family{id: scheme + "-emv", standard: codec.EMVMerchant, scheme: scheme,
		feature: feature{template, fold(guid)}}
}

// builtInFamilies are the kinds of codes in use as of 2026. Forms and lengths are those
// that the schemes publish, or that public samples show where they publish none.
var builtInFamilies = []family{
	payFamily("wechat-paycode", "wechat", "18", "10", "11", "12", "13", "14", "15"),
	payFamily("alipay-paycode", "alipay", "16-24", "25", "26", "27", "29", "30"),
	payFamily("alipay-28-paycode", "alipay", "16,18,20-24", "28"),
	payFamily("alipayplus-paycode", "alipayplus", "24", "28100", "28101", "28102", "25100102"),
	payFamily("alipayplus-28-paycode", "alipayplus", "17,19", "28"),
	payFamily("unionpay-paycode", "unionpay", "19", "62"),
	payFamily("ecny-paycode", "ecny", "19", "01"),
	payFamily("jd-paycode", "jd", "18", "18"),
	payFamily("bestpay-paycode", "bestpay", "18", "51"),
	{id: "unionpay-link", standard: codec.Link, scheme: "unionpay", start: "https://",
		host: "qr.95516.com", path: "/########/" + strings.Repeat("#", 32), issuerAt: 1, issuerOf: 8},
	{id: "ecny-link", standard: codec.Link, scheme: "ecny", start: "https://",
		host: "qr.pbcdci.cn", path: "/" + strings.Repeat("#", 39), issuerAt: 1, issuerOf: 3},
	{id: "alipay-link", standard: codec.Link, scheme: "alipay", start: "https://",
		host: "qr.alipay.com", path: "/???" + strings.Repeat("#", 20)},
	{id: "wechat-link", standard: codec.Link, scheme: "wechat", start: "weixin://",
		host: "wxpay", path: "/bizpayurl", tail: "?pr=kZF1s1X"},
	{id: "wechat-order-link", standard: codec.Link, scheme: "wechat", start: "weixin://",
		host: "pay.weixin.qq.com", path: "/bizpayurl", tail: "?pr=kZF1s1X"},
	{id: "wechat-personal-link", standard: codec.Link, scheme: "wechat", start: "wxp://",
		host: "f2f0" + strings.Repeat("a", 40)}, // What names the payee stands where a host does.
	{id: "qqwallet-link", standard: codec.Link, scheme: "qqwallet", start: "https://",
		host: "i.qianbao.qq.com", path: "/wallet/sqrcode.htm", tail: "?u=10001"},
	{id: "upi-link", standard: codec.Link, scheme: "upi", start: "upi://",
		host: "pay", tail: "?pa=shop@bank&pn=Shop"},
	emvFamily("unionpay", "15", ""),
	emvFamily("promptpay", "29", "A000000677010111"),
	emvFamily("vietqr", "38", "A000000727"),
	emvFamily("paynow", "26", "SG.PAYNOW"),
	emvFamily("duitnow", "26", "A0000006150001"),
	emvFamily("qris", "51", "ID.CO.QRIS.WWW"),
	emvFamily("fps", "26", "HK.COM.HKICL"),
	emvFamily("pix", "26", "BR.GOV.BCB.PIX"),
	{id: "other-emv", standard: codec.EMVMerchant},
	{id: "emv-consumer", standard: codec.EMVConsumer, feature: feature{template: "61"}},
}

// linkPath is the shape of the path where a table's own family of links names none.
const linkPath = "/????????????????"

// family reads a kind of code that the decoder's rule file knows and this package does
// not: {id, standard, scheme, prefix, length} or {id, standard, scheme, host} or
// {id, standard, scheme, template, guid}.
func (d *document) family(node ast.Node) family {
	f := family{line: lineOf(node), start: "https://", path: linkPath}
	var standard string
	d.mapping(node, "family", fields{
		"id":       d.text("id", &f.id),
		"standard": d.text("standard", &standard),
		"scheme":   d.text("scheme", &f.scheme),
		"prefix":   d.texts("prefix", &f.prefixes),
		"length":   d.lengths(&f.lengths),
		"host":     d.text("host", &f.host),
		"template": d.text("template", &f.feature.template),
		"guid":     d.text("guid", &f.feature.guid),
	})
	f.standard = codec.Standard(standard)
	f.feature.guid = fold(f.feature.guid)
	complete := f.id != "" && map[codec.Standard]bool{
		codec.PayCode:     len(f.prefixes) > 0 && f.lengths != 0,
		codec.Link:        f.host != "" && isHost(f.host),
		codec.EMVMerchant: !f.feature.isZero(),
		codec.EMVConsumer: !f.feature.isZero(),
	}[f.standard]
	if !complete || slices.ContainsFunc(f.prefixes, func(p string) bool { return !isPrefix(p) }) {
		d.fault(node, "family %s: want id, standard, and prefix with length, or host, "+
			"or template or guid", f.id)
	}
	return f
}
