package front

import (
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) {
	partsMain()
	testkit.Main(m)
}
