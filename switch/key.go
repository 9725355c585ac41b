package main

import (
	"fmt"
	"os"

	"tongma/switch/settlement"
)

// keyCommand looks after the key that signs sealed closes. It is made by hand and once: what
// institutions hold statements against must not change because a path was mistyped.
type keyCommand struct {
	Make   keyMakeCommand   `cmd:"" help:"Make a private key in a new file, which only you can read."`
	Public keyPublicCommand `cmd:"" help:"Print the public key, PEM, for the institutions."`
}

type keyMakeCommand struct {
	File string `arg:"" type:"path" help:"The file to make; named as settlement.key in the configuration."`
}

// Run makes the key and prints its public half.
func (c keyMakeCommand) Run() error {
	if err := settlement.MakeKey(c.File); err != nil {
		return err
	}
	return keyPublicCommand(c).Run()
}

type keyPublicCommand struct {
	File string `arg:"" type:"path" help:"The file of the private key."`
}

// Run prints the public key.
func (c keyPublicCommand) Run() error {
	signer, err := settlement.LoadSigner(c.File)
	if err != nil {
		return err
	}
	text, err := signer.Public()
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(os.Stdout, string(text))
	return err
}
