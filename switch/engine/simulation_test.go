package engine

import (
	"container/heap"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
)

var (
	seedsMax = flag.Int("seeds", 1000, "seeds of the simulation")
	seedOne  = flag.Uint64("seed", 0, "replay this one seed of the simulation")
)

// TestSimulation drives the switch and its institutions from one seed in virtual time:
// answers are lost, late, doubled, contradictory and wrong, institutions refuse and stay
// silent, the switch is killed with blocks half written. The invariants are held against
// every step. A failing seed is printed and replays with -seed.
func TestSimulation(t *testing.T) {
	first, last := uint64(1), uint64(*seedsMax)
	if *seedOne != 0 {
		first, last = *seedOne, *seedOne
	}
	total := tally{}
	for seed := first; seed <= last; seed++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed)
			w.run()
			total.add(w.tally)
		})
		if t.Failed() {
			t.Fatalf("replay with: go test ./switch/engine -run Simulation -seed %d", seed)
		}
	}
	t.Logf("%d seeds: %+v", last-first+1, total)
	if *seedOne == 0 && *seedsMax >= 100 {
		total.reached(t)
	}
}

// tally counts what the seeds reached, so that a simulation that exercises nothing fails.
type tally struct {
	approved, declined, cancelled, manual, refunds, cancels, crashes, late, notes, conflicts, short, byHand, acts, fees int

	chargebacks, adjustments, wonBack, entriesRefused, entriesShort, entriesAgain int
}

func (t *tally) add(o tally) {
	t.approved += o.approved
	t.declined += o.declined
	t.cancelled += o.cancelled
	t.manual += o.manual
	t.refunds += o.refunds
	t.cancels += o.cancels
	t.crashes += o.crashes
	t.late += o.late
	t.notes += o.notes
	t.conflicts += o.conflicts
	t.short += o.short
	t.byHand += o.byHand
	t.chargebacks += o.chargebacks
	t.adjustments += o.adjustments
	t.wonBack += o.wonBack
	t.entriesRefused += o.entriesRefused
	t.entriesShort += o.entriesShort
	t.entriesAgain += o.entriesAgain
	t.acts += o.acts
	t.fees += o.fees
}

func (t *tally) reached(tb testing.TB) {
	for name, n := range map[string]int{
		"approved": t.approved, "declined": t.declined, "cancelled": t.cancelled,
		"manual": t.manual, "refunds": t.refunds, "cancels": t.cancels,
		"crashes": t.crashes, "late": t.late, "notes": t.notes, "conflicts": t.conflicts, "short": t.short, "byHand": t.byHand,
		"chargebacks": t.chargebacks, "adjustments": t.adjustments, "wonBack": t.wonBack,
		"entriesRefused": t.entriesRefused, "entriesShort": t.entriesShort, "entriesAgain": t.entriesAgain,
		"acts": t.acts, "fees": t.fees,
	} {
		if n == 0 {
			tb.Errorf("no seed reached %q", name)
		}
	}
}

// happening is something that comes to pass at an instant of virtual time.
type happening struct {
	at  time.Time
	seq int
	do  func()
}

type agenda []happening

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].seq < a[j].seq
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// world is a switch, its journal, its institutions and its callers.
type world struct {
	t      *testing.T
	seed   uint64
	rng    *rand.Rand
	agenda agenda
	seq    int
	epoch  int // Of the switch: what an earlier one asked for is not heard by a later one.

	core    *core
	plans   map[string]Plan
	recount *tellerBook                    // What all records that were appended come to, worked out beside the engine.
	durable []journal.Record               // What the disk holds.
	ended   map[payment.ID]payment.Payment // By blocks that are durable.
	visible map[payment.ID]payment.Payment // The projection: by all blocks that were appended.
	blocks  []*pendingBlock                // Appended, not yet durable; in order.
	last    time.Time                      // When the newest of them will be durable.

	banks   map[string]*simBank
	faults  simFaults
	orders  []*order
	entries []*Entry
	replied map[payment.ID]payment.Status // Final answers that a caller has seen.
	ids     int
	tally   tally
}

// pendingBlock is a block on its way to the disk with what waits for it.
type pendingBlock struct {
	records []journal.Record
	ops     []*payment.Operation
	replies []payment.Payment
	outcome []payment.Payment
}

