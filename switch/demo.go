package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tongma/switch/stage"
)

// demoCommand shows the main job: payments crossing between institutions.
type demoCommand struct {
	Keep bool `help:"Leave the network running and say how to talk to it, until an interrupt."`
}

// demoMembers are the institutions of the demonstration: six banks, two wallets, an
// e-CNY operator and an acquirer.
var demoMembers = []string{
	"lanternbank", "harbourbank", "orchardbank", "summitbank", "meadowbank", "cedarbank",
	"kitewallet", "plumwallet", "jadewallet", "corneracquirer",
}

// scene is one payment of the demonstration.
type scene struct {
	title  string
	caller string
	fields map[string]any
	want   string // Status.
	refund []int64
	cancel bool
}

// The codes are published ones, those of freshScenes aside (conformance/vectors/published.json and the forms in which
// UnionPay, e-CNY, WeChat and Alipay codes are seen in public).
var scenes = []scene{
	{title: "in store: a till scans a WeChat payer's code", caller: "corneracquirer", want: "approved",
		fields: map[string]any{"code": "135112298638468293", "amount_fen": 1250, "merchant": map[string]any{"id": "M-0001", "name": "Corner Noodles"}}},
	{title: "in store: a till scans an Alipay payer's code, refunded in two parts", caller: "corneracquirer", want: "approved",
		fields: map[string]any{"code": "289431869362714645", "amount_fen": 9900}, refund: []int64{2500, 7400}},
	{title: "in store: a bank app's UnionPay code at another bank's till", caller: "meadowbank", want: "approved",
		fields: map[string]any{"code": "6229123456789012345", "amount_fen": 50000}},
	{title: "in store: an e-CNY payer's code", caller: "corneracquirer", want: "approved",
		fields: map[string]any{"code": "0112345678901234567", "amount_fen": 880}, refund: []int64{880}},
	{title: "in store: the payer has not enough money", caller: "corneracquirer", want: "declined",
		fields: map[string]any{"code": "6220105000000000001", "amount_fen": 30000}},
	{title: "in store: the till cancels what it has taken", caller: "corneracquirer", want: "approved", cancel: true,
		fields: map[string]any{"code": "280438849930815813", "amount_fen": 4200}},
	{title: "a wallet scans an EMVCo merchant code that carries its amount", caller: "kitewallet", want: "approved",
		fields: map[string]any{"code": emvSample}},
	{title: "a wallet scans a UnionPay merchant link", caller: "plumwallet", want: "approved",
		fields: map[string]any{"code": "https://qr.95516.com/00010000/01116734936470044423094034227630", "amount_fen": 3600}, refund: []int64{600}},
	{title: "a wallet scans another UnionPay link, of another acquirer", caller: "kitewallet", want: "approved",
		fields: map[string]any{"code": "https://qr.95516.com/48020000/42171909246221001152996469", "amount_fen": 7700}},
	{title: "touch: a tag carries an e-CNY merchant's code", caller: "plumwallet", want: "approved",
		fields: map[string]any{"code": "https://qr.pbcdci.cn/005031050000078010721050000078010720001", "amount_fen": 1500, "scene": "touch"}},
	{title: "cash on delivery: the courier shows an order's e-CNY code", caller: "kitewallet", want: "approved",
		fields: map[string]any{"code": "https://qr.pbcdci.cn/004043112022083115224300703035700000004", "amount_fen": 12800, "scene": "cash_on_delivery"}},
	{title: "a wallet pays a merchant from a third bank's card", caller: "kitewallet", want: "approved",
		fields: map[string]any{"code": "https://qr.alipay.com/bax08752cgfkhh5non0u304e", "amount_fen": 26600, "payer": map[string]any{"institution": "lanternbank", "account": "card-token-7"}},
		refund: []int64{6600}},
}

// emvSample is EMVCo's own sample of a merchant presented code (vector M1): 23.72 yuan.
const emvSample = "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233030412340603***0708A60086670902ME91320016A0112233449988770708123456786304A13A"

