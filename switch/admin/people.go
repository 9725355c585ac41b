package admin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"tongma/institutions/seal"
)

// Role is what a person may do. Everybody on the list may look.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"   // Looks.
	Operator Role = "operator" // Drafts, stages, activates, rolls back, proposes.
	Approver Role = "approver" // Approves what another person drafted or proposed.
)

// Person is one who may call the admin API.
type Person struct {
	Name  string
	Roles []Role
	key   *seal.Key
}

// Has reports whether p has the role.
func (p *Person) Has(role Role) bool { return role == Viewer || slices.Contains(p.Roles, role) }

// People is everybody who may call, by name. It does not change once loaded.
type People map[string]*Person

// LoadPeople reads the list of people:
//
//	people:
//	  - {name: li.wei, roles: [operator], secret_file: li.wei.key}    # 32 or more hex
//	  - {name: wang.fang, roles: [operator, approver], secret_file: wang.fang.key}
//
// Secrets stand in files of their own beside it; see seal.ReadSecret. No two people may share one:
// two names must be two persons. All faults are reported at once.
func LoadPeople(file string) (People, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("admin: cannot read people: %w", err)
	}
	var form struct {
		People []struct {
			Name   string `yaml:"name"`
			Roles  []Role `yaml:"roles"`
			Secret string `yaml:"secret_file"`
		} `yaml:"people"`
	}
	if err := yaml.UnmarshalWithOptions(text, &form, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("admin: cannot read people in %s: %s", file, seal.Fault(err))
	}
	people, owners := People{}, map[string]string{}
	var faults []error
	for _, entry := range form.People {
		secret, err := seal.ReadSecretBeside(filepath.Dir(file), entry.Secret)
		unknown := slices.ContainsFunc(entry.Roles, func(r Role) bool {
			return r != Viewer && r != Operator && r != Approver
		})
		switch owner := owners[string(secret)]; {
		case err != nil:
		case entry.Name == "" || len(entry.Name) > nameBytesMax || strings.TrimSpace(entry.Name) != entry.Name:
			err = fmt.Errorf("name must have 1 to %d characters", nameBytesMax)
		case unknown:
			err = errors.New("roles must be of viewer, operator, approver")
		case people[entry.Name] != nil:
			err = errors.New("the name is given twice")
		case owner != "":
			err = fmt.Errorf("has the same secret as %s", owner)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("admin: person %q: %w", entry.Name, err))
			continue
		}
		owners[string(secret)] = entry.Name
		people[entry.Name] = &Person{Name: entry.Name, Roles: entry.Roles, key: seal.NewKey(entry.Name, secret)}
	}
	if len(form.People) == 0 {
		faults = append(faults, fmt.Errorf("admin: %s names no people, want some such as {name: li.wei, roles: [operator], secret_file: li.wei.key}", file))
	}
	return people, errors.Join(faults...)
}

// nameBytesMax bounds a person's name.
const nameBytesMax = 64
