package ledger

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tongma/switch/payment"
)

func leg(kind payment.OperationKind, institution string, medium payment.Medium) payment.Leg {
	return payment.Leg{Kind: kind, Institution: institution, Medium: medium}
}

func pay(caller string, amount payment.Fen, legs ...payment.Leg) *payment.Payment {
	return &payment.Payment{Institution: caller, Amount: amount, Legs: legs, Accepted: time.Unix(1e9, 0)}
}

func turned(kind payment.Kind, caller string, amount payment.Fen) *payment.Payment {
	return &payment.Payment{Kind: kind, Institution: caller, Amount: amount}
}

// adjustment moves amount from one institution to another.
func adjustment(debited, credited string, amount payment.Fen) *payment.Payment {
	p := pay(credited, amount, leg(payment.Debit, debited, payment.Commercial), leg(payment.Credit, credited, payment.Commercial))
	p.Kind, p.Reason = payment.Adjustment, payment.FeeCorrection
	return p
}

func lines(b *Book, p, original *payment.Payment) []string {
	if failure := b.Hold(p, original); failure != payment.NoFailure {
		return []string{failure.Code()}
	}
	var list []string
	for _, line := range b.Settle(p, original) {
		list = append(list, line.Account+" "+line.Amount.String())
	}
	return list
}

// TestDepositsHaveAnEnd: deposits add up to no more than what sums are safe with, however
// often one is made.
func TestDepositsHaveAnEnd(t *testing.T) {
	b := New(DefaultLimits(), nil)
	deposit := []payment.Posting{{Account: "deposit/commercial/bank", Amount: 1e17, Currency: Currency},
		{Account: "reserve/commercial/switch", Amount: -1e17, Currency: Currency}}
	if failure := b.Draw(deposit); failure != payment.NoFailure {
		t.Error(failure.Code())
	}
	if err := b.Post(deposit); err != nil {
		t.Fatal(err)
	}
	if failure := b.Draw(deposit); failure != payment.AmountInvalid {
		t.Errorf("the same again: %q", failure.Code())
	}
}

func TestPostings(t *testing.T) {
	f := func(p, original *payment.Payment, want ...string) {
		t.Helper()
		if got := lines(New(DefaultLimits(), nil), p, original); !slices.Equal(got, want) {
			t.Errorf("posts %q, want %q", got, want)
		}
	}
	till := pay("shop", 100, leg(payment.Debit, "bank", payment.Commercial))
	f(till, nil, "position/commercial/bank -100", "position/commercial/shop 100")
	f(pay("wallet", 100, leg(payment.Credit, "shop", payment.Commercial)), nil,
		"position/commercial/shop 100", "position/commercial/wallet -100")
	card := pay("wallet", 100, leg(payment.Debit, "bank", payment.Commercial), leg(payment.Credit, "shop", payment.Commercial))
	f(card, nil, "position/commercial/bank -100", "position/commercial/shop 100")
	both := pay("wallet", 100, leg(payment.Debit, "bank", payment.Commercial), leg(payment.Credit, "operator", payment.ECNY))
	f(both, nil, "position/commercial/bank -100", "position/commercial/wallet 100",
		"position/ecny/operator 100", "position/ecny/wallet -100")
	f(pay("wallet", 100), nil)
	// Who asks for a refund does not matter: the money goes the way back.
	f(turned(payment.Refund, "wallet", 30), card, "position/commercial/bank 30", "position/commercial/shop -30")
	f(turned(payment.Refund, "shop", 30), card, "position/commercial/bank 30", "position/commercial/shop -30")
	f(turned(payment.Cancel, "shop", 100), till, "position/commercial/bank 100", "position/commercial/shop -100")
	f(turned(payment.Chargeback, "wallet", 30), both, "position/commercial/bank 30", "position/commercial/wallet -30",
		"position/ecny/operator -30", "position/ecny/wallet 30")
	// An adjustment is its own two legs, whatever it is linked to.
	f(adjustment("shop", "bank", 70), till, "position/commercial/shop -70", "position/commercial/bank 70")
}

