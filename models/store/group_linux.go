package store

import "syscall"

// ownGroup puts a child into its own process group and ends it when this
// process dies, however that happens.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
