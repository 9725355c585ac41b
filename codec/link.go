package codec

import "strings"

// linkRule is one form of merchant's link.
type linkRule struct {
	scheme  string // https, weixin, wxp, upi
	host    string // In lower case.
	prefix  string // Of the path.
	name    string // The payment scheme.
	dynamic bool
	issuer  int // Digits after prefix that number the institution; 0 where it is not named.
}

var linkRules = []linkRule{
	{"https", "qr.95516.com", "/", "unionpay", false, 8},
	{"https", "qr.pbcdci.cn", "/", "ecny", false, 3},
	{"https", "qr.alipay.com", "/", "alipay", false, 0},
	{"https", "qr.alipay.com", "/bax", "alipay", true, 0},
	{"https", "i.qianbao.qq.com", "/wallet/sqrcode.htm", "qqwallet", false, 0},
	{"weixin", "wxpay", "/bizpayurl", "wechat", true, 0},
	{"weixin", "pay.weixin.qq.com", "/bizpayurl", "wechat", true, 0},
	{"wxp", "", "", "wechat", false, 0},
	{"upi", "pay", "", "upi", false, 0},
}

// decodeLink reads a merchant's link by scheme, host and path. The host is compared
// without case and must be the whole host: nothing before it, nothing after it, no user,
// no port, no escapes, no other alphabet.
func (d *Decoder) decodeLink(text string, into *Code) error {
	into.Standard, into.Mode, into.Static = Link, MerchantPresented, true
	i := strings.Index(text, "://")
	scheme, rest := text[:i], text[i+3:]
	host, path := rest, ""
	if j := strings.IndexAny(rest, "/?#"); j >= 0 {
		host, path = rest[:j], rest[j:]
	}
	if strings.EqualFold(scheme, "wxp") {
		host, path = "", "/"+rest
	}
	at := i + 3
	for k := 0; k < len(host); k++ {
		c := host[k] | 0x20
		if (c < 'a' || c > 'z') && (host[k] < '0' || host[k] > '9') && host[k] != '.' && host[k] != '-' {
			return &Error{Code: CodeHost, Offset: at + k, Want: "letters, digits, dots and hyphens"}
		}
	}
	if strings.ContainsAny(path, "\\ ") || strings.Contains(strings.ToLower(path), "%2f") {
		return &Error{Code: CodeHost, Offset: at + len(host), Want: "a path without encoded slashes"}
	}
	best := d.linkRule(scheme, host, path)
	if best == nil {
		return d.unknownHost(host, at)
	}
	into.Scheme, into.Static, into.Issuer = best.name, !best.dynamic, best.issuerOf(path)
	into.Fields = append(into.Fields,
		Field{Path: "host", Name: "host", Value: host, Offset: at},
		Field{Path: "path", Name: "path", Value: path, Offset: at + len(host)})
	return nil
}

// issuerOf gives the institution's number with which a path goes on after the prefix.
func (r *linkRule) issuerOf(path string) string {
	from, to := len(r.prefix), len(r.prefix)+r.issuer
	if len(path) < to || !allDigits(path[from:to]) {
		return ""
	}
	return path[from:to]
}

// linkRule finds the rule with the longest path that fits.
func (d *Decoder) linkRule(scheme, host, path string) *linkRule {
	var best *linkRule
	rules, ok := d.links[host]
	if !ok {
		rules = d.links[strings.ToLower(host)]
	}
	for i := range rules {
		r := &rules[i]
		if strings.EqualFold(r.scheme, scheme) && strings.HasPrefix(path, r.prefix) &&
			(best == nil || len(r.prefix) > len(best.prefix)) {
			best = r
		}
	}
	return best
}

// unknownHost tells a stranger from one that dresses up as a known host.
func (d *Decoder) unknownHost(host string, at int) error {
	lower := strings.ToLower(host)
	for known := range d.links {
		if strings.Contains(known, ".") && lower != known && strings.Contains(lower, known) {
			return &Error{Code: CodeUntrusted, Offset: at, Found: "a host that contains " + known, Want: known + " alone"}
		}
	}
	return &Error{Code: CodeUnknown, Offset: at, Found: "a host of no scheme", Want: "a known merchant link"}
}