func TestCaps(t *testing.T) {
	b := New(Limits{DefaultCap: -1, Caps: []CapLimit{{"bank", "commercial", 100}}}, nil)
	f := func(p *payment.Payment, want payment.Failure, available payment.Fen) {
		t.Helper()
		failure := b.Hold(p, nil)
		s := b.Standing(Side{"bank", payment.Commercial})
		if failure != want || s.Available() != available {
			t.Errorf("%v with %d available, want %v with %d", failure, s.Available(), want, available)
		}
	}
	first := pay("shop", 60, leg(payment.Debit, "bank", payment.Commercial))
	f(first, payment.NoFailure, 40)
	f(pay("shop", 41, leg(payment.Debit, "bank", payment.Commercial)), payment.LiquidityShort, 40)
	f(pay("shop", 41, leg(payment.Debit, "bank", payment.ECNY)), payment.NoFailure, 40)
	f(pay("shop", 40, leg(payment.Debit, "bank", payment.Commercial)), payment.NoFailure, 0)
	b.Settle(first, nil)
	f(pay("shop", 1, leg(payment.Debit, "bank", payment.Commercial)), payment.LiquidityShort, 0)
	b.Release(pay("shop", 40, leg(payment.Debit, "bank", payment.Commercial)), nil)
	f(pay("shop", 41, leg(payment.Debit, "bank", payment.Commercial)), payment.LiquidityShort, 40)
	if err := b.Post([]payment.Posting{{Account: "deposit/commercial/bank", Amount: 1, Currency: "156"},
		{Account: "reserve/commercial/switch", Amount: -1, Currency: "156"}}); err != nil {
		t.Fatal(err)
	}
	f(pay("shop", 41, leg(payment.Debit, "bank", payment.Commercial)), payment.NoFailure, 0)
}

func TestPostRefuses(t *testing.T) {
	f := func(want error, lines ...payment.Posting) {
		t.Helper()
		b := New(DefaultLimits(), nil)
		err := b.Post(lines)
		if err == nil || want != nil && !errors.Is(err, want) || len(b.Lines()) > 0 {
			t.Errorf("%v: %v, %v in the book", lines, err, b.Lines())
		}
	}
	line := func(account string, amount payment.Fen, currency string) payment.Posting {
		return payment.Posting{Account: account, Amount: amount, Currency: currency}
	}
	f(ErrUnbalanced, line("position/commercial/a", 1, "156"))
	f(ErrUnbalanced, line("position/commercial/a", 1, "156"), line("position/ecny/b", -1, "156"))
	f(nil, line("position/commercial/a", 1, "156"), line("position/commercial/b", -1, "840"))
	f(nil, line("purse/commercial/a", 1, "156"), line("position/commercial/b", -1, "156"))
	f(nil, line("position/gold/a", 1, "156"), line("position/commercial/b", -1, "156"))
	f(nil, line("position/commercial/", 1, "156"), line("position/commercial/b", -1, "156"))
	f(nil, line("position/commercial/a/b", 1, "156"), line("position/commercial/b", -1, "156"))
}

func TestFees(t *testing.T) {
	schedule := &Schedule{Rules: []FeeRule{
		{ID: "small", AmountTo: 99},
		{ID: "ecny-free", Scheme: "free"},
		{ID: "card", RatePPM: 3800, Min: 1, Max: 5000, Shares: []FeeShare{{Issuer, 700_000}, {"association", 100_000}}},
	}}
	if err := schedule.Validate(); err != nil {
		t.Fatal(err)
	}
	p := pay("shop", 100_000, leg(payment.Debit, "bank", payment.Commercial))
	want := []string{"position/commercial/bank -100000", "position/commercial/shop 100000",
		"position/commercial/bank 266", "position/commercial/association 38", "fee/commercial/switch 76", "position/commercial/shop -380"}
	if got := lines(New(DefaultLimits(), schedule), p, nil); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	none := func(p *payment.Payment) {
		t.Helper()
		if got := lines(New(DefaultLimits(), schedule), p, nil); len(got) != 2 {
			t.Errorf("%q, want no fee", got)
		}
	}
	none(pay("shop", 99, leg(payment.Debit, "bank", payment.Commercial)))
	none(pay("shop", 100_000, leg(payment.Debit, "operator", payment.ECNY)))
	free := pay("shop", 100_000, leg(payment.Debit, "bank", payment.Commercial))
	free.Scheme = "free"
	none(free)
	f := func(rule FeeRule, amount, want payment.Fen) {
		t.Helper()
		if got := rule.Of(amount); got != want {
			t.Errorf("%+v of %d is %d, want %d", rule, amount, got, want)
		}
	}
	f(FeeRule{RatePPM: 3800}, 131, 0) // 0.4978 fen
	f(FeeRule{RatePPM: 5000}, 100, 1) // 0.5 fen: half up
	f(FeeRule{RatePPM: 5000}, 99, 0)  // 0.495 fen
	f(FeeRule{Fixed: 10}, 4, 4)       // Never above the amount.
	f(FeeRule{RatePPM: 1_000_000}, payment.AmountMax, payment.AmountMax)
	f(FeeRule{RatePPM: 6000, Min: 3, Max: 7}, 100, 3)
	f(FeeRule{RatePPM: 6000, Min: 3, Max: 7}, 100_000, 7)
}

