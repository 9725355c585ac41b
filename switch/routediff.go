package main

import (
	"os"

	"tongma/routing"
)

// routeDiffCommand compares two tables against one register.
type routeDiffCommand struct {
	Register string `required:"" type:"existingfile" help:"Institution register, YAML."`
	JSON     bool   `name:"json" help:"Print the differences as JSON."`
	Old      string `arg:"" type:"existingfile" help:"Table in use, YAML."`
	New      string `arg:"" type:"existingfile" help:"Table that would take its place, YAML."`
}

// Run prints every difference. It exits 0 also where the new table has errors: these
// are among the differences, and check is the command that refuses.
func (c routeDiffCommand) Run() error {
	old, _, err := routeFiles{Table: c.Old, Register: c.Register}.load()
	if err != nil {
		return err
	}
	table, _, err := routeFiles{Table: c.New, Register: c.Register}.load()
	if err != nil {
		return err
	}
	differences := routing.Diff(old, table)
	if c.JSON {
		printJSON(os.Stdout, differences)
		return nil
	}
	return differences.Write(os.Stdout)
}
