package codec

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ruleFile is the shape of a rule file. See rules.yaml, which documents it.
type ruleFile struct {
	Version      string             `yaml:"version"`
	PayCodes     []payEntry         `yaml:"pay_codes"`
	Links        []linkEntry        `yaml:"links"`
	Applications []applicationEntry `yaml:"applications"`
}

// ruleEntry is what every entry has.
type ruleEntry struct {
	ID     string `yaml:"id"`
	Scheme string `yaml:"scheme"`
	Issuer string `yaml:"issuer"`
	Trust  string `yaml:"trust"`
	Off    bool   `yaml:"off"`
	Rank   int    `yaml:"rank"`
	From   string `yaml:"from"`
	Until  string `yaml:"until"`
	Source string `yaml:"source"`
	Note   string `yaml:"note"`
}

type payEntry struct {
	Head     ruleEntry   `yaml:",inline"`
	Name     string      `yaml:"name"`
	Prefixes []string    `yaml:"prefixes"`
	Length   string      `yaml:"length"`
	Pattern  string      `yaml:"pattern"`
	Parts    []partEntry `yaml:"parts"`
}

type partEntry struct {
	Name string `yaml:"name"`
	At   string `yaml:"at"`
}

type linkEntry struct {
	Head        ruleEntry    `yaml:",inline"`
	URI         string       `yaml:"uri"`
	Hosts       []string     `yaml:"hosts"`
	Opaque      bool         `yaml:"opaque"`
	Path        string       `yaml:"path"`
	Query       []paramEntry `yaml:"query"`
	Needs       []string     `yaml:"needs"`
	Dynamic     bool         `yaml:"dynamic"`
	DynamicWith string       `yaml:"dynamic_with"`
	Payload     string       `yaml:"payload"`
	Currency    string       `yaml:"currency"`
}

type paramEntry struct {
	Key  string `yaml:"key"`
	Name string `yaml:"name"`
	Want string `yaml:"want"`
}

type applicationEntry struct {
	Head ruleEntry `yaml:",inline"`
	AID  string    `yaml:"aid"`
}

var (
	ruleNames = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	hostNames = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
	uriNames  = regexp.MustCompile(`^[a-z][a-z0-9+.-]{0,31}$`)
	aidDigits = regexp.MustCompile(`^([0-9A-F]{2}){5,16}$`)
)

// rule reads what every entry has.
func (e *ruleEntry) rule() (r rule, err error) {
	r = rule{id: e.ID, scheme: e.Scheme, issuer: e.Issuer, off: e.Off, rank: e.Rank}
	switch {
	case !ruleNames.MatchString(e.ID):
		return r, fmt.Errorf("id %q, want lower-case letters, digits and hyphens", e.ID)
	case !ruleNames.MatchString(e.Scheme):
		return r, fmt.Errorf("scheme %q, want lower-case letters, digits and hyphens", e.Scheme)
	case slices.Contains([]Profile{Auto, Strict, Open, ByteLengths}, Profile(e.Scheme)):
		return r, fmt.Errorf("scheme %q, which is a profile of no scheme", e.Scheme)
	case e.Rank < -1000 || e.Rank > 1000:
		return r, fmt.Errorf("rank %d, want -1000 to 1000", e.Rank)
	}
	switch e.Trust {
	case "", "high":
		r.trust = trustHigh
	case "low":
		r.trust = trustLow
	default:
		return r, fmt.Errorf("trust %q, want high or low", e.Trust)
	}
	if r.from, err = parseInstant(e.From); err != nil {
		return r, fmt.Errorf("from: %w", err)
	}
	if r.until, err = parseInstant(e.Until); err != nil {
		return r, fmt.Errorf("until: %w", err)
	}
	if !r.until.IsZero() && !r.from.Before(r.until) {
		return r, errors.New("until, want an instant after from")
	}
	return r, nil
}

// shanghai is the time of the business day. It has had no summer time since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// parseInstant reads a day, which begins in Asia/Shanghai, or an instant of RFC 3339.
func parseInstant(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, shanghai); err == nil {
		return day.UTC(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%q, want a day such as 2026-12-01 or an instant of RFC 3339", text)
	}
	return at.UTC(), nil
}

// rules gives one rule for each prefix, or the one of the pattern.
func (e *payEntry) rules() ([]payRule, error) {
	head, err := e.Head.rule()
	if err != nil {
		return nil, err
	}
	if (e.Pattern == "") == (len(e.Prefixes) == 0) {
		return nil, errors.New("want either prefixes with length, or a pattern")
	}
	var forms []string
	if e.Pattern != "" {
		if e.Length != "" {
			return nil, errors.New("length beside a pattern, which says it itself")
		}
		forms = []string{e.Pattern}
	}
	for _, prefix := range e.Prefixes {
		form, err := prefixForm(prefix, e.Length)
		if err != nil {
			return nil, err
		}
		forms = append(forms, form)
	}
	list := make([]payRule, 0, len(forms))
	for _, form := range forms {
		r := payRule{rule: head, name: e.Name}
		if r.name == "" {
			r.name = "payment code"
		}
		if r.pattern, err = parsePattern(form); err != nil {
			return nil, fmt.Errorf("pattern %s: %w", form, err)
		}
		if r.pattern.min < 2 {
			return nil, fmt.Errorf("pattern %s fits one character, want 2 or more", form)
		}
		if r.parts, err = e.partList(r.pattern.min); err != nil {
			return nil, err
		}
		r.settle()
		list = append(list, r)
	}
	return list, nil
}

