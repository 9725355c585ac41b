package admin

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/ledger"
	"tongma/switch/payment"
	"tongma/switch/reconcile"
)

// agreeable is a network whose institutions approve everything at once.
type agreeable struct{ engine *engine.Engine }

// Send is engine.Sender's.
func (s *agreeable) Send(ops []*payment.Operation) {
	for _, op := range ops {
		go s.engine.Answer(op, payment.Answer{Outcome: payment.Approved, Reference: op.Reference, Amount: op.Amount, Currency: op.Currency})
	}
}

// generous has people ask as often as they like.
type generous struct{ *engine.Engine }

// MayAsk is Repairs'.
func (generous) MayAsk(string, payment.ID) bool { return true }

// booth is the admin API of a whole engine over a journal on disk.
type booth struct {
	t      *testing.T
	engine *engine.Engine
	store  *journal.Store
	server *httptest.Server
	people map[string]*Client
	paid   int
}

func newBooth(t *testing.T, directory string) *booth {
	t.Helper()
	options := journal.DefaultOptions()
	options.Directory = directory
	store, err := journal.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	sender := &agreeable{}
	limits := ledger.DefaultLimits()
	limits.Caps = []ledger.CapLimit{{Institution: "lanternbank", Medium: "commercial", Cap: 100}}
	e, err := engine.Open(engine.Options{Limits: engine.DefaultLimits(), Plans: map[string]engine.Plan{"": engine.DefaultPlan()},
		Log: store, View: store, Snapshots: store, Sender: sender, Logger: zap.NewNop(), Ledger: ledger.New(limits, nil)})
	if err != nil {
		t.Fatal(err)
	}
	sender.engine = e
	e.Start()
	server := newOptions(t, e, store, "people:\n  - {name: li, roles: [operator, approver], secret_file: li.key}\n"+
		"  - {name: wang, roles: [operator, approver], secret_file: wang.key}\n")
	server.Entries, server.Limits, server.Hands, server.Repairs = e, e, e, generous{e}
	b := &booth{t: t, engine: e, store: store, people: map[string]*Client{}}
	b.serve(server)
	t.Cleanup(b.close)
	return b
}

// serve lets people talk to a server of these options from now on.
func (b *booth) serve(options Options) {
	b.server = httptest.NewServer(New(options).server.Handler)
	for who, secret := range map[string]string{"li": secretText, "wang": "another secret 16"} {
		b.people[who] = NewClient(b.server.URL, who, []byte(secret))
	}
}

func (b *booth) close() {
	if b.engine == nil {
		return
	}
	b.server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := b.engine.Stop(ctx); err != nil {
		b.t.Error(err)
	}
	if err := b.store.Close(); err != nil {
		b.t.Error(err)
	}
	b.engine = nil
}

func (b *booth) person(who string) *Client { return b.people[who] }

func (b *booth) pay(amount payment.Fen, bank, shop string) payment.ID {
	b.t.Helper()
	b.paid++
	p, err := b.engine.Submit(&engine.Request{Code: "62", Payment: payment.Payment{Institution: shop, RequestID: fmt.Sprint("r", b.paid),
		Amount: amount, Currency: "156", Legs: []payment.Leg{{Kind: payment.Debit, Institution: bank, Amount: amount}}}})
	if err != nil || p.Status != payment.StatusApproved {
		b.t.Fatalf("%s, %v", p.Status, err)
	}
	return p.ID
}

func (b *booth) acts() (list []engine.Act) {
	b.t.Helper()
	if err := b.engine.Acts(func(a engine.Act) error { list = append(list, a); return nil }); err != nil {
		b.t.Fatal(err)
	}
	return list
}

// propose proposes as who and holds the answer, and the act that it left, against want.
func (b *booth) propose(who string, want Code, p EntryProposal) EntryProposal {
	b.t.Helper()
	if p.Evidence == "" {
		p.Evidence = "case 4711 of the scheme"
	}
	kept, err := b.person(who).ProposeEntry(p)
	if codeOf(err) != want || (err == nil) != (want == "") {
		b.t.Fatalf("%+v: %v, want %q", p, err, want)
	}
	list := b.acts()
	if last := list[len(list)-1]; last.What != "entry.propose" || last.Who != who || last.Refused != string(want) {
		b.t.Errorf("the last act is %+v", last)
	}
	return kept
}

