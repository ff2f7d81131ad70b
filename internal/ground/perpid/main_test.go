package perpid

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// roleVar makes the test binary another process of a test: "child STORE" or "hidden PROC".
const roleVar = "WORKER_WRAP_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		if err := play(role); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		return
	}
	testkit.Main(m)
}

func play(role string) error {
	self, err := Self()
	if err != nil {
		return err
	}
	var what, path string
	if _, err := fmt.Sscan(role, &what, &path); err != nil {
		return err
	}
	if what == "hidden" {
		return playHidden(self, path)
	}
	s, err := Open(path)
	if err != nil {
		return err
	}
	defer s.Close()
	dir, err := s.Create(self, s.dir)
	if err != nil {
		return err
	}
	dir.Close()
	swept, err := s.Sweep(NewJudge(self, false), Sweep{})
	if err != nil || swept.Err != nil {
		return fmt.Errorf("%v, %v", err, swept.Err)
	}
	fmt.Println(self, len(swept.Deleted))
	_, _ = os.Stdin.Read(make([]byte, 1))
	return nil
}

// playHidden judges, with a /proc that hides other users' processes, the verdicts that are asked for.
func playHidden(self Owner, proc string) error {
	j := NewJudge(self, false)
	j.proc = proc
	var other, gone, elsewhere Owner
	other, gone, elsewhere = self, self, self
	other.PID, other.Start = os.Getppid(), 1
	gone.PID, gone.Start = 1<<22+1, 1
	elsewhere.PIDNS++
	mine := self
	mine.Start++
	for _, o := range []Owner{other, gone, elsewhere, mine} {
		fmt.Print(j.Verdict(o, time.Now()), " ")
	}
	fmt.Println()
	return nil
}
