//go:build !linux

package payments

import "errors"

// stepBack cannot be done here.
func stepBack() error {
	return errors.New("questions beside payments are measured on Linux alone: nothing else puts their sender behind all others")
}
