// Package routing measures the routing table: compiling a million prefix rules, looking
// codes up, and replacing the table while look-ups go on.
//
// It knows the table's exported functions alone. Everything runs in one process and in
// memory: no HTTP, no decoding, no journal is in these figures.
package routing

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"tongma/codec"
	"tongma/routing"
)

// result is the last line that Run prints.
type result struct {
	Rules     int     `json:"rules"`
	CompileS  float64 `json:"compile_s"`
	TableMiB  float64 `json:"table_mib"`
	LookupP50 float64 `json:"lookup_ns_p50"`
	LookupP99 float64 `json:"lookup_ns_p99"`
	MemoryNS  float64 `json:"-"` // One random read, for comparison.
	Allocs    float64 `json:"allocs"`
	ReloadMS  float64 `json:"reload_p999_step_ms"`

	QuietP999MS  float64 `json:"-"`
	ReloadP999MS float64 `json:"-"`
	Lookups      int     `json:"-"` // While reloading.
	Reloads      int     `json:"-"`
	Refused      int     `json:"-"`
	Misrouted    int     `json:"-"`
}

// institutions is how many banks the prefixes are spread over.
const institutions = 200

// Run compiles, looks up and reloads, prints what it measured and how, and ends with
// one line of JSON. Flags: -rules (prefixes in the table), -seconds (of look-ups with
// and without reloads).
func Run(args []string) error {
	flags := flag.NewFlagSet("routing", flag.ContinueOnError)
	rules := flags.Int("rules", 1_000_000, "prefixes in the table")
	seconds := flags.Int("seconds", 5, "seconds of look-ups, once quiet and once with reloads")
	if err := flags.Parse(args); err != nil {
		return err
	}
	network, err := newNetwork(*rules)
	if err != nil {
		return err
	}
	r := result{Rules: *rules}
	table, err := network.compile(&r)
	if err != nil {
		return err
	}
	if err := network.lookUp(table, &r); err != nil {
		return err
	}
	if err := network.reload(table, time.Duration(*seconds)*time.Second, &r); err != nil {
		return err
	}
	if err := r.print(); err != nil {
		return err
	}
	if r.Refused > 0 || r.Misrouted > 0 {
		return fmt.Errorf("bench: %d look-ups were refused and %d misrouted", r.Refused, r.Misrouted)
	}
	return nil
}

func (r *result) print() error {
	fmt.Printf("compile: %d prefixes from CSV, checked, in %.2f s; heap kept %.0f MiB\n",
		r.Rules, r.CompileS, r.TableMiB)
	fmt.Printf("look-up: %.0f ns median, %.0f ns p99 (batches of %d, divided), %.0f allocations\n",
		r.LookupP50, r.LookupP99, batch, r.Allocs)
	fmt.Printf("  for comparison, one random read of %d MiB, each waiting for the one before: %.0f ns median\n",
		memoryMiB, r.MemoryNS)
	fmt.Printf("reload: %d reloads under %d look-ups, %d refused, %d misrouted\n",
		r.Reloads, r.Lookups, r.Refused, r.Misrouted)
	fmt.Printf("  p99.9 of a look-up: %.3f ms quiet, %.3f ms while the table is compiled and swapped\n",
		r.QuietP999MS, r.ReloadP999MS)
	fmt.Println("included: CSV and YAML parsing, the check, institution and agreement of each look-up.")
	fmt.Println("not included: decoding the code, HTTP, journal. One process,",
		runtime.GOMAXPROCS(0), "processors; compiling takes its turn on the same ones.")
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return nil
}

// network is a register, the files of a table and the codes that ask for routes.
type network struct {
	register *routing.Register
	files    fstest.MapFS
	prefixes []string
	targets  []int
}

