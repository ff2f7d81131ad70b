package workers

import (
	"fmt"
	"strconv"

	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
)

// Print writes a line for each Worker.
func Print(s screen.Screen, list []Worker) error {
	columns := []screen.Column{
		{Head: "PID"},
		{Head: "RUNNER", Cut: screen.Beginning},
		{Head: "MODE"},
		{Head: "SINCE"},
		{Head: "NAMESPACE", Wide: true},
		{Head: "SIZE"},
		{Head: "PROXY", Wide: true},
		{Head: "STEP", Cut: screen.End},
		{Head: "PER-PID FOLDER", Wide: true},
	}
	var rows [][]screen.Cell
	for _, r := range list {
		from, proxy, step, size, folder, namespace := r.Runner, "-", r.Step, "-", "-", "?"
		if from == "" {
			from = r.Command
		}
		if r.Proxy {
			proxy = "yes"
		}
		if step == "" {
			step = "-"
		}
		if r.Temp != "" {
			size, folder = screen.Size(r.Bytes), r.Temp
		}
		if r.Partial {
			size = ">" + size
		}
		if r.Namespace != 0 {
			namespace = fmt.Sprintf("mnt:[%d]", r.Namespace)
		}
		mode := screen.Cell{Text: string(r.Mode)}
		if r.Mode == Alone && r.Apart {
			mode.Text += ", own namespace"
		}
		if r.Mode == Plain {
			mode.Colour = screen.Yellow
		}
		rows = append(rows, []screen.Cell{
			{Text: strconv.Itoa(r.PID)},
			{Text: from},
			mode,
			{Text: s.Time(r.Since)},
			{Text: namespace},
			{Text: size},
			{Text: proxy},
			{Text: step},
			{Text: folder},
		})
	}
	return s.Table(columns, rows)
}