func (b *booth) say(who, verb string, want Code, id payment.ID, amount payment.Fen) EntryProposal {
	b.t.Helper()
	time.Sleep(2 * time.Millisecond) // The same request in the same millisecond is taken for one that was repeated.
	var p EntryProposal
	err := b.person(who).Do("POST", "/admin/v1/entries/"+string(id)+"/"+verb, map[string]any{"amount_fen": amount}, &p)
	if codeOf(err) != want || (err == nil) != (want == "") {
		b.t.Fatalf("%s %s as %s: %v, want %q", verb, id, who, err, want)
	}
	return p
}

func (b *booth) position(institution string) payment.Fen {
	b.t.Helper()
	stood, err := b.engine.Standings()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, s := range stood {
		if s.Institution == institution && s.Medium == payment.Commercial {
			return s.Position
		}
	}
	return 0
}

func chargebackOf(id payment.ID, amount payment.Fen) EntryProposal {
	return EntryProposal{Kind: "chargeback", Reason: "fraud", Payment: id, Amount: amount}
}

func adjustment(debited, credited string, amount payment.Fen) EntryProposal {
	return EntryProposal{Kind: "adjustment", Reason: "reconciliation_difference", Debited: debited, Credited: credited, Amount: amount}
}

// TestEntriesTakeTwoPersons: who proposed does not approve, the second one says the same
// amount, money moves once however often it is approved, and all of it is there after a restart.
func TestEntriesTakeTwoPersons(t *testing.T) {
	directory := t.TempDir()
	b := newBooth(t, directory)
	paid := b.pay(1000, "harbourbank", "corneracquirer")
	p := b.propose("li", "", chargebackOf(paid, 400))
	if p.ID == "" || p.By != "li" || p.State != EntryProposed || b.position("harbourbank") != -1000 {
		t.Errorf("proposed %+v, harbourbank stands at %d", p, b.position("harbourbank"))
	}
	b.say("li", "approve", SamePerson, p.ID, 400)
	b.say("wang", "approve", ProposalChanged, p.ID, 401)
	b.say("wang", "approve", EntryUnknown, b.engine.NewID(), 400)
	b.say("wang", "approve", EntryUnknown, "nonsense", 400)
	booked := b.say("wang", "approve", "", p.ID, 400)
	if booked.State != EntryBooked || booked.DecidedBy != "wang" || b.position("harbourbank") != -600 || b.position("corneracquirer") != 600 {
		t.Errorf("booked %+v, harbourbank stands at %d", booked, b.position("harbourbank"))
	}
	acts := len(b.acts())
	if again := b.say("wang", "approve", "", p.ID, 400); again != booked || len(b.acts()) != acts {
		t.Errorf("approved again: %+v, %d acts more", again, len(b.acts())-acts)
	}
	b.close()
	b = newBooth(t, directory)
	if again := b.say("wang", "approve", "", p.ID, 400); again != booked || b.position("harbourbank") != -600 {
		t.Errorf("approved again after a restart: %+v, harbourbank stands at %d", again, b.position("harbourbank"))
	}
	b.say("li", "approve", EntryDecided, p.ID, 400)
	b.say("li", "withdraw", EntryDecided, p.ID, 0)
	found, err := b.engine.Find(p.ID)
	if err != nil || found.Kind != payment.Chargeback || found.Reason != payment.Fraud || found.Original != paid || found.Amount != 400 {
		t.Errorf("found %+v, %v", found, err)
	}
	if original, err := b.engine.Find(paid); err != nil || original.ChargedBack != 400 {
		t.Errorf("%d of the payment were charged back, %v", original.ChargedBack, err)
	}
	refused := 0
	for _, a := range b.acts() {
		if a.Refused != "" {
			refused++
		}
	}
	if refused != 6 {
		t.Errorf("%d refused acts, want 6: every one is a record", refused)
	}
}

