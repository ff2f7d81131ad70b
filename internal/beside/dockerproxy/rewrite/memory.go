package rewrite

// remembered bounds each memory: a job that makes more containers than this sees the oldest ones with
// the host's paths.
const remembered = 4096

// memory is a map that forgets its oldest entries.
type memory[V any] struct {
	entries map[string]V
	order   []string
}

func (m *memory[V]) put(key string, value V) {
	if m.entries == nil {
		m.entries = map[string]V{}
	}
	if _, ok := m.entries[key]; !ok {
		if len(m.order) == remembered {
			delete(m.entries, m.order[0])
			m.order = m.order[1:]
		}
		m.order = append(m.order, key)
	}
	m.entries[key] = value
}

func (m *memory[V]) get(key string) (V, bool) {
	v, ok := m.entries[key]
	return v, ok
}
