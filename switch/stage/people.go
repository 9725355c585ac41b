package stage

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
)

// Admit writes people.yaml with keys for names, each of them operator and approver, and
// returns a free address for the admin API.
func (s *Stage) Admit(names ...string) (address string, err error) {
	var text strings.Builder
	text.WriteString("people:\n")
	for _, name := range names {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // Never fails; see crypto/rand.
		if err := s.write(name+".key", hex.EncodeToString(secret)); err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "  - {name: %s, roles: [operator, approver], secret_file: %s.key}\n", name, name)
	}
	if err := s.write("people.yaml", text.String()); err != nil {
		return "", err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return free.Addr().String(), free.Close()
}