func TestFeeFaults(t *testing.T) {
	s := &Schedule{Rules: []FeeRule{{ID: "a", RatePPM: -1}, {ID: "a"}, {}, {ID: "b", Min: 5, Max: 4},
		{ID: "c", Shares: []FeeShare{{"x", 600_000}, {"y", 600_000}}}, {ID: "d", AmountFrom: 5, AmountTo: 4}}}
	err := s.Validate()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 6 {
		t.Errorf("%v, want six faults", err)
	}
}

// TestMoneyIsConserved plays random payments, refunds and cancels with random ends: what
// each posts is zero in each medium, the balances are what was posted, no limited side goes
// beyond its cap, nothing is held at rest, no refund is more than its payment, and a book
// restored from its state is the same book.
func TestMoneyIsConserved(t *testing.T) {
	names := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{DefaultCap: -1, Caps: []CapLimit{{"a", "commercial", 5_000}, {"b", "ecny", 3_000}}}
		schedule := &Schedule{Rules: []FeeRule{{ID: "all", RatePPM: 12_345, Min: 1, Shares: []FeeShare{{Issuer, 333_333}, {"c", 333_333}}}}}
		b, sums := New(limits, schedule), teller{}
		for range rapid.IntRange(1, 40).Draw(t, "payments") {
			p := drawPayment(t, names)
			if b.Hold(p, nil) != payment.NoFailure {
				continue
			}
			if rapid.IntRange(0, 3).Draw(t, "end") == 0 {
				b.Release(p, nil)
				continue
			}
			sums.post(t, b.Settle(p, nil))
			drawRefunds(t, b, p, sums)
			if rapid.IntRange(0, 3).Draw(t, "cancel") == 0 && p.Refunded == 0 {
				back := turned(payment.Cancel, p.Institution, p.Amount)
				if b.Hold(back, p) == payment.NoFailure {
					sums.post(t, b.Settle(back, p))
				}
			}
			checkBook(t, b, sums)
		}
	})
}

// teller sums up what was posted, by account.
type teller map[string]payment.Fen

func (s teller) post(t *rapid.T, lines []payment.Posting) {
	sums := map[payment.Medium]payment.Fen{}
	for _, line := range lines {
		a, err := ParseAccount(line.Account)
		if err != nil {
			t.Fatal(err)
		}
		sums[a.Medium] += line.Amount
		s[line.Account] += line.Amount
	}
	if sums[payment.Commercial] != 0 || sums[payment.ECNY] != 0 {
		t.Fatalf("%v sum to %v", lines, sums)
	}
}

func drawPayment(t *rapid.T, names []string) *payment.Payment {
	medium := func() payment.Medium { return payment.Medium(rapid.IntRange(0, 1).Draw(t, "medium")) }
	name := func() string { return rapid.SampledFrom(names).Draw(t, "institution") }
	legs := []payment.Leg{leg(payment.Debit, name(), medium())}
	if rapid.Bool().Draw(t, "two") {
		legs = append(legs, leg(payment.Credit, name(), medium()))
	}
	amounts := rapid.OneOf(rapid.IntRange(1, 2_000), rapid.SampledFrom([]int{2_999, 3_000, 3_001, 5_000, 5_001})) // Caps, too.
	return pay(name(), payment.Fen(amounts.Draw(t, "amount")), legs...)
}

