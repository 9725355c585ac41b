package main

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"tongma/switch/stage"
)

var crashRounds = flag.Int("crash-rounds", 20, "how often the switch is killed under load")

// crashRequests is how many requests each round brings at least before its kill.
const crashRequests = 50

// TestCrash kills the real binary under load at random instants and starts it again on
// its journal: what was answered stands, what was begun comes to an end, no institution
// is debited twice, and a request sent again gets the same answer.
func TestCrash(t *testing.T) {
	net := network(t, "",
		&stage.Member{ID: "harbourbank", Pipeline: true, Extra: quick},
		&stage.Member{ID: "kitewallet", Extra: quick})
	c := newCaller(net, "corneracquirer", unionpayCode, wechatCode)
	for round := range *crashRounds {
		stop := make(chan struct{})
		before := c.sent()
		wg := c.load(round, 8, stop)
		time.Sleep(time.Duration(30+rand.IntN(150)) * time.Millisecond)
		c.waitFor(t, before+crashRequests) // A busy machine takes longer.
		net.Switch.Kill()
		close(stop)
		wg.Wait()
		if err := net.StartSwitch(""); err != nil {
			t.Fatal(err)
		}
	}
	payments := c.settle(t, time.Minute)
	t.Logf("%d kills, %d requests, %d payments", *crashRounds, len(c.lines), len(payments))
	if len(payments) < crashRequests**crashRounds {
		t.Errorf("only %d payments: the load was too thin to prove anything", len(payments))
	}
	compareBooks(t, net, payments)
	if err := net.Switch.Stop(); err != nil {
		t.Error(err)
	}
	comparePositions(t, net, verifyJournal(t, net))
	if err := net.StartSwitch(""); err != nil {
		t.Fatal(err)
	}
	again := c.settle(t, time.Second)
	if len(again) != len(payments) {
		t.Errorf("%d payments after another start, want %d", len(again), len(payments))
	}
}

// TestStop ends the switch in the orderly way under load: nobody goes without an answer
// that is true, and the exit is clean.
func TestStop(t *testing.T) {
	net := network(t, "drain_max: 2s\n",
		&stage.Member{ID: "harbourbank", Pipeline: true, Extra: quick},
		&stage.Member{ID: "kitewallet", Extra: quick})
	if err := net.Members[1].Set("/paper/faults", "slow=500:150ms silent=100"); err != nil {
		t.Fatal(err)
	}
	c := newCaller(net, "corneracquirer", unionpayCode, wechatCode)
	for round := range 3 {
		stop := make(chan struct{})
		wg := c.load(round, 8, stop)
		time.Sleep(400 * time.Millisecond)
		if err := net.Switch.Stop(); err != nil {
			t.Errorf("the stop was not clean: %v", err)
		}
		close(stop)
		wg.Wait()
		if err := net.StartSwitch("drain_max: 2s\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := net.Members[1].Set("/paper/faults", ""); err != nil {
		t.Fatal(err)
	}
	compareBooks(t, net, c.settle(t, time.Minute))
}
