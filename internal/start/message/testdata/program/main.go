// Command program is what the tests of package message start as a Worker, built with origin's entry point. It ends by a
// panic that nobody can recover, under the circumstances that HOW names.
package main

import (
	"os/exec"
	"runtime"
	"syscall"

	"github.com/worker-wrap/worker-wrap/internal/start/message"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func main() {
	runtime.LockOSThread() // a child ends with the thread that started it
	for _, e := range origin.Environ() {
		switch e {
		case "HOW=left":
			child := exec.Command("/bin/sleep", "1000")
			child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			if err := child.Start(); err != nil {
				panic(err)
			}
			message.Leave(child.Process.Pid)
		case "HOW=traced":
			origin.Traces()
		}
	}
	go panic("a mistake")
	select {}
}
