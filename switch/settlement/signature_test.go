package settlement

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// signer makes a key of its own.
func signer(t *testing.T) (*Signer, []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "seal.pem")
	if err := MakeKey(file); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSigner(file)
	if err != nil {
		t.Fatal(err)
	}
	public, err := s.Public()
	if err != nil {
		t.Fatal(err)
	}
	return s, public
}

// TestSignature: a close proves who sealed it, through JSON and with the key of before too;
// one that was made up whole, with a digest that fits, does not.
func TestSignature(t *testing.T) {
	first, firstKey := signer(t)
	second, secondKey := signer(t)
	sealed, _, _ := sealed(t, 11, 30)
	verify := func(c *Close, want error, keys ...[]byte) {
		t.Helper()
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var read Close
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		k, err := ReadKeys(bytes.Join(keys, nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Verify(&read); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	c := sealed.Close
	verify(&c, ErrUnsigned, firstKey)
	if err := (*Signer)(nil).sign(&c); err != nil || c.Signature != nil {
		t.Errorf("signed without a key: %x, %v", c.Signature, err)
	}
	if err := first.sign(&c); err != nil {
		t.Fatal(err)
	}
	verify(&c, nil, firstKey)
	verify(&c, nil, secondKey, firstKey)
	verify(&c, ErrSignature, secondKey)
	forged := c
	forged.Gross++
	verify(&forged, ErrSeal, firstKey)
	forged.Digest = forged.digest() // Who makes a close up makes its digest fit.
	verify(&forged, ErrSignature, firstKey)
	for i := range c.Signature {
		forged = c
		forged.Signature = bytes.Clone(c.Signature)
		forged.Signature[i] ^= 1
		verify(&forged, ErrSignature, firstKey)
	}
	if err := second.sign(&c); err != nil {
		t.Fatal(err)
	}
	verify(&c, nil, firstKey, secondKey)
}

// TestSealsOfBefore: a close without a signature is the same text as ever, so that what old
// journals hold reads, and is proved, as before.
func TestSealsOfBefore(t *testing.T) {
	s, _, _ := sealed(t, 12, 30)
	text, err := json.Marshal(s)
	if err != nil || bytes.Contains(text, []byte("signature")) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestKeyFiles(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "seal.pem")
	refused := func(want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	_, err := LoadSigner(file)
	refused("key make", err)
	if err := MakeKey(file); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	refused("exists", MakeKey(file))
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("a key that was there was changed, %v", err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err = LoadSigner(file)
	refused("read by others", err)

	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&other.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for want, text := range map[string][]byte{
		"no PRIVATE KEY": []byte("hello"),
		"no SM2 key":     pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: private}),
	} {
		name := filepath.Join(directory, "other.pem")
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadSigner(name)
		refused(want, err)
	}
	_, err = ReadKeys([]byte("hello"))
	refused("no PUBLIC KEY", err)
	_, err = ReadKeys(pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: public}))
	refused("no SM2", err)
	_, err = ReadKeys(before) // A private key is no public one.
	refused("no SM2", err)
}
