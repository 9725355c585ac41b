package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"tongma/switch/engine"
	"tongma/switch/payment"
)

// desk is an engine and callers in one: it owes, and hears.
type desk struct {
	mu    sync.Mutex
	owed  map[string][]payment.ID
	heard []payment.ID
	deaf  map[payment.ID]int // How often an announcement is not acknowledged yet.
	tries int
}

func (d *desk) Owed(caller string, limit int) ([]engine.Owed, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []engine.Owed
	for _, id := range d.owed[caller][:min(limit, len(d.owed[caller]))] {
		list = append(list, engine.Owed{Payment: payment.Payment{ID: id, Institution: caller}})
	}
	return list, nil
}

func (d *desk) Told(o *engine.Owed) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	caller := o.Payment.Institution
	d.owed[caller] = slices.DeleteFunc(d.owed[caller], func(id payment.ID) bool { return id == o.Payment.ID })
	return nil
}

func (d *desk) Announce(_ context.Context, p *payment.Payment) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	if d.deaf[p.ID] > 0 {
		d.deaf[p.ID]--
		return errors.New("not acknowledged")
	}
	d.heard = append(d.heard, p.ID)
	return nil
}

// stand is how things stand: who heard what, what is owed, how often was tried.
func (d *desk) stand() (heard []payment.ID, owed map[string][]payment.ID, tries int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	owed = map[string][]payment.ID{}
	for caller, list := range d.owed {
		owed[caller] = slices.Clone(list)
	}
	return slices.Clone(d.heard), owed, d.tries
}

// TestEverythingOwedIsTold: what an earlier run left, what comes while it runs, and what is
// not acknowledged at first, without holding up the rest or another caller.
func TestEverythingOwedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{owed: map[string][]payment.ID{"shop": {"P1", "P2", "P3"}, "wallet": {"W1"}},
			deaf: map[payment.ID]int{"P2": 3, "W1": 1 << 30}}
		limits := DefaultLimits()
		limits.Batch = 2
		n := New([]string{"shop", "wallet"}, d, limits, zap.NewNop())
		n.Start(d)
		synctest.Wait()
		heard, _, _ := d.stand()
		if got := fmt.Sprint(heard); got != "[P1 P3]" && got != "[P1]" {
			t.Errorf("at once heard %s", got)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		heard, owed, _ := d.stand()
		if len(owed["shop"]) != 0 || len(heard) != 3 || heard[0] != "P1" {
			t.Errorf("heard %v, the shop is still owed %v", heard, owed["shop"])
		}
		d.mu.Lock()
		d.owed["shop"] = append(d.owed["shop"], "P4")
		d.mu.Unlock()
		n.Owed("shop")
		n.Owed("stranger")
		synctest.Wait()
		heard, _, before := d.stand()
		if heard[len(heard)-1] != "P4" {
			t.Errorf("heard %v, want P4 at once", heard)
		}
		time.Sleep(10 * time.Minute)
		_, _, tries := d.stand()
		if tries -= before; tries < 8 || tries > 12 {
			t.Errorf("a caller that never acknowledges is asked %d times in ten minutes, want about one a minute", tries)
		}
		n.Stop()
		if _, owed, _ = d.stand(); len(owed["wallet"]) != 1 {
			t.Error("what was never acknowledged is not owed any more")
		}
	})
}
