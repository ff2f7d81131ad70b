package audit

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestQuotesAtRandom has pieces of logs in any order: no job overlaps with itself, and where a line has the
// error of issue 4357 the answer is not "no".
func TestQuotesAtRandom(t *testing.T) {
	_, contents := issueLogs(t)
	lines := strings.SplitAfter(strings.Join(contents, "")+records(dispatch(jobA, 100, 0, 60, 100)...)+workerLines(jobA, 0, 60)+
		workerLines(jobB, 30, 90)+"Worker_20260420-114836-utc.log\n\nRunner_20260410-225245-utc.log\n", "\n")
	random := rand.New(rand.NewPCG(4357, 0))
	for range 500 {
		var b strings.Builder
		for range 1 + random.IntN(12) {
			i := random.IntN(len(lines))
			b.WriteString(strings.Join(lines[i:min(len(lines), i+1+random.IntN(15))], ""))
		}
		r, err := Run([]string{logs(t, map[string]string{"x.txt": b.String()}) + "/x.txt"})
		if err != nil {
			continue // no record in it
		}
		for _, i := range r.Incidents {
			if i.A.ID != "" && i.A.ID == i.B.ID || i.A.Start.After(i.B.Start) || i.To.Before(i.From) || i.To.After(i.A.End) || i.To.After(i.B.End) {
				t.Fatalf("%+v\n%s", i, b.String())
			}
		}
		if strings.HasPrefix(r.Verdict, "No") && strings.Contains(b.String(), missing) {
			t.Fatalf("%s\n%s", r.Verdict, b.String())
		}
	}
}
