package rewrite_test

import "testing"

func BenchmarkContainerCreate(b *testing.B) {
	body := []byte(expand(`{"Image":"i","Cmd":["true"],"Env":["CI=true","HOME=/github/home"],"Labels":{"bench":"1"},"HostConfig":{"NetworkMode":"none","Binds":["{W}:/__w","{T}:/__w/_temp","{W}/_actions:/__w/_actions","{W}/_tool:/__w/_tool","{T}/_github_home:/github/home","{T}/_github_workflow:/github/workflow"],"Memory":0,"LogConfig":{"Type":"none","Config":{}}}}`))
	tr := newTranslator()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := tr.ContainerCreate(body); err != nil {
			b.Fatal(err)
		}
	}
}
