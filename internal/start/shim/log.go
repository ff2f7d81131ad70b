package shim

import (
	"os"

	"github.com/sirupsen/logrus"

	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// log reports steps on stderr where WORKER_WRAP_LOG asks for it. Otherwise it is nil, and no logger is
// made: the start of every job would pay for it.
type log struct{ l *logrus.Logger }

func newLog(s Settings) *log {
	if !s.Debug {
		return nil
	}
	origin.Traces()
	l := logrus.New()
	l.SetOutput(os.Stderr)
	l.SetLevel(logrus.DebugLevel)
	l.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, DisableColors: true})
	return &log{l}
}

func (l *log) debugf(format string, args ...any) {
	if l != nil {
		l.l.Debugf(format, args...)
	}
}