// TestEntriesThatCannotBe is refused with its own word, each, before anybody else is asked.
func TestEntriesThatCannotBe(t *testing.T) {
	b := newBooth(t, t.TempDir())
	paid := b.pay(1000, "harbourbank", "corneracquirer")
	f := func(want Code, p EntryProposal, changes ...func(*EntryProposal)) {
		t.Helper()
		for _, change := range changes {
			change(&p)
		}
		b.propose("li", want, p)
	}
	f(ReasonInvalid, chargebackOf(paid, 1), func(p *EntryProposal) { p.Reason = "late_outcome" })
	f(ReasonInvalid, chargebackOf(paid, 1), func(p *EntryProposal) { p.Reason = "" })
	f(ReasonInvalid, adjustment("harbourbank", "lanternbank", 1), func(p *EntryProposal) { p.Reason = "fraud" })
	f(BodyInvalid, chargebackOf(paid, 1), func(p *EntryProposal) { p.Kind = "refund" })
	f(BodyInvalid, chargebackOf(paid, 1), func(p *EntryProposal) { p.Debited = "lanternbank" })
	f(BodyInvalid, chargebackOf(paid, 1), func(p *EntryProposal) { p.Evidence = "so" })
	f(BodyInvalid, chargebackOf(paid, 0))
	f(BodyInvalid, chargebackOf(paid, -5))
	f(BodyInvalid, chargebackOf(paid, 1), func(p *EntryProposal) { p.Reference = strings.Repeat("x", referenceBytesMax+1) })
	f(ChargebackExceeds, chargebackOf(paid, 1001))
	f(PaymentUnknown, chargebackOf("", 1))
	f(PaymentUnknown, chargebackOf("P1", 1))
	f(PaymentUnknown, chargebackOf(b.engine.NewID(), 1))
	f(BodyInvalid, adjustment("harbourbank", "nobody", 1))
	f(BodyInvalid, adjustment("", "harbourbank", 1))
	f(BodyInvalid, adjustment("harbourbank", "harbourbank", 1))
	f(BodyInvalid, adjustment("harbourbank", "lanternbank", payment.AmountMax+1))
	f(BodyInvalid, adjustment("harbourbank", "lanternbank", 1), func(p *EntryProposal) { p.Medium = "gold" })
	f(NotAParty, adjustment("harbourbank", "lanternbank", 1), func(p *EntryProposal) { p.Payment = paid })
	f(NotChargeable, adjustment("harbourbank", "corneracquirer", 1), func(p *EntryProposal) { p.Payment, p.Reason = paid, "representment" })
	f(PaymentUnknown, adjustment("harbourbank", "corneracquirer", 1), func(p *EntryProposal) { p.Reason = "representment" })
	f("", adjustment("harbourbank", "corneracquirer", 1), func(p *EntryProposal) { p.Payment = paid })
	if got := b.position("harbourbank"); got != -1000 {
		t.Errorf("harbourbank stands at %d: a proposal moved money", got)
	}
	var kept EntryProposal
	if err := b.person("li").Do("POST", "/admin/v1/entries", []byte(`{"kind":7}`), &kept); codeOf(err) != BodyInvalid {
		t.Errorf("a body of another form: %v", err)
	}
}

// TestEntriesAtTheLimit: what can be proposed may not be possible any more when it is
// approved. It is refused then, stays proposed, and can be approved when there is room.
func TestEntriesAtTheLimit(t *testing.T) {
	b := newBooth(t, t.TempDir())
	p := b.propose("li", "", adjustment("lanternbank", "harbourbank", 101))
	b.say("wang", "approve", LiquidityShort, p.ID, 101)
	if got := b.position("lanternbank"); got != 0 {
		t.Errorf("lanternbank stands at %d", got)
	}
	var line LimitProposal
	change := map[string]any{"change": LimitCap, "amount_fen": 500, "evidence": "decision 12 of the board"}
	path := "/admin/v1/limits/lanternbank/commercial/"
	if err := b.person("li").Do("POST", path+"propose", change, &line); err != nil {
		t.Fatal(err)
	}
	if err := b.person("wang").Do("POST", path+"approve", change, &line); err != nil {
		t.Fatal(err)
	}
	b.say("wang", "approve", "", p.ID, 101)
	if got := b.position("lanternbank"); got != -101 {
		t.Errorf("lanternbank stands at %d, want -101", got)
	}
	paid := b.pay(100, "harbourbank", "corneracquirer")
	one, two := b.propose("li", "", chargebackOf(paid, 60)), b.propose("li", "", chargebackOf(paid, 60))
	b.say("wang", "approve", "", one.ID, 60)
	b.say("wang", "approve", ChargebackExceeds, two.ID, 60)
	won := adjustment("harbourbank", "corneracquirer", 60)
	won.Reason, won.Payment = "representment", one.ID
	three := b.propose("wang", "", won)
	b.say("li", "approve", "", three.ID, 60)
	if found, err := b.engine.Find(one.ID); err != nil || found.Refunded != 60 {
		t.Errorf("%d of the chargeback were won back, %v", found.Refunded, err)
	}
}

