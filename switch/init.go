package main

import (
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tongma/institutions/seal"
	"tongma/switch/settlement"
)

// initCommand writes a small network that serves at once.
type initCommand struct {
	Directory string `arg:"" type:"path" help:"Where to write: a new or an empty directory."`
}

//go:embed sample
var sample embed.FS

// sampleSecrets are the files that each hold a secret of their own.
var sampleSecrets = []string{"lanternbank.key", "corneracquirer.key", "li.wei.key", "wang.fang.key"}

// Run writes the files and says how to use them.
func (c *initCommand) Run() error {
	if err := os.MkdirAll(c.Directory, 0o755); err != nil {
		return err
	}
	there, err := os.ReadDir(c.Directory)
	if err == nil && len(there) > 0 {
		err = fmt.Errorf("%s is not empty", c.Directory)
	}
	if err != nil {
		return err
	}
	entries, err := sample.ReadDir("sample")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		text, err := sample.ReadFile("sample/" + entry.Name())
		if err == nil {
			err = c.write(entry.Name(), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range sampleSecrets {
		if err := c.write(name, []byte(hex.EncodeToString(seal.NewSecret())+"\n"), 0o600); err != nil {
			return err
		}
	}
	if err := settlement.MakeKey(filepath.Join(c.Directory, "settlement.key")); err != nil {
		return err
	}
	fmt.Printf(`%[2]s holds a switch, a bank made of memory, a till (corneracquirer) and two people. There:

  %[1]s institution --id lanternbank --keys lanternbank-keys.yaml --listen 127.0.0.1:8090 &
  %[1]s serve &
  %[1]s call --as corneracquirer POST /v1/payments '{"request_id":"first","code":"6220105000000000001","amount_fen":100}'
  %[1]s call --as corneracquirer GET '/v1/payments?request_id=first'
  %[1]s account list --admin http://127.0.0.1:8081 --as li.wei --key-file li.wei.key
`, called(), c.Directory)
	return nil
}

// write makes a file that was not there.
func (c *initCommand) write(name string, text []byte, mode os.FileMode) error {
	file, err := os.OpenFile(filepath.Join(c.Directory, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

// program is this program's name.
func program() string { return filepath.Base(os.Args[0]) }

// called is how this program can be called from another directory: by its path, or by its name
// where that is found or, after go run, no path would last.
func called() string {
	path, err := filepath.Abs(os.Args[0])
	if err != nil || !strings.ContainsRune(os.Args[0], filepath.Separator) || strings.Contains(path, "/go-build") {
		return program()
	}
	return path
}
