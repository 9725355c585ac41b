package settlement

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// A sealed close says by itself that it was not altered by accident. That it is the
// switch's, and not one that somebody made up whole, its signature says: SM2 with SM3
// (GB/T 32918.2, default user id) over the close's digest. It is made when the close is given
// out, and stands beside the digest, not under it: seals of before are the same as ever.

// ErrUnsigned and ErrSignature are what is wrong with the signature of a sealed close.
var (
	ErrUnsigned  = errors.New("settlement: the sealed close is not signed")
	ErrSignature = errors.New("settlement: the sealed close is signed with another key, or was altered after it was signed")
)

// The types of PEM blocks: PKCS#8 and X.509, so that other programs read them.
const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// signed is what the signature is over.
func (c *Close) signed() []byte { return fmt.Appendf(nil, "tongma-seal,1,%s", c.Digest) }

// Signer signs sealed closes.
type Signer struct{ key *sm2.PrivateKey }

// MakeKey makes a private key in a file of its own, which only its owner can read. A file
// that is there is left alone: what was signed with its key could not be proved any more.
func MakeKey(name string) error {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("settlement: cannot make a key: %w", err)
	}
	text, err := smx509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("settlement: cannot write a key: %w", err)
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("settlement: cannot write a key: %w", err)
	}
	return errors.Join(pem.Encode(file, &pem.Block{Type: privateBlock, Bytes: text}), file.Sync(), file.Close())
}

// LoadSigner reads the private key in a file. A file that others than its owner can read is
// refused.
func LoadSigner(name string) (*Signer, error) {
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("settlement: no key in %s: make one, once, with the command: key make %s", name, name)
	}
	if err != nil {
		return nil, fmt.Errorf("settlement: cannot read a key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("settlement: the key in %s can be read by others (mode %#o, want 0600)", name, mode)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("settlement: cannot read a key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != privateBlock {
		return nil, fmt.Errorf("settlement: %s holds no %s in PEM", name, privateBlock)
	}
	parsed, err := smx509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*sm2.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("settlement: %s holds no SM2 key", name) // Never with anything of the key.
	}
	return &Signer{key}, nil
}

// Public is the public key, PEM: what institutions hold closes against.
func (s *Signer) Public() ([]byte, error) {
	text, err := smx509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("settlement: cannot write a public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: text}), nil
}

// sign signs c. A nil Signer leaves it unsigned.
func (s *Signer) sign(c *Close) error {
	if s == nil {
		return nil
	}
	var err error
	if c.Signature, err = s.key.Sign(rand.Reader, c.signed(), sm2.NewSM2SignerOption(true, nil)); err != nil {
		return fmt.Errorf("settlement: cannot sign the close of window %d: %w", c.Window, err)
	}
	return nil
}

// Keys are public keys of the switch: the present one, and earlier ones.
type Keys []*ecdsa.PublicKey

// ReadKeys reads public keys, PEM.
func ReadKeys(text []byte) (Keys, error) {
	var keys Keys
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		parsed, err := smx509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(*ecdsa.PublicKey)
		if block.Type != publicBlock || err != nil || !ok || key.Curve != sm2.P256() {
			return nil, fmt.Errorf("settlement: block %d is no SM2 %s", len(keys)+1, publicBlock)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("settlement: no %s in PEM", publicBlock)
	}
	return keys, nil
}

// Verify proves that c was sealed by the switch: its figures fit its digest, and one of the
// keys signed that. The error is ErrSeal, ErrUnsigned or ErrSignature.
func (k Keys) Verify(c *Close) error {
	if err := c.Check(); err != nil {
		return err
	}
	if len(c.Signature) == 0 {
		return ErrUnsigned
	}
	for _, key := range k {
		if sm2.VerifyASN1WithSM2(key, nil, c.signed(), c.Signature) {
			return nil
		}
	}
	return ErrSignature
}