// Run plays every scene on a network of real processes, compares all books and exits 0
// when they agree.
func (c *demoCommand) Run() error {
	directory, err := os.MkdirTemp("", "tongma-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	net := stage.New(directory, binary)
	net.Stderr = os.Stderr
	d := &demonstration{net: net, clients: map[string]*stage.Client{}, owners: map[string]string{}}
	err = d.play()
	if err == nil && c.Keep {
		d.keep()
	}
	for _, client := range d.clients {
		client.Rest()
	}
	return errors.Join(err, net.Close())
}

// demonstration is one run: the network and what the switch said of each payment.
type demonstration struct {
	net      *stage.Stage
	clients  map[string]*stage.Client
	payments []stage.Payment // As asked for in the end.
	number   int
	admin    string            // Address of the admin API.
	owners   map[string]string // Who asked, by request id, where that is known.
	failed   error             // Of the traffic around the windows.
}

func (d *demonstration) play() error {
	for _, id := range demoMembers {
		if err := d.net.Add(&stage.Member{ID: id}, nil); err != nil {
			return err
		}
	}
	lines, err := d.admit()
	if err != nil {
		return err
	}
	if err := d.net.StartSwitch(lines + demoFees); err != nil {
		return err
	}
	fmt.Printf("switch on http://%s, with %d institutions, each a process of its own\n\n", d.net.Switch.Address, len(demoMembers))
	if err := d.net.Members[0].Set("/paper/balances", `{"6220105000000000001": 29999}`); err != nil {
		return err
	}
	fresh, err := freshScenes()
	if err != nil {
		return err
	}
	for _, s := range append(scenes[:len(scenes):len(scenes)], fresh...) {
		if err := d.playScene(&s); err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
	}
	if err := d.settleWindows(); err != nil {
		return err
	}
	return d.compare()
}

// demoFees are what the side that is paid in commercial money bears: 0.38 %, at least one
// fen, of which the issuer gets nearly half.
const demoFees = "\nfees:\n  rules: [{id: all, rate_ppm: 3800, min_fen: 1, shares: [{institution: issuer, ppm: 450000}]}]\n"

func (d *demonstration) client(id string) *stage.Client {
	if d.clients[id] == nil {
		d.clients[id] = d.net.Client(id)
	}
	return d.clients[id]
}

func (d *demonstration) playScene(s *scene) error {
	client := d.client(s.caller)
	fields := map[string]any{"request_id": d.next()}
	for key, value := range s.fields {
		fields[key] = value
	}
	began := time.Now()
	p, err := client.Pay(fields)
	if err != nil {
		return err
	}
	took := time.Since(began)
	if p.Status != s.want {
		return fmt.Errorf("the switch says %q %s%s, want %s", p.Status, p.Failure.Code, p.Error.Code, s.want)
	}
	fmt.Printf("%-70s %10s yuan  %s -> %s  %s %s(%s)\n", s.title, yuan(p.Amount), s.caller, p.Institution,
		p.Status, reasonOf(&p), took.Round(100*time.Microsecond))
	again, err := client.Pay(fields)
	if err != nil || again.ID != p.ID || again.Status != p.Status {
		return fmt.Errorf("the same request again is %s %s, want %s %s: %w", again.ID, again.Status, p.ID, p.Status, err)
	}
	d.payments = append(d.payments, p)
	return d.turnBack(s, client, &p)
}

func reasonOf(p *stage.Payment) string {
	if p.Failure.Code == "" {
		return ""
	}
	return p.Failure.Code + " "
}

// turnBack plays the refunds and the cancel of a scene.
func (d *demonstration) turnBack(s *scene, client *stage.Client, p *stage.Payment) error {
	for _, amount := range s.refund {
		r, err := client.Call("POST", "/v1/payments/"+p.ID+"/refunds", map[string]any{"request_id": d.next(), "amount_fen": amount})
		if err != nil || r.Status != "approved" {
			return fmt.Errorf("refund is %s %s: %w", r.Status, r.Error.Code, err)
		}
		fmt.Printf("%70s %10s yuan  approved\n", "refund", yuan(amount))
		d.payments = append(d.payments, r)
	}
	if len(s.refund) > 0 {
		r, err := client.Call("POST", "/v1/payments/"+p.ID+"/refunds", map[string]any{"request_id": d.next(), "amount_fen": p.Amount})
		if err != nil || r.Error.Code != "refund_exceeds" {
			return fmt.Errorf("refunding more than the rest is %q, want refund_exceeds: %w", r.Error.Code, err)
		}
	}
	if s.cancel {
		r, err := client.Call("POST", "/v1/payments/"+p.ID+"/cancel", map[string]any{"request_id": d.next()})
		if err != nil || r.Status != "approved" {
			return fmt.Errorf("cancel is %s %s: %w", r.Status, r.Error.Code, err)
		}
		fmt.Printf("%70s %10s yuan  approved\n", "cancel", yuan(p.Amount))
	}
	return nil
}

func (d *demonstration) next() string {
	d.number++
	return fmt.Sprintf("demo-%04d", d.number)
}

func yuan(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

// compare holds what the switch says now against every institution's own book, leg by
// leg and in sums.
func (d *demonstration) compare() error {
	says := map[string]stage.Payment{}
	for _, p := range d.payments {
		now, err := d.client(d.owner(p.RequestID)).Find(p.ID)
		if err != nil {
			return err
		}
		says[p.ID] = now
	}
	fmt.Printf("\n%-16s %8s %14s %14s\n", "book of", "legs", "money in", "money out")
	var differences []string
	touched := map[string]bool{}
	for _, m := range d.net.Members {
		book, err := m.Book()
		if err != nil {
			return err
		}
		in, out := int64(0), int64(0)
		for reference, leg := range book {
			id, _, _ := strings.Cut(reference, "-")
			p, known := says[id]
			touched[id] = true
			if leg.Moved > 1 || !known || (leg.State == "approved") != (p.Status == "approved") || leg.Amount != p.Amount {
				differences = append(differences, fmt.Sprintf("%s: %s is %s, %d fen, moved %d times; the switch says %s, %d fen",
					m.ID, reference, leg.State, leg.Amount, leg.Moved, p.Status, p.Amount))
			}
			if leg.State != "approved" {
				continue
			}
			if leg.Kind == "debit" || leg.Kind == "take_back" {
				out += leg.Amount
			} else {
				in += leg.Amount
			}
		}
		fmt.Printf("%-16s %8d %14s %14s\n", m.ID, len(book), yuan(in), yuan(out))
	}
	for id, p := range says {
		if p.Status == "approved" && !touched[id] {
			differences = append(differences, fmt.Sprintf("%s is approved, but no institution has it in its book", id))
		}
	}
	if len(differences) > 0 {
		return fmt.Errorf("the books do not agree:\n%s", strings.Join(differences, "\n"))
	}
	fmt.Printf("\n%d payments and refunds: switch and institutions agree on every leg and every fen\n", len(says))
	return nil
}

// owner is who asked under a request id.
func (d *demonstration) owner(requestID string) string {
	if id := d.owners[requestID]; id != "" {
		return id
	}
	for id, client := range d.clients {
		if p, err := client.Call("GET", "/v1/payments?request_id="+requestID, nil); err == nil && p.RequestID == requestID {
			return id
		}
	}
	return ""
}

// keep leaves the network running and says how to talk to it.
func (d *demonstration) keep() {
	key := filepath.Join(d.net.Directory, "keys-corneracquirer.key")
	fmt.Printf(`
The network keeps running until an interrupt (Ctrl-C). Talk to it:

  curl http://%[1]s/ready
  curl http://%[1]s/openapi.json

  body='{"request_id":"mine-1","code":"135112298638468293","amount_fen":100}'
  time=$(date +%%s%%3N)
  seal=$(printf 'POST\n/v1/payments\n%%s\n%%s' "$time" "$body" |
    openssl dgst -sm3 -mac HMAC -macopt hexkey:$(cat %[2]s) | sed 's/.*= //')
  curl -H "Tongma-Institution: corneracquirer" -H "Tongma-Key: stage-1" \
    -H "Tongma-Time: $time" -H "Tongma-Signature: $seal" \
    -d "$body" http://%[1]s/v1/payments

  seal=$(printf 'GET\n/v1/payments?request_id=mine-1\n%%s\n' "$time" |
    openssl dgst -sm3 -mac HMAC -macopt hexkey:$(cat %[2]s) | sed 's/.*= //')
  curl -H "Tongma-Institution: corneracquirer" -H "Tongma-Key: stage-1" \
    -H "Tongma-Time: $time" -H "Tongma-Signature: $seal" \
    http://%[1]s/v1/payments?request_id=mine-1                  # how it stands

  curl -d 'silent=500 decline=200' http://%[3]s/paper/faults    # make kitewallet misbehave; -d '' ends it
  curl http://%[3]s/paper/book                                  # and read its book

What an operator does (another shell, the repository's folder). The interrupt removes %[5]s:

  li="--admin http://%[4]s --as %[6]s --key-file %[5]s/%[6]s.key"
  wang="--admin http://%[4]s --as %[7]s --key-file %[5]s/%[7]s.key"
  go run ./switch window list $li
  go run ./switch window close $li                              # one asks,
  go run ./switch window approve $wang                          # another approves
  go run ./switch account list $li
  go run ./switch window statements 3 $li                       # written where it says
  go run ./switch key public %[5]s/%[8]s > %[5]s/public.pem
  go run ./switch statement verify --key %[5]s/public.pem %[5]s/statements/window-000001/kitewallet-detail.csv.gz
  go run ./switch window instructions 1 $li --out %[5]s/bank.csv
  awk -F, '/^H/ {print "H,tongma-confirmation,1," $4 "," $6 "," $7 ",BANK-1"}
    /^I/ {print "C," $2 "," $3 "," $4 "," $5 "," $6 ",BANK-1"} /^T/ {print "T," $2 "," $3 "," $4}' \
    %[5]s/bank.csv > %[5]s/confirmed.csv                        # what the bank would say
  go run ./switch window confirm 1 %[5]s/confirmed.csv $li
  go run ./switch window finalise 1 $wang
  go run ./switch payment open $li                              # what people have to decide
`, d.net.Switch.Address, key, d.net.Members[6].Process.Address, d.admin, d.net.Directory, demoOperator, demoApprover, demoKey)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	<-stop
}