// order is one request of a caller, which it may send again.
type order struct {
	request Request
	id      payment.ID
}

// simFaults is the share in a thousand of each fault. Some seeds switch some off.
type simFaults struct {
	lose, loseAnswer, double, slow, contradict, wrongAmount, pending, notSent, decline int
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 7)),
		ended: map[payment.ID]payment.Payment{}, replied: map[payment.ID]payment.Status{},
		banks: map[string]*simBank{}, visible: map[payment.ID]payment.Payment{},
	}
	share := func(max int) int {
		if w.rng.IntN(3) == 0 {
			return 0
		}
		return w.rng.IntN(max)
	}
	w.faults = simFaults{share(150), share(150), share(150), share(150), share(200), share(100),
		share(200), share(100), share(300)}
	plan := DefaultPlan()
	stubborn := plan
	stubborn.Cancel = false
	w.plans = map[string]Plan{"": plan, "stonebank": stubborn}
	for _, name := range []string{"lanternbank", "riverbank", "acquirer", "shop", "wallet", "stonebank"} {
		w.banks[name] = &simBank{name: name, legs: map[string]*simLeg{}}
	}
	w.core = newCore(DefaultLimits(), w.plans, w.newBook())
	w.recount = newTellerBook()
	return w
}

// run plays the seed: traffic, crashes, then quiet until all has come to an end.
func (w *world) run() {
	for i := range 12 + w.rng.IntN(20) {
		w.in(time.Duration(w.rng.IntN(20_000))*time.Millisecond, func() { w.traffic(i) })
	}
	for range w.rng.IntN(6) {
		w.in(time.Duration(w.rng.IntN(20_000))*time.Millisecond, w.act)
	}
	for range w.rng.IntN(4) {
		w.in(time.Duration(w.rng.IntN(30_000))*time.Millisecond, w.crash)
	}
	for len(w.agenda) > 0 && !w.t.Failed() {
		next := heap.Pop(&w.agenda).(happening)
		time.Sleep(time.Until(next.at))
		next.do()
		w.check()
	}
	w.checkEnd()
}

// in plans do for the time after d, in every epoch.
func (w *world) in(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.agenda, happening{at: time.Now().Add(d), seq: w.seq, do: do})
}

// inEpoch plans do for the time after d; a crash before then forgets it.
func (w *world) inEpoch(d time.Duration, do func()) {
	epoch := w.epoch
	w.in(d, func() {
		if w.epoch == epoch {
			do()
		}
	})
}

func (w *world) chance(perThousand int) bool { return w.rng.IntN(1000) < perThousand }

// traffic is one caller's act: a new payment, a refund, a cancel, or a request again; or what
// people book.
func (w *world) traffic(i int) {
	kind := w.rng.IntN(13)
	if kind >= 10 && len(w.orders) > 0 {
		w.entry(kind)
		return
	}
	if kind < 5 || kind >= 10 || len(w.orders) == 0 {
		w.order(w.newPayment(i))
		return
	}
	old := w.orders[w.rng.IntN(len(w.orders))]
	switch {
	case kind == 5:
		w.submit(old)
	case kind == 6:
		changed := *old
		changed.request.Payment.Digest[0]++
		w.submit(&changed)
	default:
		r := Request{Payment: payment.Payment{
			Kind: payment.Refund, Original: old.id, Institution: w.asker(&old.request.Payment),
			RequestID: fmt.Sprint("f", i), Amount: payment.Fen(1 + w.rng.IntN(int(old.request.Payment.Amount))),
			Requested: time.Now(),
		}}
		if rest := old.request.Payment.Amount - w.visible[old.id].Refunded; kind == 7 && rest > 0 && w.rng.IntN(2) == 0 {
			r.Payment.Amount = rest // All that is left of it.
		}
		if kind == 9 {
			r.Payment.Kind = payment.Cancel
		}
		w.order(r)
	}
}

// simCaps limits some sides, so that the limit is met.
var simCaps = []ledger.CapLimit{
	{Institution: "lanternbank", Medium: "commercial", Cap: 200_000},
	{Institution: "wallet", Medium: "ecny", Cap: 120_000},
	{Institution: "shop", Medium: "commercial", Cap: 60_000},
}

