package routing

import (
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"tongma/codec"
	"tongma/switch/payment"
)

func (d *document) match(m *match) func(ast.Node) {
	var standard, mode string
	return func(node ast.Node) {
		d.mapping(node, "match", fields{
			"standard":   d.text("standard", &standard),
			"mode":       d.text("mode", &mode),
			"scheme":     d.texts("scheme", &m.schemes),
			"prefix":     d.texts("prefix", &m.prefixes),
			"length":     d.lengths(&m.lengths),
			"host":       d.texts("host", &m.hosts),
			"path":       d.texts("path", &m.paths),
			"template":   d.texts("template", &m.templates),
			"guid":       d.texts("guid", &m.guids),
			"acquirer":   d.texts("acquirer", &m.acquirers),
			"issuer":     d.texts("issuer", &m.issuers),
			"country":    d.texts("country", &m.countries),
			"currency":   d.texts("currency", &m.currencies),
			"scene":      d.texts("scene", &m.scenes),
			"caller":     d.texts("caller", &m.callers),
			"amount_fen": d.amount(&m.amount),
		})
		m.standard, m.mode = codec.Standard(standard), codec.Mode(mode)
		d.matchForm(node, m)
	}
}

// matchForm refuses values that no code could ever have.
func (d *document) matchForm(node ast.Node, m *match) {
	oneOf := func(noun, value string, allowed ...string) {
		for _, each := range allowed {
			if value == each || value == "" {
				return
			}
		}
		d.fault(node, "%s: %.40q is unknown, want one of %s",
			noun, value, strings.Join(allowed, ", "))
	}
	oneOf("standard", string(m.standard), string(codec.EMVMerchant),
		string(codec.EMVConsumer), string(codec.PayCode), string(codec.Link))
	oneOf("mode", string(m.mode),
		string(codec.MerchantPresented), string(codec.CustomerPresented))
	each := func(noun string, values []string, form string, fits func(string) bool) {
		for _, value := range values {
			if !fits(value) {
				d.fault(node, "%s: want %s, found %.40q", noun, form, value)
			}
		}
	}
	each("prefix", m.prefixes, "1 to 15 letters and digits", isPrefix)
	each("host", m.hosts, "a host in lower case without port", isHost)
	each("path", m.paths, "a path that begins with a slash", isPath)
	each("template", m.templates, "an EMV id of two digits", digits(2, 2))
	each("acquirer", m.acquirers, "1 to 15 digits", digits(1, prefixBytesMax))
	each("country", m.countries, "ISO 3166-1 alpha-2 in capitals", isCountry)
	each("currency", m.currencies, "ISO 4217, three digits", digits(3, 3))
	each("scene", m.scenes, "one of "+names(scenes), isScene)
}

func isPrefix(s string) bool {
	return len(s) <= prefixBytesMax && strings.Trim(s, alphanumeric) == ""
}

func isHost(s string) bool {
	return s == fold(s) && !strings.ContainsAny(s, "/:@? #")
}

func isPath(s string) bool { return s[0] == '/' && !strings.ContainsAny(s, " #") }

// scenes are the words for every scene of a payment.
var scenes = func() []string {
	var words []string
	for s := payment.InStore; s <= payment.CrossBorder; s++ {
		words = append(words, s.String())
	}
	return words
}()

func isScene(s string) bool { return slices.Contains(scenes, s) }

func isCountry(s string) bool {
	return len(s) == 2 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func digits(least, most int) func(string) bool {
	return func(s string) bool {
		return least <= len(s) && len(s) <= most && strings.Trim(s, "0123456789") == ""
	}
}

// lengths reads one length, a range such as "16-24", or a list of either.
func (d *document) lengths(into *lengthSet) func(ast.Node) {
	one := func(node ast.Node) {
		set, err := parseLengths(node.GetToken().Value)
		if err != nil || (node.Type() != ast.IntegerType && node.Type() != ast.StringType) {
			d.fault(node, `length: want 1 to %d, or a range as "16-24", found %s`,
				lengthMax, found(node))
			return
		}
		*into |= set
	}
	return func(node ast.Node) {
		if node.Type() == ast.SequenceType {
			d.sequence("length", one)(node)
			return
		}
		one(node)
	}
}

func parseLengths(text string) (lengthSet, error) {
	least, most, isRange := strings.Cut(text, "-")
	if !isRange {
		most = least
	}
	first, err := strconv.ParseUint(least, 10, 6)
	if err != nil {
		return 0, err
	}
	last, err := strconv.ParseUint(most, 10, 6)
	if err != nil {
		return 0, err
	}
	if first == 0 || last < first {
		return 0, strconv.ErrRange
	}
	var set lengthSet
	for length := first; length <= last; length++ {
		set |= 1 << length
	}
	return set, nil
}

// amount reads {from, below} in fen; what is left out does not bound.
func (d *document) amount(into *span) func(ast.Node) {
	return func(node ast.Node) {
		d.mapping(node, "amount_fen", fields{
			"from":  d.whole("from", &into.from, 0, amountFenMax),
			"below": d.whole("below", &into.until, 1, amountFenMax),
		})
	}
}
