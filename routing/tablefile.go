package routing

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"tongma/codec"
	"tongma/switch/payment"
)

// What a table may hold, each refused by name when there is more.
const (
	rulesMax        = 20_000
	entriesMax      = 4_000_000 // Lines of all lists together.
	targetsMax      = 16        // Of one rule.
	prefixBytesMax  = 15        // Of one prefix.
	clausesMax      = 4096      // Combinations of prefix, host, path, template, id in one rule.
	agreementsMax   = 20_000
	windowsMax      = 10_000
	precedenceMax   = 1000
	weightMax       = 1_000_000
	amountFenMax    = 1 << 53 // Above any payment; exact in every JSON reader.
	priorityMax     = 100
	versionBytesMax = 64
)

// tableFile is a table as its file states it.
type tableFile struct {
	version    string
	line       int
	from       time.Time // UTC; the check asks nothing about earlier instants.
	covers     []cover
	families   []family
	rules      []*rule
	agreements []*agreement
	windows    []window
	standbys   []standby
	fallback   *rule
	lists      []listSource
}

// listSource is a list whose lines stand in a CSV file.
type listSource struct {
	rule *rule
	file string
	node ast.Node
}

// cover is a family that the table must route wholly.
type cover struct {
	family string
	line   int
}

// standby is the institution that answers when another, asked first, was not reached.
type standby struct {
	institution, standby string
	line                 int
}

func (d *document) table(root ast.Node) *tableFile {
	file := &tableFile{line: lineOf(root)}
	d.mapping(root, "table", fields{
		"version": d.text("version", &file.version),
		"from":    d.instant("from", &file.from),
		"covers": d.sequence("covers", func(node ast.Node) {
			c := cover{line: lineOf(node)}
			c.family, _ = d.scalar(node, "covers")
			file.covers = append(file.covers, c)
		}),
		"families": d.sequence("families", func(node ast.Node) {
			file.families = append(file.families, d.family(node))
		}),
		"rules": d.sequence("rules", func(node ast.Node) {
			file.rules = append(file.rules, d.rule(node))
		}),
		"lists": d.sequence("lists", func(node ast.Node) {
			file.lists = append(file.lists, d.list(node))
		}),
		"default": func(node ast.Node) {
			file.fallback = &rule{id: "default", line: lineOf(node), span: always}
			file.fallback.match.amount = always
			d.mapping(node, "default", fields{"targets": d.targets(file.fallback)})
			if len(file.fallback.targets) == 0 {
				d.fault(node, "default: targets are missing")
			}
		},
		"agreements": d.sequence("agreements", func(node ast.Node) {
			file.agreements = append(file.agreements, d.agreement(node))
		}),
		"maintenance": d.sequence("maintenance", func(node ast.Node) {
			file.windows = append(file.windows, d.window(node))
		}),
		"standby": d.sequence("standby", func(node ast.Node) {
			file.standbys = append(file.standbys, d.standby(node))
		}),
	})
	d.limits(root, file)
	return file
}

func (d *document) limits(root ast.Node, file *tableFile) {
	if file.version == "" || len(file.version) > versionBytesMax {
		d.fault(root, "table: version is missing or longer than versionBytesMax, %d bytes",
			versionBytesMax)
	}
	for _, limit := range []struct {
		noun        string
		count, most int
	}{
		{"rules, limit rulesMax", len(file.rules), rulesMax},
		{"agreements, limit agreementsMax", len(file.agreements), agreementsMax},
		{"maintenance windows, limit windowsMax", len(file.windows), windowsMax},
	} {
		if limit.count > limit.most {
			d.fault(root, "table holds %d %s is %d", limit.count, limit.noun, limit.most)
		}
	}
}

func lineOf(node ast.Node) int { return node.GetToken().Position.Line }

func (d *document) rule(node ast.Node) *rule {
	r := &rule{line: lineOf(node)}
	var in period
	r.match.amount = always
	d.mapping(node, "rule", fields{
		"id":         d.text("id", &r.id),
		"precedence": d.whole("precedence", &r.precedence, 0, precedenceMax),
		"match":      d.match(&r.match),
		"from":       d.instant("from", &in.from),
		"until":      d.instant("until", &in.until),
		"targets":    d.targets(r),
	})
	r.span = in.span()
	if r.id == "" {
		d.fault(node, "rule: id is missing")
	}
	if len(r.targets) == 0 {
		d.fault(node, "rule %s: targets are missing", r.id)
	}
	return r
}