// newBook is the book of a switch that starts.
func (w *world) newBook() *ledger.Book {
	fees := &ledger.Schedule{Rules: []ledger.FeeRule{{ID: "all", RatePPM: 12_345, Min: 1,
		Shares: []ledger.FeeShare{{Institution: ledger.Issuer, PPM: 333_333}, {Institution: "association", PPM: 111_111}}}}}
	return ledger.New(ledger.Limits{DefaultCap: -1, Caps: simCaps}, fees)
}

// asker is who wants a payment turned round: mostly its caller, now and then somebody
// else who takes part in it, or nobody of the kind.
func (w *world) asker(p *payment.Payment) string {
	others := []string{"acquirer", "stranger", "lanternbank", "riverbank"}
	if i := w.rng.IntN(3 * len(others)); i < len(others) {
		return others[i]
	}
	return p.Institution
}

func (w *world) newPayment(i int) Request {
	bank := []string{"lanternbank", "riverbank", "stonebank"}[w.rng.IntN(3)]
	amount := payment.Fen(1 + w.rng.IntN(100_000))
	if s := w.core.book.Standing(ledger.Side{Institution: bank}); s.Limited && w.rng.IntN(4) == 0 {
		amount = max(1, s.Available()+payment.Fen(w.rng.IntN(3)-1)) // Up to the limit, or a fen short or beyond.
	}
	medium := payment.Medium(w.rng.IntN(2)) // Of the payee's side.
	p := payment.Payment{
		RequestID: fmt.Sprint("r", i), Institution: "shop", Amount: amount, Currency: "156",
		Requested: time.Now(), Legs: []payment.Leg{{Kind: payment.Debit, Institution: bank, Amount: amount}},
	}
	if w.rng.IntN(3) == 0 {
		p.Institution = "wallet"
		p.Legs = append(p.Legs, payment.Leg{Kind: payment.Credit, Institution: "acquirer", Amount: amount, Medium: medium})
	}
	return Request{Payment: p, Code: "62"}
}

func (w *world) order(r Request) {
	w.ids++
	o := &order{request: r, id: payment.ID(fmt.Sprintf("P%04d", w.ids))}
	w.orders = append(w.orders, o)
	w.submit(o)
}

// submit does what the runner's accept does: old requests from the projection, originals
// recalled, then the core.
func (w *world) submit(o *order) {
	p := &o.request.Payment
	if w.core.asked[requestKey{p.Institution, p.RequestID}] == nil {
		for id, old := range w.visible {
			if old.Institution == p.Institution && old.RequestID == p.RequestID {
				w.again(o, id, old)
				return
			}
		}
	}
	w.remember(p.Original)
	r := o.request
	r.Payment = clone(r.Payment)
	w.step(&event{kind: eventAccept, id: o.id, request: &r, calls: newCall()})
}

// remember recalls a payment that has ended, as the runner does.
func (w *world) remember(id payment.ID) {
	if past, ok := w.visible[id]; ok && w.core.known(id) == nil {
		w.step(&event{kind: eventRecalled, past: &life{Payment: copied(past), replied: true}})
	}
}

// again is a request whose payment has ended: the same answer, or a conflict.
func (w *world) again(o *order, id payment.ID, old payment.Payment) {
	if old.Digest != o.request.Payment.Digest {
		w.tally.conflicts++
		return
	}
	if id != o.id {
		w.t.Errorf("seed %d: request %s became %s and %s", w.seed, old.RequestID, id, o.id)
	}
}

// copied is clone as a life holds it.
func copied(p payment.Payment) *payment.Payment {
	p = clone(p)
	return &p
}

func clone(p payment.Payment) payment.Payment {
	p.Legs = append([]payment.Leg(nil), p.Legs...)
	return p
}

// trace tells a replayed seed's story.
func (w *world) trace(format string, args ...any) {
	if *seedOne != 0 {
		w.t.Logf("%s "+format, append([]any{time.Now().Format("15:04:05.000")}, args...)...)
	}
}

// step lets the core decide and puts what it wants into a block on its way to the disk.
func (w *world) step(ev *event) {
	w.collect(w.core.step(time.Now(), ev))
}