func newNetwork(rules int) (*network, error) {
	entries := make([]routing.Institution, institutions)
	for i := range entries {
		entries[i] = routing.Institution{ID: bank(i), Name: bank(i), Line: i + 1,
			Licence: routing.Licence{Number: fmt.Sprint("B", i), Kind: "bank"}}
	}
	register, err := routing.NewRegister(entries)
	if err != nil {
		return nil, err
	}
	n := &network{register: register}
	csv := []byte("prefix,length,institution\n")
	random := rand.New(rand.NewPCG(1, 2))
	seen := make(map[string]bool, rules)
	for len(n.prefixes) < rules {
		digits := 7 + random.IntN(5)
		prefix := fmt.Sprintf("62%0*d", digits-2, random.IntN(pow10(digits-2)))
		if seen[prefix] {
			continue
		}
		seen[prefix] = true
		target := random.IntN(institutions)
		n.prefixes, n.targets = append(n.prefixes, prefix), append(n.targets, target)
		csv = fmt.Appendf(csv, "%s,19,%s\n", prefix, bank(target))
	}
	table := "version: bench\nlists: [{id: bins, file: bins.csv, match: {standard: paycode}}]\n" +
		"rules: [{id: rest, match: {prefix: \"62\"}, targets: [{institution: bank000}]}]\n" +
		"agreements: [{id: all, caller: \"*\", institution: \"*\", limit_fen: 5000000}]\n"
	n.files = fstest.MapFS{
		"table.yaml": {Data: []byte(table)}, "bins.csv": {Data: csv},
	}
	return n, nil
}

func bank(i int) string { return fmt.Sprintf("bank%03d", i) }

func pow10(n int) int {
	power := 1
	for range n {
		power *= 10
	}
	return power
}

func (n *network) table() (*routing.Table, error) {
	table, findings, err := routing.LoadFS(n.files, "table.yaml", n.register)
	if err != nil {
		return nil, err
	}
	if table.Faulty() {
		return nil, fmt.Errorf("bench: table has %d findings, first %v", len(findings), findings[0])
	}
	return table, nil
}

// compile measures one compilation from the files' bytes, and the heap that the table
// keeps once everything else is collected.
func (n *network) compile(r *result) (*routing.Table, error) {
	before := heap()
	start := time.Now()
	table, err := n.table()
	r.CompileS = time.Since(start).Seconds()
	if err != nil {
		return nil, err
	}
	r.TableMiB = float64(heap()-before) / (1 << 20)
	runtime.KeepAlive(table)
	return table, nil
}

func heap() int64 {
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// ask fills a query with a random code of the table and gives the bank it belongs to.
func (n *network) ask(random *rand.Rand, q *routing.Query) {
	prefix := n.prefixes[random.IntN(len(n.prefixes))]
	q.Text = prefix + "0000000000000000000"[:textBytes-len(prefix)]
}

func newQuery() routing.Query {
	return routing.Query{
		Code: &codec.Code{Standard: codec.PayCode, Mode: codec.CustomerPresented,
			Scheme: "unionpay"},
		Caller: bank(1), AmountFen: 100, Currency: "156", At: time.Now(), Payment: "P1",
	}
}

// reloadsMin is how many reloads have to happen before the figure means something.
const reloadsMin = 2

// batch is how many look-ups one reading of the clock covers: the clock alone takes a
// good part of what one look-up does.
const batch = 32

// textBytes is the length of every code asked for.
const textBytes = 19

func (n *network) lookUp(table *routing.Table, r *result) error {
	const codes, samples = 1 << 16, 40_000
	random := rand.New(rand.NewPCG(3, 4))
	q := newQuery() // One request at a time, as it comes from the decoder: in cache.
	texts := make([]byte, 0, codes*textBytes)
	for range codes {
		n.ask(random, &q)
		texts = append(texts, q.Text...)
	}
	whole := string(texts)
	var d routing.Decision
	times := make([]time.Duration, samples)
	for i := range times {
		first := random.IntN(codes - batch)
		start := time.Now()
		for j := first; j < first+batch; j++ {
			q.Text = whole[j*textBytes : (j+1)*textBytes]
			if err := table.Route(&q, &d); err != nil {
				return fmt.Errorf("bench: cannot route: %w", err)
			}
		}
		times[i] = time.Since(start) / batch
	}
	r.MemoryNS = memory(times)
	slices.Sort(times)
	r.LookupP50 = float64(times[samples/2])
	r.LookupP99 = float64(times[samples*99/100])
	r.Allocs = testing.AllocsPerRun(1000, func() { _ = table.Route(&q, &d) })
	return nil
}

// memoryMiB is about what look-ups in a million prefixes touch.
const memoryMiB = 8

// memory measures random reads in the batches of the look-ups: the floor on which a long
// list stands, which neighbours on the same machine lift.
func memory(like []time.Duration) float64 {
	list := make([]uint32, memoryMiB<<18)
	random := rand.New(rand.NewPCG(7, 8))
	for i := range list {
		list[i] = random.Uint32()
	}
	times := make([]time.Duration, len(like))
	state, last := uint64(1), uint32(0)
	for i := range times {
		start := time.Now()
		for range batch {
			state = state*6364136223846793005 + 1442695040888963407
			last = list[(uint32(state>>33)+last&15)%uint32(len(list))]
		}
		times[i] = time.Since(start) / batch
	}
	runtime.KeepAlive(last)
	slices.Sort(times)
	return float64(times[len(times)/2])
}

// reload looks codes up through a switchboard for a while, first undisturbed, then with
// the table compiled and put in use over and over. Each look-up is timed by itself and
// its answer held against the prefixes.
func (n *network) reload(table *routing.Table, lasting time.Duration, r *result) error {
	var board routing.Switchboard
	if err := board.Activate(table); err != nil {
		return err
	}
	quiet, err := n.load(&board, lasting, func() bool { return false }, r)
	if err != nil {
		return err
	}
	r.Lookups = 0
	var reloads atomic.Int64
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			next, err := n.table()
			if err == nil {
				err = board.Activate(next)
			}
			select {
			case <-stop:
				done <- err
				return
			default:
			}
			if err != nil {
				reloads.Store(reloadsMin) // Let the client end.
				<-stop
				done <- err
				return
			}
			reloads.Add(1)
		}
	}()
	busy, err := n.load(&board, lasting, func() bool { return reloads.Load() < reloadsMin }, r)
	close(stop)
	if failed := <-done; failed != nil {
		return failed
	}
	r.Reloads = int(reloads.Load())
	r.QuietP999MS, r.ReloadP999MS = quiet, busy
	r.ReloadMS = max(busy-quiet, 0)
	return err
}

