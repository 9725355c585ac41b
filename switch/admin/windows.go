package admin

import (
	"errors"
	"strconv"

	"tongma/switch/engine"
	"tongma/switch/settlement"
)

// windowCodes says how what settlement refuses is told by this API.
var windowCodes = map[settlement.Code]Code{
	settlement.SamePerson: SamePerson, settlement.WindowUnknown: WindowUnknown, settlement.WindowState: WindowState,
	settlement.NothingProposed: NothingProposed, settlement.ConfirmationDiff: ConfirmationDiffers,
	settlement.MemberUnknown: MemberUnknown, settlement.Busy: Busy, settlement.JournalRefused: JournalRefused,
}

// windowRefused turns a refusal of settlement into one of this API, and writes it down where the
// request would have been an act.
func (c *call) windowRefused(a *engine.Act, err error) error {
	var refused *settlement.Refusal
	if !errors.As(err, &refused) {
		return err
	}
	refusal := &Refusal{windowCodes[refused.Code], refused.Detail}
	if a.What == "" || refused.Code == settlement.JournalRefused {
		return refusal
	}
	note := engine.Act{Time: a.Time, Who: a.Who, What: a.What, Subject: a.Subject,
		Refused: string(refusal.Code), Detail: clip(refusal.Detail)}
	if err := c.options.Acts.Act(&note); err != nil {
		return &Refusal{JournalRefused, err.Error()}
	}
	return refusal
}

// desk gives the desk and the window that the path names; 0 where it names none.
func (c *call) desk(a *engine.Act) (*settlement.Desk, uint32, error) {
	if c.options.Windows == nil {
		return nil, 0, &Refusal{PathUnknown, "this switch keeps no windows"}
	}
	text := c.http.PathValue("number")
	if text == "" {
		return c.options.Windows, 0, nil
	}
	a.Subject = text[:min(len(text), 10)]
	number, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return nil, 0, c.windowRefused(a, &settlement.Refusal{Code: settlement.WindowUnknown, Detail: "want its number"})
	}
	return c.options.Windows, uint32(number), nil
}

func listWindows(c *call, a *engine.Act) (any, error) {
	desk, _, err := c.desk(a)
	if err != nil {
		return nil, err
	}
	return desk.Life(), nil
}

func showWindow(c *call, a *engine.Act) (any, error) {
	desk, number, err := c.desk(a)
	if err != nil {
		return nil, err
	}
	s, err := desk.Seal(number)
	if err != nil {
		return nil, c.windowRefused(a, err)
	}
	return s, nil
}

func proposeWindow(c *call, a *engine.Act) (any, error) {
	desk, _, err := c.desk(a)
	if err != nil {
		return nil, err
	}
	if err := desk.Propose(a); err != nil {
		return nil, c.windowRefused(a, err)
	}
	return desk.Life(), nil
}

func approveWindow(c *call, a *engine.Act) (any, error) {
	desk, _, err := c.desk(a)
	if err != nil {
		return nil, err
	}
	if _, err := desk.Approve(a); err != nil {
		return nil, c.windowRefused(a, err)
	}
	return desk.Life(), nil
}

// InstructionFile is the answer to a request for instructions.
type InstructionFile struct {
	Window uint32 `json:"window"`
	Text   string `json:"text"`
}

func instructWindow(c *call, a *engine.Act) (any, error) {
	desk, number, err := c.desk(a)
	if err != nil {
		return nil, err
	}
	text, err := desk.Instruct(a, number)
	if err != nil {
		return nil, c.windowRefused(a, err)
	}
	return InstructionFile{number, string(text)}, nil
}

func confirmWindow(c *call, a *engine.Act) (any, error) {
	desk, number, err := c.desk(a)
	if err != nil {
		return nil, err
	}
	if err := desk.Confirm(a, number, c.body); err != nil {
		return nil, c.windowRefused(a, err)
	}
	return desk.Life(), nil
}

func accuseMember(c *call, a *engine.Act) (any, error) { return c.defaulted(a, true) }

func excludeMember(c *call, a *engine.Act) (any, error) { return c.defaulted(a, false) }

// defaulted takes the first or the second person's word that a member does not pay.
func (c *call) defaulted(a *engine.Act, accuse bool) (any, error) {
	desk, number, err := c.desk(a)
	if err != nil {
		return nil, err
	}
	var form struct {
		Member string `json:"member"`
	}
	if err := c.read(&form); err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	if err := desk.Default(a, number, form.Member, accuse); err != nil {
		return nil, c.windowRefused(a, err)
	}
	return desk.Life(), nil
}

func finaliseWindow(c *call, a *engine.Act) (any, error) {
	desk, number, err := c.desk(a)
	if err != nil {
		return nil, err
	}
	if err := desk.Finalise(a, number); err != nil {
		return nil, c.windowRefused(a, err)
	}
	return desk.Life(), nil
}

// Statements is the answer to a request for statements: where the switch wrote them.
type Statements struct {
	Directory string                     `json:"directory"`
	Files     []settlement.StatementFile `json:"files"`
}

func writeStatements(c *call, a *engine.Act) (any, error) {
	desk, number, err := c.desk(a)
	if err != nil {
		return nil, err
	}
	directory, files, err := desk.Statements(number)
	if err != nil {
		return nil, c.windowRefused(a, err)
	}
	return Statements{directory, files}, nil
}