func drawRefunds(t *rapid.T, b *Book, p *payment.Payment, sums teller) {
	for p.Refunded < p.Amount && rapid.Bool().Draw(t, "refund") {
		r := turned(payment.Refund, p.Institution, payment.Fen(rapid.IntRange(1, int(p.Amount-p.Refunded)).Draw(t, "part")))
		if b.Hold(r, p) != payment.NoFailure {
			return
		}
		sums.post(t, b.Settle(r, p))
		p.Refunded += r.Amount
	}
}

// give gives part of p back, as a refund or as a chargeback.
func give(t *rapid.T, b *Book, p *payment.Payment) {
	r := turned(payment.Refund, "shop", payment.Fen(rapid.IntRange(1, int(p.Amount-p.Returned())).Draw(t, "part")))
	sum := &p.Refunded
	if rapid.Bool().Draw(t, "chargeback") {
		r.Kind, sum = payment.Chargeback, &p.ChargedBack
	}
	b.Hold(r, p)
	b.Settle(r, p)
	*sum += r.Amount
}

func checkBook(t *rapid.T, b *Book, sums teller) {
	if err := b.Balanced(); err != nil {
		t.Fatal(err)
	}
	for name, want := range sums {
		if a, err := ParseAccount(name); err != nil || b.Balance(a) != want {
			t.Fatalf("%s stands at %d, %v, want %d", name, b.Balance(a), err, want)
		}
	}
	for _, key := range b.Sides() {
		s := b.Standing(key)
		if s.Held != 0 {
			t.Fatalf("%v holds %d at rest", key, s.Held)
		}
		if limit, binds := b.limits.Cap(key); binds && s.Position < -limit {
			t.Fatalf("%v stands at %d, beyond its cap of %d", key, s.Position, limit)
		}
	}
	again := New(b.limits, b.fees)
	if err := again.Restore(b.AppendState(nil)); err != nil || !slices.Equal(again.Lines(), b.Lines()) {
		t.Fatalf("restored: %v, %v, want %v", err, again.Lines(), b.Lines())
	}
}

// TestFullRefundsReturnTheFee gives back in parts, refunds and chargebacks, to exactly the
// whole: every account is where it was.
func TestFullRefundsReturnTheFee(t *testing.T) {
	schedule := &Schedule{Rules: []FeeRule{{ID: "all", RatePPM: 12_345, Min: 3, Shares: []FeeShare{{Issuer, 333_333}}}}}
	rapid.Check(t, func(t *rapid.T) {
		b := New(DefaultLimits(), schedule)
		p := pay("shop", payment.Fen(rapid.IntRange(1, 100_000).Draw(t, "amount")), leg(payment.Debit, "bank", payment.Commercial))
		b.Hold(p, nil)
		b.Settle(p, nil)
		for p.Returned() < p.Amount {
			give(t, b, p)
		}
		for _, line := range b.Lines() {
			if line.Balance != 0 {
				t.Fatalf("%s stands at %d after the whole was refunded", line.Account, line.Balance)
			}
		}
	})
}

// TestAdjustmentsBearNoFee: what people move is what they said, to the fen.
func TestAdjustmentsBearNoFee(t *testing.T) {
	b := New(DefaultLimits(), &Schedule{Rules: []FeeRule{{ID: "all", RatePPM: 10_000, Min: 1}}})
	p := adjustment("shop", "bank", 10_000)
	want := []string{"position/commercial/shop -10000", "position/commercial/bank 10000"}
	if got := lines(b, p, nil); !slices.Equal(got, want) || len(p.Fees) > 0 || len(FeesOf(p, b.lines)) > 0 {
		t.Errorf("%q with the fees %v, want %q without", got, p.Fees, want)
	}
	transfers, err := Transfers(nil, p, b.lines)
	if err != nil || len(transfers) != 1 || transfers[0] != (Transfer{"shop", "bank", 10_000, false}) {
		t.Errorf("transfers %v, %v", transfers, err)
	}
}

