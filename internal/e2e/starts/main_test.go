package starts_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	standinworker "github.com/worker-wrap/worker-wrap/internal/evidence/standin/worker"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == standin.ScriptCommand {
		os.Exit(standinworker.Main(os.Args[2:]))
	}
	if how := os.Getenv(workerVar); how != "" {
		fmt.Fprintln(os.Stderr, worker(how))
		os.Exit(125)
	}
	if os.Getenv(manyMountsVar) != "" {
		if err := manyMounts(os.Args[1], os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(fullNamespaceVar) != "" {
		if err := fullNamespace(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	testkit.Main(m)
}
