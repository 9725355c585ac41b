package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tongma/switch/admin"
	"tongma/switch/settlement"
)

// windowCommand is what people do to the windows of a running switch. Closing by hand and
// finalising take two persons.
type windowCommand struct {
	List         windowListCommand         `cmd:"" help:"List the windows."`
	Show         windowShowCommand         `cmd:"" help:"Print the sealed close of a window, with every pair if wanted."`
	Close        windowCloseCommand        `cmd:"" help:"Ask that the open window be closed now; another person approves."`
	Approve      windowApproveCommand      `cmd:"" help:"Close the window that another person asked to be closed."`
	Instructions windowInstructionsCommand `cmd:"" help:"Instruct the settlement bank: write the file of what it has to do. The window is instructed from then on."`
	Confirm      windowConfirmCommand      `cmd:"" help:"Hold the settlement bank's file against the instructions; a difference stops. No way leads back."`
	Default      windowDefaultCommand      `cmd:"" help:"Net a window without a member that does not pay; another person approves."`
	Finalise     windowFinaliseCommand     `cmd:"" help:"Take a confirmed window out of the positions; another person than the one who confirmed."`
	Statements   windowStatementsCommand   `cmd:"" help:"Let the switch write all statements of a window."`
}

// windowArgument names a window.
type windowArgument struct {
	Number uint32 `arg:"" help:"The window's number."`
}

func (w windowArgument) path(verb string) string {
	return "/admin/v1/windows/" + strconv.FormatUint(uint64(w.Number), 10) + verb
}

func (f adminFlags) windows(method, path string, body any) error {
	var life settlement.Life
	if err := f.do(method, path, body, &life); err != nil {
		return err
	}
	for i := range life.Windows {
		printWindow(&life.Windows[i])
	}
	return nil
}

func printWindow(w *settlement.Window) {
	fmt.Printf("window %d: %s", w.Number, w.State)
	if w.State == settlement.Proposed {
		fmt.Printf(", %s asks that it be closed", w.ProposedBy)
	}
	if w.Date != "" {
		fmt.Printf(", business date %s, settles %s, closed by %s", w.Date, w.ValueDate, w.ClosedBy)
	}
	if w.Digest != (settlement.Hash{}) {
		fmt.Printf(", %d payments, gross %s yuan, digest %.16s", w.Payments, w.Gross.Yuan(), w.Digest)
	}
	if w.Accused != "" {
		fmt.Printf(", %s says that %s does not pay", w.AccusedBy, w.Accused)
	}
	if len(w.Excluded) > 0 {
		fmt.Printf(", netted without %s", strings.Join(w.Excluded, ", "))
	}
	fmt.Println()
}

type windowListCommand struct{ adminFlags }

// Run prints all windows.
func (c windowListCommand) Run() error { return c.windows("GET", "/admin/v1/windows", nil) }

type windowShowCommand struct {
	adminFlags
	windowArgument
	Pairs bool `help:"With the figures of every pair, which are not for every institution."`
}

// Run prints the sealed close as JSON.
func (c windowShowCommand) Run() error {
	var s settlement.Seal
	if err := c.do("GET", c.path(""), nil, &s); err != nil {
		return err
	}
	var shown any = &s.Close
	if c.Pairs {
		shown = &s
	}
	text, err := json.MarshalIndent(shown, "", "  ")
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	return nil
}

type windowCloseCommand struct{ adminFlags }

// Run says the first person's word.
func (c windowCloseCommand) Run() error { return c.windows("POST", "/admin/v1/windows/close", nil) }

type windowApproveCommand struct{ adminFlags }

// Run says the second person's word.
func (c windowApproveCommand) Run() error { return c.windows("POST", "/admin/v1/windows/approve", nil) }

type windowInstructionsCommand struct {
	adminFlags
	windowArgument
	Out string `type:"path" help:"File to write; standard output if left out."`
}

// Run writes the file for the settlement bank.
func (c windowInstructionsCommand) Run() error {
	var file admin.InstructionFile
	if err := c.do("POST", c.path("/instructions"), nil, &file); err != nil {
		return err
	}
	if c.Out == "" {
		fmt.Print(file.Text)
		return nil
	}
	return os.WriteFile(c.Out, []byte(file.Text), 0o640)
}