// TestRefundReturnsWhatWasCharged: a schedule that changed since the payment has no say in
// what its refund returns.
func TestRefundReturnsWhatWasCharged(t *testing.T) {
	schedule := func(ppm int64) *Schedule {
		return &Schedule{Rules: []FeeRule{{ID: "all", RatePPM: ppm, Shares: []FeeShare{{Issuer, 500_000}}}}}
	}
	b := New(DefaultLimits(), schedule(10_000))
	p := pay("shop", 10_000, leg(payment.Debit, "bank", payment.Commercial))
	lines(b, p, nil)
	for _, later := range []*Schedule{schedule(90_000), nil} {
		got := lines(New(DefaultLimits(), later), turned(payment.Refund, "shop", 5_000), p)
		want := []string{"position/commercial/bank 5000", "position/commercial/shop -5000",
			"position/commercial/bank -25", "fee/commercial/switch -25", "position/commercial/shop 50"}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestShareIsReturnedBelowACap: a payer's refund does not wait for a third party that has
// spent its share of the fee; it goes below its cap by that share and no more, and pays
// nothing else until it is covered.
func TestShareIsReturnedBelowACap(t *testing.T) {
	limits := Limits{DefaultCap: -1, Caps: []CapLimit{{Institution: "sharer", Medium: "commercial", Cap: 0}}}
	schedule := &Schedule{Rules: []FeeRule{{ID: "shop's", Institution: "shop", RatePPM: 10_000, Shares: []FeeShare{{"sharer", 500_000}}}}}
	b := New(limits, schedule)
	do := func(p, original *payment.Payment, want payment.Failure) {
		t.Helper()
		if got := b.Hold(p, original); got != want {
			t.Errorf("%s of %d: %s, want %s", p.Kind, p.Amount, got, want)
		} else if got == payment.NoFailure {
			b.Settle(p, original)
		}
	}
	first := pay("shop", 10_000, leg(payment.Debit, "bank", payment.Commercial))
	do(first, nil, payment.NoFailure)
	do(pay("other", 50, leg(payment.Debit, "sharer", payment.Commercial)), nil, payment.NoFailure)
	do(turned(payment.Refund, "shop", 10_000), first, payment.NoFailure)
	if s := b.Standing(Side{"sharer", payment.Commercial}); s.Position != -50 || s.Held != 0 {
		t.Errorf("the sharer stands at %d with %d held, want -50 with none", s.Position, s.Held)
	}
	do(pay("other", 1, leg(payment.Debit, "sharer", payment.Commercial)), nil, payment.LiquidityShort)
}

// TestFeesOf finds the fees among the lines of an outcome, as a restart reads them.
func TestFeesOf(t *testing.T) {
	schedule := &Schedule{Rules: []FeeRule{{ID: "all", RatePPM: 10_000, Shares: []FeeShare{{"shop", 500_000}}}}}
	for _, legs := range [][]payment.Leg{
		nil,
		{leg(payment.Debit, "bank", payment.Commercial)},
		{leg(payment.Debit, "bank", payment.Commercial), leg(payment.Credit, "shop", payment.Commercial)},
		{leg(payment.Debit, "bank", payment.ECNY), leg(payment.Credit, "shop", payment.Commercial)},
	} {
		p := pay("wallet", 10_000, legs...)
		b := New(DefaultLimits(), schedule)
		b.Hold(p, nil)
		postings := b.Settle(p, nil)
		if got := FeesOf(p, postings); !slices.Equal(got, p.Fees) || (len(legs) > 1 && len(got) == 0) {
			t.Errorf("%d legs: %v, want %v", len(legs), got, p.Fees)
		}
	}
	if got := FeesOf(pay("wallet", 1, leg(payment.Debit, "bank", payment.Commercial)), nil); len(got) > 0 {
		t.Errorf("a declined payment has fees: %v", got)
	}
}

func FuzzRestore(f *testing.F) {
	b := New(DefaultLimits(), nil)
	b.Hold(pay("shop", 5, leg(payment.Debit, "bank", payment.Commercial)), nil)
	b.Settle(pay("shop", 5, leg(payment.Debit, "bank", payment.Commercial)), nil)
	b.SetCap(Side{"bank", payment.ECNY}, 7)
	f.Add(b.AppendState(nil))
	f.Fuzz(func(t *testing.T, state []byte) {
		b := New(DefaultLimits(), nil)
		if b.Restore(state) != nil {
			return
		}
		again := New(DefaultLimits(), nil)
		if err := again.Restore(b.AppendState(nil)); err != nil || !slices.Equal(again.Lines(), b.Lines()) {
			t.Errorf("%v: %v, want %v", err, again.Lines(), b.Lines())
		}
	})
}
