package seal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
)

// secretMin is the least number of bytes of a secret.
const secretMin = 16

// NewSecret makes a secret of 32 bytes.
func NewSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // Never fails; see crypto/rand.
	return secret
}

// ReadSecret reads a secret, 16 or more bytes as hex, from a file of its own that nobody but
// its owner can read. No error holds anything of the secret.
func ReadSecret(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("seal: cannot read the secret: %w", err)
	}
	if mode := info.Mode().Perm(); info.Mode().IsRegular() && mode&0o077 != 0 {
		return nil, fmt.Errorf("seal: the secret in %s can be read by others: mode %#o, want 0600 or 0400", file, mode)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("seal: cannot read the secret: %w", err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("seal: the secret in %s is not hex: make one with the command: openssl rand -hex 32", file)
	}
	if len(secret) < secretMin {
		return nil, fmt.Errorf("seal: the secret in %s has %d bytes, want %d or more", file, len(secret), secretMin)
	}
	return secret, nil
}

// ReadSecretBeside is ReadSecret of the file that a key file or a list of people in directory
// names.
func ReadSecretBeside(directory, file string) ([]byte, error) {
	switch {
	case file == "":
		return nil, errors.New("secret_file is missing")
	case !filepath.IsAbs(file):
		file = filepath.Join(directory, file)
	}
	return ReadSecret(file)
}

// Fault is what is wrong in a YAML document and where, without the lines around it: somebody
// may have written a secret there.
func Fault(err error) string { return yaml.FormatError(err, false, false) }
