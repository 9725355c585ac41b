package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"tongma/institutions/paper"
	"tongma/institutions/seal"
)

// institutionCommand runs an institution made of memory, for demonstrations and tests.
type institutionCommand struct {
	Listen string   `help:"Address to listen on; port 0 takes a free one." default:"127.0.0.1:0"`
	ID     string   `help:"Its id, as in the register." required:""`
	Keys   string   `help:"Key file of its own, YAML: the keys that it shares with whoever may call it, by the caller's id: for a switch its institution setting, with the key id and secret of this institution in the switch's key file." required:"" type:"path"`
	Fault  []string `help:"Fault to switch on: name=share[:delay[:kinds]], share of a thousand; names: ${faults}."`
}

// Run serves until SIGTERM or an interrupt.
func (c *institutionCommand) Run() error {
	ring, err := seal.LoadRing(c.Keys)
	if err != nil {
		return err
	}
	server := paper.NewServer(c.ID, ring)
	var once sync.Once
	server.Refused = func(caller, key string) {
		once.Do(func() {
			fmt.Fprintf(os.Stderr, "a request of %.64q with its key %.32q was refused: no key of that institution and id in %s, or another secret (told once)\n",
				caller, key, c.Keys)
		})
	}
	var list []paper.Fault
	for _, text := range c.Fault {
		fault, err := paper.ParseFault(text)
		if err != nil {
			return err
		}
		list = append(list, fault)
	}
	server.SetFaults(list)
	tuneMemory()
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-stop
		_ = server.Shutdown()
	}()
	fmt.Printf("listening http://%s\n", listener.Addr())
	return server.Serve(listener)
}

func faultNames() string { return strings.Join(paper.FaultNames, " ") }
