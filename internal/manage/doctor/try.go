package doctor

import (
	"fmt"

	"github.com/worker-wrap/worker-wrap/internal/manage/trial"
)

// Trial is a real start of a Worker in a scratch runner.
type Trial = trial.Worker

// Try starts a Worker in a scratch runner and says what came of it.
func Try(t Trial) Result {
	res := Result{Check: "trial", Level: Fail, Why: "no job is protected as long as this fails", Mend: "mend what is marked above; if nothing is, run it by hand with WORKER_WRAP_LOG=debug"}
	if !trial.Possible(t.UID) {
		res.Level, res.What = Warn, "not tried: only root can start a process as "+t.User
		res.Why, res.Mend = "whether a Worker can be isolated is known only from trying", "sudo worker-wrap doctor"
		return res
	}
	if err := t.Try(); err != nil {
		res.What = fmt.Sprintf("a Worker of %s could not be isolated: %v", t.User, err)
		return res
	}
	return Result{Check: "trial", Level: OK, What: fmt.Sprintf("a process of %s was started through %s: its _temp was its own, and not to be seen from outside", t.User, t.Binary)}
}
