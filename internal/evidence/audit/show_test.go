package audit_test

import (
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/show"
)

func init() {
	audit.Writers.Text, audit.Writers.JSON, audit.Writers.HTML = show.Text, show.JSON, show.HTML
}
