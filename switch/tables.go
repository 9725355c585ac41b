package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"tongma/routing"
	"tongma/switch/admin"
)

// adminSettings is how people reach a running switch. Without an address there is no
// admin API, and the table comes from its file.
type adminSettings struct {
	Listen string `yaml:"listen"` // host:port; empty for none.
	People string `yaml:"people"` // Who may call, YAML; see admin.LoadPeople.
}

// openTables puts the tables in use: those of the journal where people have decided
// there, the configuration's own otherwise. It needs the engine, not yet started.
func (s *assembly) openTables(register *routing.Register) error {
	decided, err := admin.HasTables(s.engine)
	if err != nil {
		return err
	}
	if s.config.Admin.Listen == "" {
		if decided {
			return errors.New("the journal says which table is in use, and admin.listen is not configured to change it")
		}
		return s.useTable(register)
	}
	s.tables, err = admin.OpenTables(s.engine, s.store, s.board, register, func() ([]byte, error) {
		return routing.Bundle(folderOf(s.config.Table))
	})
	if err != nil {
		return err
	}
	people, err := admin.LoadPeople(s.config.Admin.People)
	if err != nil {
		return err
	}
	s.admin = admin.New(admin.Options{People: people, Tables: s.tables, Acts: s.engine, Traffic: s.store, Logger: s.log,
		Decoder: s.rules.Decoder, Hands: s.engine, Limits: s.engine, Accounts: s.engine, Entries: s.engine, Windows: s.windows,
		Repairs: repairs{s.engine, s}})
	s.adminListener, err = net.Listen("tcp", s.config.Admin.Listen)
	return err
}

// serveAdmin begins to serve people, if anybody may call.
func (s *assembly) serveAdmin(failed chan<- error) {
	if s.admin == nil {
		return
	}
	if err := s.tables.Begin(); err != nil {
		failed <- err
		return
	}
	go func() {
		if err := s.admin.Serve(s.adminListener); err != nil {
			failed <- err
		}
	}()
}

// folderOf gives the folder in which a file stands, with what the file may name beside
// it, and the file's name there.
func folderOf(file string) (fs.FS, string) {
	return os.DirFS(filepath.Dir(file)), filepath.Base(file)
}

func (s *assembly) loadRegister() (*routing.Register, error) {
	register, err := routing.LoadRegisterFS(folderOf(s.config.Register))
	if err != nil {
		return nil, fmt.Errorf("register %s: %w", s.config.Register, err)
	}
	return register, nil
}

// reloadTable loads register and table and puts them in use. With an error in either, both in
// use stay. Where people decide about tables, the register alone is loaded.
func (s *assembly) reloadTable() error {
	register, err := s.loadRegister()
	if err != nil {
		return err
	}
	if s.tables == nil {
		err = s.useTable(register)
	} else {
		err = s.tables.Use(register)
	}
	if err == nil {
		s.register.Store(register)
	}
	return err
}

// useTable loads the table of the configuration and puts it in use.
func (s *assembly) useTable(register *routing.Register) error {
	folder, name := folderOf(s.config.Table)
	table, findings, err := routing.LoadFS(folder, name, register)
	if err != nil {
		return fmt.Errorf("table %s: %w", s.config.Table, err)
	}
	if err := s.board.Activate(table); err != nil {
		return fmt.Errorf("table %s: %w: %v", s.config.Table, err, findings)
	}
	return nil
}