// prefixForm is the pattern of digits that begin with prefix.
func prefixForm(prefix, length string) (string, error) {
	least, most, err := parseSpan(length, "-")
	if err != nil {
		return "", fmt.Errorf("length: %w", err)
	}
	if prefix == "" || !allDigits(prefix) || len(prefix) > least {
		return "", fmt.Errorf("prefix %q, want digits, no more than the length", prefix)
	}
	if len(prefix) == least && most == least {
		return prefix, nil
	}
	return fmt.Sprintf(`%s\d{%d,%d}`, prefix, least-len(prefix), most-len(prefix)), nil
}

// partList reads the named parts, which lie within the shortest code.
func (e *payEntry) partList(size int) ([]payPart, error) {
	var list []payPart
	for _, p := range e.Parts {
		from, to, err := parseSpan(p.At, "-")
		if err != nil || from < 1 || to > size {
			return nil, fmt.Errorf("part %q at %q, want characters 1 to %d", p.Name, p.At, size)
		}
		if p.Name == "" || p.Name == "code" || slices.ContainsFunc(list, func(other payPart) bool { return other.name == p.Name }) {
			return nil, fmt.Errorf("part %q, want a name of its own", p.Name)
		}
		list = append(list, payPart{path: p.Name, name: p.Name, from: from - 1, to: to, issuer: p.Name == "issuer"})
	}
	return list, nil
}

// queryMax bounds the parameters that one rule knows.
const queryMax = 32

// link reads a rule of merchant's links.
func (e *linkEntry) link() (r linkRule, err error) {
	if r.rule, err = e.Head.rule(); err != nil {
		return r, err
	}
	r.uri, r.hosts, r.opaque, r.needs = e.URI, e.Hosts, e.Opaque, e.Needs
	r.dynamic, r.dynamicWith, r.payload, r.currency = e.Dynamic, e.DynamicWith, e.Payload, e.Currency
	if r.path, err = parsePath(e.Path); err != nil {
		return r, err
	}
	for _, p := range e.Query {
		part := newLinkPart("query."+p.Key, p.Name)
		part.escaped = true
		r.query = append(r.query, linkParam{p.Key, part, p.Want})
	}
	r.settle()
	return r, e.check(&r)
}

// check refuses what no link can be.
func (e *linkEntry) check(r *linkRule) error {
	if !uriNames.MatchString(r.uri) {
		return fmt.Errorf("uri %q, want the scheme of a link in lower case", r.uri)
	}
	named := map[string]bool{}
	for _, host := range r.hosts {
		if !hostNames.MatchString(host) || named[host] {
			return fmt.Errorf("host %q, want a host in lower case without port, once", host)
		}
		named[host] = true
	}
	keys := map[string]bool{}
	for _, p := range e.Query {
		if p.Key == "" || p.Name == "" || keys[p.Key] {
			return fmt.Errorf("query %q named %q, want each key once, with a name", p.Key, p.Name)
		}
		keys[p.Key] = true
	}
	for _, key := range append(r.needs[:len(r.needs):len(r.needs)], r.dynamicWith) {
		if key != "" && !keys[key] {
			return fmt.Errorf("key %q is none of the query's", key)
		}
	}
	hasAmount := strings.Contains(e.Path, "{amount:")
	for _, p := range r.query {
		hasAmount = hasAmount || p.part.role == roleAmount
	}
	_, known := exponentOf(r.currency)
	switch {
	case len(r.query) > queryMax:
		return fmt.Errorf("%d parameters, want at most %d", len(r.query), queryMax)
	case r.opaque && len(r.hosts) > 0:
		return errors.New("hosts of an opaque link, which has none")
	case len(r.hosts) == 0 && r.path.literal == "":
		return errors.New("any host and any path, want hosts or a path that begins with more")
	case r.payload != "" && (r.payload != payloadAlipayPlus || !r.path.open):
		return fmt.Errorf("payload %q, want alipayplus and a path that ends in {name:any}", r.payload)
	case hasAmount && !known, r.currency != "" && !known:
		return fmt.Errorf("currency %q, want a number of ISO 4217", strconv.Quote(r.currency))
	}
	return nil
}

// application reads a rule of consumer presented codes.
func (e *applicationEntry) application() (a application, err error) {
	if a.rule, err = e.Head.rule(); err != nil {
		return a, err
	}
	if a.aid = e.AID; !aidDigits.MatchString(a.aid) {
		return a, fmt.Errorf("aid %q, want 5 to 16 bytes in upper-case hexadecimal digits", a.aid)
	}
	return a, nil
}