func (d *document) list(node ast.Node) listSource {
	r := &rule{line: lineOf(node), entries: []entry{}}
	source := listSource{rule: r, node: node}
	var in period
	r.match.amount = always
	d.mapping(node, "list", fields{
		"id":         d.text("id", &r.id),
		"file":       d.text("file", &source.file),
		"precedence": d.whole("precedence", &r.precedence, 0, precedenceMax),
		"match":      d.match(&r.match),
		"from":       d.instant("from", &in.from),
		"until":      d.instant("until", &in.until),
	})
	r.span = in.span()
	if r.id == "" || source.file == "" {
		d.fault(node, "list: id or file is missing")
	}
	if len(r.match.prefixes) > 0 {
		d.fault(node, "list %s: prefix belongs in the lines of its file", r.id)
	}
	return source
}

func (d *document) targets(r *rule) func(ast.Node) {
	return d.sequence("targets", func(node ast.Node) {
		t := target{line: lineOf(node), priority: 1, weight: 1, index: -1}
		d.mapping(node, "target", fields{
			"institution": d.text("institution", &t.institution),
			"priority":    d.whole("priority", &t.priority, 1, priorityMax),
			"weight":      d.whole("weight", &t.weight, 1, weightMax),
		})
		if t.institution == "" {
			d.fault(node, "target: institution is missing")
		}
		if len(r.targets) == targetsMax {
			d.fault(node, "target: rule has more than targetsMax, %d", targetsMax)
			return
		}
		r.targets = append(r.targets, t)
	})
}

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
	return s == fold(s) && !strings.ContainsAny(s, "/:@? #") && strings.Contains(s, ".")
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

func (d *document) agreement(node ast.Node) *agreement {
	a := &agreement{line: lineOf(node), limitFen: amountFenMax}
	var in period
	d.mapping(node, "agreement", fields{
		"id":          d.text("id", &a.id),
		"caller":      d.texts("caller", &a.callers),
		"institution": d.texts("institution", &a.institutions),
		"scene":       d.texts("scene", &a.scenes),
		"limit_fen":   d.whole("limit_fen", &a.limitFen, 1, amountFenMax),
		"from":        d.instant("from", &in.from),
		"until":       d.instant("until", &in.until),
	})
	a.span = in.span()
	for _, scene := range a.scenes {
		if !isScene(scene) {
			d.fault(node, "scene: want one of %s, found %.40q", names(scenes), scene)
		}
	}
	if a.id == "" || len(a.callers) == 0 || len(a.institutions) == 0 {
		d.fault(node, "agreement: id, caller or institution is missing")
	}
	return a
}

func (d *document) window(node ast.Node) window {
	w := window{line: lineOf(node)}
	var in period
	var start, end string
	d.mapping(node, "maintenance", fields{
		"institution": d.text("institution", &w.institution),
		"from":        d.instant("from", &in.from),
		"until":       d.instant("until", &in.until),
		"daily": func(node ast.Node) {
			d.mapping(node, "daily", fields{
				"start": d.text("start", &start), "end": d.text("end", &end),
			})
			w.daily = true
			w.start, w.end = d.timeOfDay(node, start), d.timeOfDay(node, end)
		},
	})
	w.span = in.span()
	if w.institution == "" || (!w.daily && (in.from.IsZero() || in.until.IsZero())) {
		d.fault(node, "maintenance: institution is missing, or from and until or daily are")
	}
	return w
}

// timeOfDay reads "23:30" as seconds after midnight.
func (d *document) timeOfDay(node ast.Node, text string) int64 {
	at, err := time.Parse("15:04", text)
	if err != nil {
		d.fault(node, `daily: want start and end as "23:30", found %.40q`, text)
		return 0
	}
	return int64(at.Hour()*3600 + at.Minute()*60)
}

func (d *document) standby(node ast.Node) standby {
	s := standby{line: lineOf(node)}
	d.mapping(node, "standby", fields{
		"institution": d.text("institution", &s.institution),
		"standby":     d.text("standby", &s.standby),
	})
	if s.institution == "" || s.standby == "" {
		d.fault(node, "standby: institution or standby is missing")
	}
	return s
}