// load asks from as many goroutines as there are processors, each in a closed loop: the
// table is compiled beside them on the same ones. It gives the p99.9 in milliseconds and
// goes on beyond lasting while wait says so.
func (n *network) load(
	board *routing.Switchboard, lasting time.Duration, wait func() bool, r *result,
) (float64, error) {
	owner := make(map[string]int, len(n.prefixes))
	for i, prefix := range n.prefixes {
		owner[prefix] = n.targets[i]
	}
	clients := make([]client, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	end := time.Now().Add(lasting)
	for i := range clients {
		wg.Go(func() { clients[i].run(n, board, owner, uint64(i), end, wait) })
	}
	wg.Wait()
	var times []time.Duration
	for i := range clients {
		times = append(times, clients[i].times...)
		r.Refused += clients[i].refused
		r.Misrouted += clients[i].misrouted
	}
	if len(times) == 0 {
		return 0, fmt.Errorf("bench: no look-up in %v", lasting)
	}
	r.Lookups += len(times)
	slices.Sort(times)
	return float64(times[len(times)*999/1000]) / 1e6, nil
}

// client is what one goroutine met.
type client struct {
	times              []time.Duration
	refused, misrouted int
}

func (c *client) run(
	n *network, board *routing.Switchboard, owner map[string]int, seed uint64, end time.Time, wait func() bool,
) {
	random := rand.New(rand.NewPCG(5, seed))
	var d routing.Decision
	q := newQuery()
	c.times = make([]time.Duration, 0, 2<<20)
	for time.Now().Before(end) || wait() {
		n.ask(random, &q)
		start := time.Now()
		err := board.Route(&q, &d)
		c.times = append(c.times, time.Since(start))
		switch {
		case err != nil:
			c.refused++
		case d.Institution != bank(n.longest(owner, q.Text)):
			c.misrouted++
		}
	}
}

// longest finds the bank of the longest prefix of text without the table's help.
func (n *network) longest(owner map[string]int, text string) int {
	for length := 11; length > 2; length-- {
		if target, found := owner[text[:length]]; found {
			return target
		}
	}
	return 0
}
