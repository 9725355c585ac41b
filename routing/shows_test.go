package routing

import "testing"

// shows holds the code of a finding against the naive scan and the look-up: whoever
// asks the table about that code must meet the fault.
func shows(t *testing.T, table *Table, f Finding) {
	t.Helper()
	q := decoded(t, f.Example)
	if q == nil {
		return
	}
	scan := naive{rules: table.rules}
	won := scan.route(q)
	var d Decision
	err := table.Route(q, &d)
	rule := ruleNamed(table, f.Rule)
	fail := func(why string) {
		t.Errorf("%s: example does not show it: %s: decided by %s, refused %v", f, why, d.Rule, err)
	}
	switch f.Kind {
	case Gap, DateHole, AmountHole, NoRules:
		if won.rule != nil || err != errNoRoute {
			fail("the code has a route")
		}
	case Overlap:
		if !won.ambiguous {
			fail("nothing ties with the winner")
		}
	case ShadowedRule, RedundantRule, ShadowedPart:
		if won.rule == rule || len(scan.compared(rule, q)) == 0 || !scan.circumstances(rule, q) {
			fail("the rule wins, or does not match")
		}
	case NeverMatches, EmptyPeriod, TooManyClauses, NoSuchCode:
		if won.rule == rule {
			fail("the rule matches")
		}
	case UnknownTarget, UnlicensedTarget, SuspendedTarget, TargetNotInForce, TargetLapses:
		if won.rule != rule || !refused(table, q, f, TargetUnlicensed) {
			fail("the target is not left out")
		}
	case StandbyUnlicensed:
		if !refused(table, q, f, TargetUnlicensed) {
			fail("the standby is not left out")
		}
	case TargetNoAgreement, RuleNoAgreement:
		if won.rule != rule || !refused(table, q, f, NoAgreement) {
			fail("the target is not left out")
		}
	case MaintenanceAll:
		if err != errMaintenance {
			fail("not refused for maintenance")
		}
	case UnknownCaller, UnlicensedCaller, AgreementUnknown:
		if err != errUnknown && err != errUnlicensed && err != errNotYet {
			fail("the caller is not refused")
		}
	}
}

// refused says whether explaining q tells of a target that is left out for code.
func refused(table *Table, q *Query, f Finding, code Code) bool {
	for _, fate := range table.Explain(q).Targets {
		if fate.Refused == code {
			return true
		}
	}
	return false
}

func ruleNamed(table *Table, id string) *rule {
	for _, r := range table.rules {
		if r.id == id {
			return r
		}
	}
	return nil
}

// decoded is the query that the example stands for, as found by its text alone: by
// prefix and length, by host, or by its data objects.
func decoded(t *testing.T, e Example) *Query {
	t.Helper()
	q := decodeExample(e.Text)
	if q == nil {
		t.Errorf("example %q is no code of a known form", e.Text)
		return nil
	}
	q.Caller, q.Scene, q.AmountFen, q.Currency, q.At = e.Caller, e.Scene, e.AmountFen, e.Currency, e.At
	return q
}