// TestEntriesAreDismissed: a proposal is withdrawn or rejected by one person, moves nothing
// then, and does not come back. A reference stands for one proposal at a time.
func TestEntriesAreDismissed(t *testing.T) {
	b := newBooth(t, t.TempDir())
	want := adjustment("harbourbank", "lanternbank", 70)
	want.Reference = "day 2026-11-25, row 17"
	first := b.propose("li", "", want)
	if again, err := b.person("wang").ProposeEntry(withEvidence(want)); err != nil || again != first {
		t.Errorf("the same reference again: %+v, %v, want %+v", again, err, first)
	}
	other := want
	other.Amount++
	b.propose("li", ReferenceKnown, other)
	if p := b.say("li", "withdraw", "", first.ID, 0); p.State != EntryWithdrawn || p.DecidedBy != "li" {
		t.Errorf("withdrawn: %+v", p)
	}
	b.say("wang", "approve", EntryDecided, first.ID, 70)
	second := b.propose("li", "", want)
	if second.ID == first.ID {
		t.Error("a withdrawn proposal came back")
	}
	b.say("wang", "reject", "", second.ID, 0)
	b.say("wang", "approve", EntryDecided, second.ID, 70)
	third := b.propose("li", "", want)
	b.say("wang", "approve", "", third.ID, 70)
	if again, err := b.person("li").ProposeEntry(withEvidence(want)); err != nil || again.ID != third.ID || again.State != EntryBooked {
		t.Errorf("proposed after it was booked: %+v, %v", again, err)
	}
	fourth := b.propose("li", "", adjustment("harbourbank", "lanternbank", 5))
	var open, all []EntryProposal
	if err := b.person("li").Do("GET", "/admin/v1/entries", nil, &open); err != nil || len(open) != 1 || open[0] != fourth {
		t.Errorf("open: %+v, %v", open, err)
	}
	if err := b.person("li").Do("GET", "/admin/v1/entries?all=true", nil, &all); err != nil || len(all) != 4 || all[0].ID != fourth.ID || all[3].ID != first.ID {
		t.Errorf("all: %+v, %v", all, err)
	}
	var shown EntryProposal
	if err := b.person("li").Do("GET", "/admin/v1/entries/"+string(third.ID), nil, &shown); err != nil || shown.State != EntryBooked {
		t.Errorf("shown: %+v, %v", shown, err)
	}
	if err := b.person("li").Do("GET", "/admin/v1/entries/nonsense", nil, &shown); codeOf(err) != EntryUnknown {
		t.Errorf("one that nobody proposed: %v", err)
	}
	if got := b.position("harbourbank"); got != -70 {
		t.Errorf("harbourbank stands at %d, want -70", got)
	}
}

// TestNobodyIsAskedAboutAnEntry: the institution knows nothing of it. Its word would be that
// the money never moved, and a second entry would give back what is right.
func TestNobodyIsAskedAboutAnEntry(t *testing.T) {
	b := newBooth(t, t.TempDir())
	p := b.propose("li", "", chargebackOf(b.pay(100, "harbourbank", "corneracquirer"), 60))
	b.say("wang", "approve", "", p.ID, 60)
	row := &reconcile.Evidence{File: "switch.csv", SHA256: strings.Repeat("0", 64), Amount: 60}
	var done Repaired
	err := b.person("li").Do("POST", "/admin/v1/repairs", &Repair{Action: reconcile.RepairQuery, Institution: "harbourbank",
		Case: reconcile.Case{Class: reconcile.Short.String(), ID: p.ID.Reference(0), Amount: 60, Difference: -60, Left: row}}, &done)
	if codeOf(err) != LegUnclear || !strings.Contains(err.Error(), "two persons booked it") {
		t.Errorf("%+v, %v, want %s", done, err, LegUnclear)
	}
}

