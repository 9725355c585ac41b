package journaltest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"tongma/switch/journal"
)

// shutdownWithoutFlush is ext4's request EXT4_IOC_SHUTDOWN with the flag that drops the
// file system's log: everything that was not synced is gone, as in a power cut.
const (
	shutdownWithoutFlush = 0x8004587d
	dropLog              = uint32(2)
)

// testPowerCut cuts the power of a file system of its own under a writing process: every
// block that was acknowledged is there after the mount. It needs root, mkfs.ext4 and a
// loop device; without them the kill is what can be shown.
func testPowerCut(t *testing.T, e Engine) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("a power cut needs root on Linux")
	}
	image, place := filepath.Join(t.TempDir(), "disk"), t.TempDir()
	if err := os.Truncate(touch(t, image), 512<<20); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"mkfs.ext4", "-q", "-F", image}, {"mount", "-o", "loop", image, place},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("this machine cannot %s: %v %s", command[0], err, out)
		}
	}
	mounted := true
	unmount := func() {
		// What is left of the killed writer can keep the file system busy for a moment.
		for deadline := time.Now().Add(10 * time.Second); mounted && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			mounted = exec.Command("umount", place).Run() != nil
		}
	}
	t.Cleanup(unmount)
	directory := filepath.Join(place, "journal")
	acknowledged := killWriterAfter(t, directory, 400*time.Millisecond, func() { cutPower(t, place) })
	unmount()
	if out, err := exec.Command("mount", "-o", "loop", image, place).CombinedOutput(); err != nil {
		t.Fatalf("cannot mount again: %v %s", err, out)
	}
	mounted = true
	s := e.open(t, directory)
	tail, _ := s.Tail()
	t.Logf("%d blocks acknowledged, %d found", acknowledged, tail)
	if tail < acknowledged {
		t.Errorf("the log ends at %d, but %d was acknowledged", tail, acknowledged)
	}
	if err := s.Read(1, func(*journal.Block) error { return nil }); err != nil {
		t.Error(err)
	}
	closeStore(t, s)
}

func touch(t *testing.T, file string) string {
	t.Helper()
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// cutPower drops what the file system at place has not synced, and stops it.
func cutPower(t *testing.T, place string) {
	root, err := os.Open(place)
	if err != nil {
		t.Error(err)
		return
	}
	defer root.Close()
	flag := dropLog
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, root.Fd(), shutdownWithoutFlush, uintptr(unsafe.Pointer(&flag)))
	if errno != 0 {
		t.Errorf("cannot cut the power: %v", errno)
	}
}
