package main

import (
	"fmt"
	"os"

	"tongma/switch/settlement"
)

// openWindows makes the desk that closes and settles windows. It needs the engine, not yet
// started.
func (s *assembly) openWindows() error {
	options := settlement.Options{
		Engine: s.engine, Log: s.store, Settings: s.store, Members: s.members,
		Timetable: s.config.Settlement, Logger: s.log,
	}
	if file := s.config.Settlement.Calendar; file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("cannot read the calendar: %w", err)
		}
		if options.Calendar, err = settlement.LoadCalendar(text); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	var err error
	if file := s.config.Settlement.Key; file != "" {
		if options.Signer, err = settlement.LoadSigner(file); err != nil {
			return err
		}
	}
	s.windows, err = settlement.OpenDesk(options)
	return err
}

// members are the ids of the register in use.
func (s *assembly) members() []string {
	var ids []string
	for _, institution := range s.register.Load().Institutions() {
		ids = append(ids, institution.ID)
	}
	return ids
}
