package worker

import "testing"

func TestPairs(t *testing.T) {
	got, err := parsePairs("a=b=c\r\n\nd<<E\n1\n2\nE\ne<<F\nF\nf==<<\n")
	want := [][2]string{{"a", "b=c"}, {"d", "1\n2"}, {"e", ""}, {"f", "=<<"}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%q, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
	for _, bad := range []string{"x", "a<<E\nb", "<<E\nE", "a<<\n"} {
		if got, err := parsePairs(bad); err == nil {
			t.Errorf("%q gave %q", bad, got)
		}
	}
}
