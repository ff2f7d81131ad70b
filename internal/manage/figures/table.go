package figures

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// metric is one of the file's.
type metric struct{ name, kind, help string }

// The metrics. A label is added only if its values are few.
var (
	starts     = &metric{"worker_wrap_starts_total", "counter", "Workers that were started, by the _temp that they got."}
	refusals   = &metric{"worker_wrap_refusals_total", "counter", "Jobs that were not started, by the reason."}
	harmless   = &metric{"worker_wrap_overlaps_harmless_total", "counter", "Starts that got a _temp of their own while another Worker of the runner lived."}
	unisolated = &metric{"worker_wrap_unisolated_total", "counter", "Starts that ran in the plain _temp since they could not be isolated."}
	waited     = &metric{"worker_wrap_wait_seconds_total", "counter", "Seconds that starts have waited for other Workers."}
	ended      = &metric{"worker_wrap_left_processes_ended_total", "counter", "Processes that jobs left running, and their keepers ended (WORKER_WRAP_LEFTOVERS=end)."}
	counted    = &metric{"worker_wrap_counted_timestamp_seconds", "gauge", "Until when the totals count the runner's event log."}
	protected  = &metric{"worker_wrap_protected", "gauge", "Whether the runner is protected, as far as can be told without trying."}
	alive      = &metric{"worker_wrap_workers", "gauge", "Workers that are alive, by the _temp that they use."}
	folders    = &metric{"worker_wrap_left_folders", "gauge", "Folders of dead Workers."}
	size       = &metric{"worker_wrap_left_bytes", "gauge", "Bytes on disk in folders of dead Workers."}
	processes  = &metric{"worker_wrap_left_processes", "gauge", "Processes that jobs of dead Workers left running, by whether gc --kill ends them."}
	when       = &metric{"worker_wrap_status_timestamp_seconds", "gauge", "When this file was written."}

	metrics = []*metric{starts, refusals, harmless, unisolated, waited, ended, counted, protected, alive, folders, size, processes, when}
)

// table has the values, by name and labels as the file has them.
type table struct{ values map[string]float64 }

func newTable() *table { return &table{map[string]float64{}} }

// add adds to the value of a metric with these labels, name and value by turns.
func (t *table) add(m *metric, n float64, labels ...string) { t.values[key(m, labels...)] += n }

func key(m *metric, labels ...string) string {
	var b strings.Builder
	b.WriteString(m.name)
	for i := 0; i < len(labels); i += 2 {
		b.WriteByte("{,"[min(i, 1)])
		// What the text format knows of escapes; that takes UTF-8, which a path need not be.
		value := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD"))
		fmt.Fprintf(&b, `%s="%s"`, labels[i], value)
	}
	if len(labels) > 0 {
		b.WriteByte('}')
	}
	return b.String()
}

// text is the file.
func (t *table) text() string {
	var b strings.Builder
	b.WriteString(firstLine)
	for _, m := range metrics {
		var keys []string
		for k := range t.values {
			if k == m.name || strings.HasPrefix(k, m.name+"{") {
				keys = append(keys, k)
			}
		}
		if len(keys) == 0 {
			continue
		}
		slices.Sort(keys)
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
		for _, k := range keys {
			fmt.Fprintf(&b, "%s %s\n", k, strconv.FormatFloat(t.values[k], 'f', -1, 64))
		}
	}
	return b.String()
}

// firstLine tells a file of this package from another.
const firstLine = "# written by worker-wrap status --prometheus, which adds to the totals here\n"

// parse reads a file that text has written.
func parse(data []byte) *table {
	t := newTable()
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		i := strings.LastIndexByte(line, ' ')
		if i <= 0 || line[0] == '#' {
			continue
		}
		if n, err := strconv.ParseFloat(line[i+1:], 64); err == nil && n >= 0 {
			t.values[line[:i]] = n
		}
	}
	return t
}

// carry takes one runner's totals over from the file before. It returns until when they count.
func (t *table) carry(before *table, runner string) (until float64) {
	until, ok := before.values[key(counted, "runner", runner)]
	if !ok {
		return 0
	}
	label := key(&metric{}, "runner", runner)
	label = strings.Trim(label, "{}")
	for k, n := range before.values {
		for _, m := range metrics {
			rest, is := strings.CutPrefix(k, m.name+"{"+label)
			if is && m.kind == "counter" && (rest == "}" || strings.HasPrefix(rest, ",")) {
				t.values[k] += n
			}
		}
	}
	return until
}
