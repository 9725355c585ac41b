package payments

import (
	"errors"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// stepBack puts the threads of this process, and with them those that they will start, behind
// all others (sched(7), SCHED_IDLE). The lowest nice value is not enough: a thread that has the
// core keeps it for its slice, 1.4 ms on two cores, whoever wakes. One scheduler thread is
// enough: more look for work of each other and take turns.
func stepBack() error {
	runtime.GOMAXPROCS(1)
	threads, err := os.ReadDir("/proc/self/task")
	for _, thread := range threads {
		id, fault := strconv.Atoi(thread.Name())
		idle := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}
		err = errors.Join(err, fault, unix.SchedSetAttr(id, idle, 0))
	}
	return err
}
