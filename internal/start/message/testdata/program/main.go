// Command program is what the tests of package message start as a Worker, built with origin's entry point. It ends by a
// panic that nobody can recover, under the circumstances that HOW names.
package main

import (
	"github.com/worker-wrap/worker-wrap/internal/start/message"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func main() {
	for _, e := range origin.Environ() {
		switch e {
		case "HOW=left":
			message.Leave()
		case "HOW=traced":
			origin.Traces()
		}
	}
	go panic("a mistake")
	select {}
}
