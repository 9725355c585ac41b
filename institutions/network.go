package institutions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"tongma/institutions/driver"
	"tongma/institutions/seal"
	"tongma/switch/payment"
)

// Network is all links, by institution. It does not change once made.
type Network struct {
	links map[string]*Link
	hooks Hooks
	trace Trace
}

// NewNetwork makes a link for each of configs. self is the switch's own id towards
// institutions; ring holds the key that it shares with each. All faults are reported.
func NewNetwork(configs []Config, self string, ring *seal.Ring, log *zap.Logger, hooks Hooks) (*Network, error) {
	n := &Network{links: map[string]*Link{}, hooks: hooks}
	var faults []error
	for _, config := range configs {
		if n.links[config.ID] != nil {
			faults = append(faults, fmt.Errorf("institutions: %q is configured twice", config.ID))
			continue
		}
		link, err := newLink(config, self, ring, log, hooks)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		n.links[config.ID] = link
	}
	if err := errors.Join(faults...); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// Send takes operations to their institutions and does not block. Each is answered
// through Hooks.Deliver exactly once. The slice is the caller's again on return.
func (n *Network) Send(ops []*payment.Operation) {
	for len(ops) > 0 {
		institution := ops[0].Institution
		same, others := partition(ops, institution)
		if link := n.links[institution]; link != nil {
			link.send(same)
		} else {
			for _, op := range same {
				n.hooks.Deliver(op, payment.Answer{Outcome: payment.NotSent, Failure: payment.InstitutionUnavailable})
			}
		}
		ops = others
	}
}

// partition splits ops into those of institution and the others. Where all are of one
// institution, as they often are, nothing is copied.
func partition(ops []*payment.Operation, institution string) (same, others []*payment.Operation) {
	i := 0
	for i < len(ops) && ops[i].Institution == institution {
		i++
	}
	if i == len(ops) {
		return ops, nil
	}
	same = append(same, ops[:i]...)
	for _, op := range ops[i:] {
		if op.Institution == institution {
			same = append(same, op)
		} else {
			others = append(others, op)
		}
	}
	return same, others
}

// Resolve asks the institution of op what a code is, and waits for the answer until ctx
// is done. It gives op a reference of its own.
func (n *Network) Resolve(ctx context.Context, op *payment.Operation) payment.Answer {
	link := n.links[op.Institution]
	if link == nil {
		return payment.Answer{Outcome: payment.NotSent, Failure: payment.InstitutionUnavailable}
	}
	op.Reference = "resolve-" + n.trace.Next(time.Now())
	settle, err := link.breakers[payment.Resolve].Allow()
	if err != nil {
		return payment.Answer{Outcome: payment.NotSent, Failure: payment.InstitutionUnavailable}
	}
	select {
	case link.queries <- struct{}{}:
	default:
		settle(errNotTried)
		return payment.Answer{Outcome: payment.NotSent, Failure: payment.InstitutionBusy}
	}
	answer, err := link.asker.ask(ctx, op)
	<-link.queries
	settle(err)
	return answer
}

// Announces lists the institutions that want to be told how their payments ended.
func (n *Network) Announces() []string {
	var list []string
	for _, id := range slices.Sorted(maps.Keys(n.links)) {
		link := n.links[id]
		if _, able := link.dialect.(driver.Announcer); able && link.config.Outcomes {
			list = append(list, id)
		}
	}
	return list
}

// Announce tells the caller of p how it ended. Nil means that the caller has acknowledged it.
func (n *Network) Announce(ctx context.Context, p *payment.Payment) error {
	link := n.links[p.Institution]
	if link == nil {
		return fmt.Errorf("institutions: no link to %q", p.Institution)
	}
	announcer, able := link.dialect.(driver.Announcer)
	if !able {
		return fmt.Errorf("institutions: the dialect of %q announces nothing", p.Institution)
	}
	return link.asker.announce(ctx, announcer, p)
}

// Health tells how every link stands, by institution.
func (n *Network) Health() []Health {
	list := make([]Health, 0, len(n.links))
	for _, id := range slices.Sorted(maps.Keys(n.links)) {
		list = append(list, n.links[id].health())
	}
	return list
}

// Close ends every connection. What was sent and not answered is delivered as lost.
func (n *Network) Close() {
	for _, link := range n.links {
		link.close()
	}
}