func (w *world) collect(actions []action) {
	b := &pendingBlock{}
	for i := range actions {
		a := &actions[i]
		w.trace("%s", strings.TrimSpace((&script{ended: map[payment.ID]*life{}, now: time.Now()}).describe(a)))
		switch a.kind {
		case actionRecord:
			body := appendRecord(nil, a)
			b.records = append(b.records, journal.Record{Kind: uint8(a.record), Version: a.record.version(), Body: body})
			w.recount.record(w.t, &b.records[len(b.records)-1])
			w.tallyRecord(b, a)
		case actionSend:
			b.ops = append(b.ops, a.op)
		case actionTimer:
			id, due := a.life.ID, time.Unix(0, a.life.due)
			w.inEpoch(time.Until(due), func() { w.step(&event{kind: eventDue, id: id}) })
		case actionReply, actionSame:
			b.replies = append(b.replies, *a.life.last())
		case actionRefuse:
			switch a.refusal {
			case payment.RequestConflict:
				w.tally.conflicts++
			case payment.LiquidityShort:
				w.tally.short++
			}
		}
	}
	w.append(b)
}

// append puts a block on its way to the disk.
func (w *world) append(b *pendingBlock) {
	w.blocks = append(w.blocks, b)
	at := time.Now().Add(time.Duration(w.rng.IntN(5000)) * time.Microsecond)
	if at.Before(w.last) {
		at = w.last
	}
	w.last = at
	w.inEpoch(time.Until(at), w.durableNext)
}

func (w *world) tallyRecord(b *pendingBlock, a *action) {
	switch a.record {
	case recordNote:
		w.tally.notes++
	case recordManual:
		w.tally.manual++
		w.handTo(a.life.ID)
	case recordOutcome, recordRefunded:
		b.outcome = append(b.outcome, *a.life.snapshot())
		w.visible[a.life.ID] = *a.life.snapshot()
	}
}

// durableNext puts the oldest block on the disk, then sends and answers.
func (w *world) durableNext() {
	b := w.blocks[0]
	w.blocks = w.blocks[1:]
	w.store(b)
	for _, op := range b.ops {
		w.send(op)
	}
	for _, p := range b.replies {
		w.heard(p)
	}
}

func (w *world) store(b *pendingBlock) {
	w.durable = append(w.durable, b.records...)
	for _, p := range b.outcome {
		w.ended[p.ID] = p
	}
}

// heard is a caller reading its answer: a final one never changes, but for the cancel
// that the caller itself asked for.
func (w *world) heard(p payment.Payment) {
	before, ok := w.replied[p.ID]
	if ok && before != p.Status && before != payment.StatusApproved {
		w.t.Errorf("seed %d: %s was answered %s and then %s", w.seed, p.ID, before, p.Status)
	}
	if p.Status.Final() {
		w.replied[p.ID] = p.Status
	}
}

// crash kills the switch: of the blocks on their way some first ones reached the disk.
func (w *world) crash() {
	w.tally.crashes++
	w.epoch++
	w.trace("crash with %d blocks on their way", len(w.blocks))
	for range w.rng.IntN(len(w.blocks) + 1) {
		w.store(w.blocks[0])
		w.blocks = w.blocks[1:]
	}
	w.blocks, w.last = nil, time.Time{}
	w.visible = maps.Clone(w.ended)
	w.core = newCore(DefaultLimits(), w.plans, w.newBook())
	w.recount = newTellerBook()
	for i := range w.durable {
		w.recount.record(w.t, &w.durable[i])
		if err := w.core.foldRecord(&w.durable[i], journal.Position{Sequence: uint64(i + 1)}); err != nil {
			w.t.Fatalf("seed %d: cannot fold record %d: %v", w.seed, i, err)
		}
	}
	w.throughSnapshot()
	list, err := w.core.relink(func(id payment.ID) (*life, error) {
		past, ok := w.ended[id]
		if !ok {
			return nil, fmt.Errorf("original %s is not in the projection", id)
		}
		return &life{Payment: copied(past), replied: true}, nil
	})
	if err != nil {
		w.t.Fatalf("seed %d: %v", w.seed, err)
	}
	w.collect(w.core.resumeAll(time.Now(), list, time.Millisecond))
}

// throughSnapshot replaces the folded state by what a snapshot keeps of it.
func (w *world) throughSnapshot() {
	state := w.core.save()
	w.core = newCore(DefaultLimits(), w.plans, w.newBook())
	if err := w.core.restore(state); err != nil {
		w.t.Fatalf("seed %d: cannot restore a snapshot: %v", w.seed, err)
	}
}
