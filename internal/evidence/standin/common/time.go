package common

import (
	"fmt"
	"io/fs"
	"os"
	"time"
)

// ScaleVar tells a Worker how fast its Listener's time passes.
const ScaleVar = "STANDIN_SCALE"

// Scaled is how long a time of the runner lasts here.
func Scaled(d time.Duration, scale float64) time.Duration {
	if scale <= 0 {
		scale = 1
	}
	return time.Duration(float64(d) * scale)
}

// Elapsed writes a duration as .NET's TimeSpan does.
func Elapsed(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d:%02d.%07d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, d%time.Second/100)
}

// GUID makes a version 4 UUID.
func GUID() (string, error) {
	const path = "/proc/sys/kernel/random/uuid"
	data, err := os.ReadFile(path)
	if err == nil && len(data) < 36 {
		err = &fs.PathError{Op: "read", Path: path, Err: fs.ErrInvalid}
	}
	if err != nil {
		return "", err
	}
	return string(data[:36]), nil
}
