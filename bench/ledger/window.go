package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"tongma/switch/engine"
	"tongma/switch/settlement"
)

// windowResult is what closing a window took.
type windowResult struct {
	payments   int
	seal       time.Duration // From the cut to the sealed close, payments going on.
	statements time.Duration // Writing all of them.
	bytes      int64         // Of the statements, packed.
}

// window pays into one window with the settlement fold behind the payments, closes it while
// payments go on, and writes all statements.
func (o *options) window(directory string) (r windowResult, err error) {
	store, e, _, err := o.open(filepath.Join(directory, "journal"))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	desk, err := settlement.OpenDesk(settlement.Options{Engine: e, Log: store, Settings: store,
		Members:   func() []string { return []string{"bank", "till"} },
		Timetable: settlement.Timetable{SettleAfter: 1, Statements: directory, KeepBlocks: 20_000}, Logger: zap.NewNop()})
	if err != nil {
		return r, err
	}
	e.Start()
	desk.Start()
	r.payments = o.windowPayments
	load := *o
	load.payments = o.windowPayments
	if _, _, err = load.load(e, 0); err == nil {
		err = o.closeWindow(e, desk, &r)
	}
	desk.Stop()
	return r, errors.Join(err, e.Stop(context.Background()))
}

func (o *options) closeWindow(e *engine.Engine, desk *settlement.Desk, r *windowResult) error {
	more := *o
	more.payments, more.clients = o.windowPayments/10, 1
	going := make(chan error, 1)
	go func() {
		_, _, err := more.load(e, o.windowPayments)
		going <- err
	}()
	began := time.Now()
	if err := desk.Propose(&engine.Act{Time: began.UTC(), Who: "li"}); err != nil {
		return err
	}
	w, err := desk.Approve(&engine.Act{Time: time.Now().UTC(), Who: "wang"})
	r.seal = time.Since(began)
	if err != nil {
		return err
	}
	if w.State != settlement.Sealed || w.Payments < uint64(o.windowPayments) {
		return fmt.Errorf("window 1 is %s with %d payments", w.State, w.Payments)
	}
	began = time.Now()
	written, files, err := desk.Statements(1)
	r.statements = time.Since(began)
	for _, f := range files {
		info, statErr := os.Stat(filepath.Join(written, f.Name))
		if err = errors.Join(err, statErr); err == nil {
			r.bytes += info.Size()
		}
	}
	return errors.Join(err, <-going)
}
