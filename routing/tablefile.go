package routing

import (
	"time"

	"github.com/goccy/go-yaml/ast"
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
