package codec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// parser is what one parser on Node takes for one code.
type parser struct {
	name   string
	ns     float64
	parsed int    // Codes it can parse.
	fault  string // What it says of another; empty where it parses all.
}

// nodeMax bounds the time for fetching the parsers, and again for measuring them.
const nodeMax = 2 * time.Minute

// askNode measures the parsers in folder, which are fetched there once by npm.
func askNode(folder string, codes []string) ([]parser, error) {
	if folder == "" {
		return nil, errors.New("not asked for")
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%s is not installed", tool)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), nodeMax)
	defer cancel()
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		fetch := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		fetch.Dir = folder
		if out, err := fetch.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("npm ci: %w: %.200s", err, lastLine(out))
		}
	}
	text, err := json.Marshal(codes)
	if err != nil {
		return nil, err
	}
	measure := exec.CommandContext(ctx, "node", "parse.js", "2000")
	measure.Dir, measure.Stdin = folder, bytes.NewReader(text)
	out, err := measure.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("node parse.js: %w: %.200s", err, lastLine(out))
	}
	var answers map[string]struct {
		NS     float64
		Parsed int
		Fault  string
	}
	if err := json.Unmarshal(out, &answers); err != nil {
		return nil, err
	}
	var list []parser
	for name, a := range answers {
		if a.Parsed == 0 {
			return nil, fmt.Errorf("%s parses nothing: %s", name, a.Fault)
		}
		list = append(list, parser{name, a.NS, a.Parsed, a.Fault})
	}
	slices.SortFunc(list, func(a, b parser) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
