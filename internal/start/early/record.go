package early

import (
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Recorded returns the process that the record in diag, a runner's _diag, names as the one in the plain _temp. ok is
// false if it names none. Of which boot it is the record does not say: self's is taken, as the PID namespace is of a boot.
func Recorded(diag string, self perpid.Owner) (o perpid.Owner, ok bool) {
	data, err := untrusted.Head(filepath.Join(diag, RecordName), recordSize)
	var noted owner
	if err != nil || !noted.parse(data) || noted.pid == 0 || noted.pid > 1<<22 {
		return perpid.Owner{}, false
	}
	return perpid.Owner{PID: int(noted.pid), Start: noted.start, PIDNS: noted.pidNS, Boot: self.Boot}, true
}
