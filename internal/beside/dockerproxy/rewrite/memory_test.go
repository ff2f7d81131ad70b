package rewrite_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
)

// TestRemembered: what is kept of a container is what has to be put back, and not the request that it stood in.
func TestRemembered(t *testing.T) {
	tr := newTranslator()
	create := func(from, to int, binds string) {
		for i := from; i < to; i++ {
			body := expand(`{"Env":["` + strings.Repeat("x", 20<<10) + `"],"HostConfig":{"Binds":[` + binds + `]}}`)
			_, created, err := tr.ContainerCreate([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			created(201, fmt.Appendf(nil, `{"Id":"c%d","Warnings":[]}`, i))
		}
	}
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const many = 500
	before := held()
	create(0, many, `"{T}/a:/a","{W}:/w","/etc:/etc:ro"`)
	if grown := held() - min(before, held()); grown > many*600 {
		t.Errorf("%d containers hold %d bytes", many, grown)
	}
	before = held()
	create(many, 2*many, `"/etc:/etc:ro"`)
	if grown := held() - min(before, held()); grown > many*100 {
		t.Errorf("%d containers in which nothing was changed hold %d bytes", many, grown)
	}
	create(2*many, 2*many+1, `"{W}/./_temp/a:/a"`) // another spelling of the same place
	if got := string(rewrite.Containers(tr, []byte(expand(`{"Id":"c0","HostConfig":{"Binds":["{P}/a:/a","{W}:/w","{P}:/w/_temp","/etc:/etc:ro"]}}`)))); got != expand(`{"Id":"c0","HostConfig":{"Binds":["{T}/a:/a","{W}:/w","/etc:/etc:ro"]}}`) {
		t.Errorf("shown as %s", got)
	}
}
