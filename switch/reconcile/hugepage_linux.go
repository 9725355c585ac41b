package reconcile

import "syscall"

// hugePages asks the system to back memory that was not touched yet by pages of 2 MiB.
// First touches and address translation of entries then cost a fraction. It is a hint:
// where it is refused, the memory is as good as before.
func hugePages(memory []byte) { _ = syscall.Madvise(memory, syscall.MADV_HUGEPAGE) }