type windowConfirmCommand struct {
	adminFlags
	windowArgument
	File string `arg:"" type:"existingfile" help:"The settlement bank's file, CSV: H,tongma-confirmation,1,WINDOW,VALUE-DATE,156,REFERENCE; for each instruction C,INSTRUCTION,pay or receive,MEMBER,FEN,156,REFERENCE; T,LINES,FEN-PAID,FEN-RECEIVED. References are the bank's own, any text."`
}

// Run sends the bank's file. A difference is printed with its line and ends with exit code 1.
func (c windowConfirmCommand) Run() error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	return c.windows("POST", c.path("/confirm"), text)
}

type windowDefaultCommand struct {
	adminFlags
	windowArgument
	Member  string `arg:"" help:"Id of the member."`
	Approve bool   `help:"Say the second person's word."`
}

// Run says the first or the second person's word.
func (c windowDefaultCommand) Run() error {
	path := c.path("/default")
	if c.Approve {
		path += "/approve"
	}
	return c.windows("POST", path, map[string]string{"member": c.Member})
}

type windowFinaliseCommand struct {
	adminFlags
	windowArgument
}

// Run says the second person's word.
func (c windowFinaliseCommand) Run() error { return c.windows("POST", c.path("/finalise"), nil) }

type windowStatementsCommand struct {
	adminFlags
	windowArgument
}

// Run prints what the switch wrote.
func (c windowStatementsCommand) Run() error {
	var s admin.Statements
	if err := c.do("POST", c.path("/statements"), nil, &s); err != nil {
		return err
	}
	for _, f := range s.Files {
		fmt.Printf("%s: %d rows, %s yuan out, %s in\n", filepath.Join(s.Directory, f.Name), f.Rows, f.Out.Yuan(), f.In.Yuan())
	}
	return nil
}

// statementCommand is for an institution that was sent a statement.
type statementCommand struct {
	Verify statementVerifyCommand `cmd:"" help:"Prove that a statement is complete and unaltered, with nothing but it and the sealed close."`
}

type statementVerifyCommand struct {
	Close string `type:"path" help:"The sealed close, JSON; close.json beside the statement if left out."`
	Key   string `type:"existingfile" help:"The switch's public keys, PEM: proves also that the switch sealed it."`
	File  string `arg:"" type:"existingfile" help:"The statement, packed or not."`
}

// Run exits 0 where the statement proves what it says, 1 otherwise.
func (c statementVerifyCommand) Run() error {
	if c.Close == "" {
		c.Close = filepath.Join(filepath.Dir(c.File), settlement.CloseFile)
	}
	text, err := os.ReadFile(c.Close)
	if err != nil {
		return err
	}
	var sealed settlement.Close
	if err := json.Unmarshal(text, &sealed); err != nil {
		return fmt.Errorf("%s is no sealed close: %w", c.Close, err)
	}
	if err := sealed.Check(); err != nil {
		return &exitError{code: 1, message: fmt.Sprintf("%s: %v", c.Close, err)}
	}
	if err := c.signature(&sealed); err != nil {
		return err
	}
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	v, err := settlement.Verify(file, &sealed)
	_ = file.Close() // It was only read.
	if err != nil {
		return &exitError{code: 1, message: fmt.Sprintf("%s: %v", c.File, err)}
	}
	signed := ", signed by the switch"
	if c.Key == "" {
		signed = " against " + c.Close + "; --key would prove that the switch sealed that"
	}
	fmt.Printf("%s statement of %s, window %d of %s: %d rows, %s yuan out, %s in, with %d counterparties: complete and unaltered%s\n",
		v.Kind, v.Member, v.Window, v.Date, v.Rows, v.Out.Yuan(), v.In.Yuan(), v.Pairs, signed)
	return nil
}

// signature holds the sealed close against the switch's keys, if they were given.
func (c statementVerifyCommand) signature(sealed *settlement.Close) error {
	if c.Key == "" {
		return nil
	}
	text, err := os.ReadFile(c.Key)
	if err != nil {
		return err
	}
	keys, err := settlement.ReadKeys(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Key, err)
	}
	if err := keys.Verify(sealed); err != nil {
		return &exitError{code: 1, message: fmt.Sprintf("%s: %v", c.Close, err)}
	}
	return nil
}
