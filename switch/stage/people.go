package stage

import (
	"encoding/hex"
	"fmt"
	"net"
	"strings"

	"tongma/institutions/seal"
)

// Admit writes people.yaml with keys for names, each of them operator and approver, and
// returns a free address for the admin API.
func (s *Stage) Admit(names ...string) (address string, err error) {
	var text strings.Builder
	text.WriteString("people:\n")
	for _, name := range names {
		if err := s.write(name+".key", hex.EncodeToString(seal.NewSecret())); err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "  - {name: %s, roles: [operator, approver], secret_file: %s.key}\n", name, name)
	}
	if err := s.write("people.yaml", text.String()); err != nil {
		return "", err
	}
	return FreeAddress()
}

// FreeAddress is an address on loopback, host:port, that nobody listened on a moment ago.
func FreeAddress() (string, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return free.Addr().String(), free.Close()
}
