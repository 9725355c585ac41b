package admin

import (
	"encoding/json"
	"fmt"
	"time"

	"tongma/switch/engine"
)

// Word is what one person said on a matter that takes two, and why.
type Word struct {
	Evidence string    `json:"evidence"` // Who said so, a file, a decision, a ticket.
	By       string    `json:"by"`
	At       time.Time `json:"at"`
}

func (w *Word) word() *Word { return w }

// proposal is what one person wants done; it waits for the word of another. It is kept as
// JSON beside the act that proposed it.
type proposal interface {
	word() *Word
	String() string // What would be done, for people.
}

// The limits of what is said for a proposal.
const (
	evidenceBytesMin = 8
	evidenceBytesMax = 2000
)

// checkEvidence refuses what says too little to be held against anything, and a whole file.
func checkEvidence(text string) error {
	if len(text) < evidenceBytesMin || len(text) > evidenceBytesMax {
		return &Refusal{BodyInvalid, fmt.Sprintf("evidence has %d bytes, want %d to %d", len(text), evidenceBytesMin, evidenceBytesMax)}
	}
	return nil
}

// proposed reads what was proposed under key into p, and reports whether anything was.
func (c *call) proposed(key string, p proposal) (bool, error) {
	text, err := c.options.Acts.State(key)
	if err != nil || len(text) == 0 {
		return false, err
	}
	if err := json.Unmarshal(text, p); err != nil {
		return false, fmt.Errorf("admin: cannot read the proposal %s: %w", key, err)
	}
	return p.word().By != "", nil
}

// propose keeps the first person's word under key. A later one takes its place.
func (c *call) propose(a *engine.Act, key string, p proposal) error {
	w := p.word()
	if err := checkEvidence(w.Evidence); err != nil {
		return c.options.Tables.refused(a, err)
	}
	w.By, w.At = a.Who, a.Time
	a.Detail = clip(p.String() + ": " + w.Evidence)
	return c.leave(a, key, p)
}

// leave writes a down with p as it then stands.
func (c *call) leave(a *engine.Act, key string, p proposal) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	a.Key, a.State = key, text
	if err := c.options.Acts.Act(a); err != nil {
		return &Refusal{JournalRefused, err.Error()}
	}
	return nil
}

// second takes the second person's word on what stands under key, which it reads into p. It
// must be another person's than by proposed and say the same, which agrees reports; a then
// says what is done. said names who the second one believes to have proposed it, or nobody.
func (c *call) second(a *engine.Act, key string, p proposal, said Word, agrees func() bool) error {
	found, err := c.proposed(key, p)
	if err != nil {
		return err
	}
	w := p.word()
	switch {
	case !found:
		err = &Refusal{ProposalMissing, "nobody has proposed anything"}
	case w.By == a.Who:
		err = &Refusal{SamePerson, "who proposed it cannot approve it"}
	case !agrees() || said.By != "" && said.By != w.By:
		err = &Refusal{ProposalChanged, fmt.Sprintf("%s proposed %s", w.By, p)}
	}
	if err != nil {
		return c.options.Tables.refused(a, err)
	}
	a.Detail = clip(fmt.Sprintf("%s, as %s proposed: %s", p, w.By, w.Evidence))
	return nil
}