func withEvidence(p EntryProposal) EntryProposal {
	p.Evidence = "the same again, from the robot"
	return p
}

// TestApprovalsAtOnceMoveMoneyOnce: two persons who approve at the same instant, and one who
// does so many times, book one entry.
func TestApprovalsAtOnceMoveMoneyOnce(t *testing.T) {
	b := newBooth(t, t.TempDir())
	p := b.propose("li", "", adjustment("harbourbank", "lanternbank", 9))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var done EntryProposal
			err := b.person("wang").Do("POST", "/admin/v1/entries/"+string(p.ID)+"/approve", map[string]any{"amount_fen": 9}, &done)
			if err != nil {
				t.Errorf("approved at once: %v", err)
			}
		})
	}
	wg.Wait()
	if got := b.position("lanternbank"); got != 9 {
		t.Errorf("lanternbank stands at %d, want 9", got)
	}
}

// stalled holds the first act of kind what back until it is let go.
type stalled struct {
	*engine.Engine
	what  string
	once  sync.Once
	at    chan struct{} // Closed when the act has come.
	letGo chan struct{}
}

// Act is Acts'.
func (s *stalled) Act(a *engine.Act) error {
	if a.What == s.what {
		s.once.Do(func() {
			close(s.at)
			<-s.letGo
		})
	}
	return s.Engine.Act(a)
}

// TestNobodyProposesOtherwiseUnderAnApproval: what is approved is what then stands. While an
// approval is on its way into the journal no other proposal takes the place of the approved
// one, to be wiped out by it.
func TestNobodyProposesOtherwiseUnderAnApproval(t *testing.T) {
	b := newBooth(t, t.TempDir())
	s := &stalled{Engine: b.engine, what: "limit.approve", at: make(chan struct{}), letGo: make(chan struct{})}
	options := newOptions(t, s, b.store, "people:\n  - {name: li, roles: [operator, approver], secret_file: li.key}\n"+
		"  - {name: wang, roles: [operator, approver], secret_file: wang.key}\n")
	options.Limits = b.engine
	b.server.Close()
	b.serve(options)
	say := func(who, verb string, amount int) error {
		var p LimitProposal
		return b.person(who).Do("POST", "/admin/v1/limits/lanternbank/commercial/"+verb,
			map[string]any{"change": "deposit", "amount_fen": amount, "evidence": "the bank's note of today"}, &p)
	}
	if err := say("li", "propose", 70); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := say("wang", "approve", 70); err != nil {
			t.Errorf("approve: %v", err)
		}
	})
	<-s.at
	wg.Go(func() {
		if err := say("li", "propose", 7); err != nil {
			t.Errorf("propose otherwise: %v", err)
		}
	})
	time.Sleep(100 * time.Millisecond)
	close(s.letGo)
	wg.Wait()
	time.Sleep(2 * time.Millisecond)
	if err := say("wang", "approve", 7); err != nil {
		t.Errorf("the later proposal: %v", err)
	}
	var told []string
	for _, a := range b.acts() {
		if strings.HasPrefix(a.What, "limit.") && a.Refused == "" {
			told = append(told, a.What)
		}
	}
	if want := "limit.propose limit.approve limit.propose limit.approve"; strings.Join(told, " ") != want {
		t.Errorf("the journal has %q, want %q", told, want)
	}
}

// TestEveryRefusalOfAnEntryHasItsWord: what the engine can refuse of an entry is told by a
// code of its own, with a status.
func TestEveryRefusalOfAnEntryHasItsWord(t *testing.T) {
	for failure, code := range entryCodes {
		if statuses[code] == 0 {
			t.Errorf("%s is told as %s, which has no status", failure, code)
		}
	}
}
