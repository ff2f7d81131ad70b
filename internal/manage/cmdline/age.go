package cmdline

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseAge reads a duration of time.ParseDuration, or a number of days.
func ParseAge(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	if number, ok := strings.CutSuffix(s, "d"); ok && strings.Trim(number, "0123456789.") == "" {
		days, err := strconv.ParseFloat(number, 64)
		if long := days * float64(24*time.Hour); err == nil && long < math.MaxInt64 {
			return time.Duration(long), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("--older-than %q: not a duration of up to 292 years; write it like 30m, 12h or 7d", s)
	}
	return d, nil
}
