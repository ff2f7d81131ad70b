package checks

import "github.com/worker-wrap/worker-wrap/internal/manage/survey"

// figures says of a machine with Prometheus' node_exporter how it is given the figures of all runners, unless it is.
func figures(m survey.Machine) []Result {
	if !m.Exporter || m.FiguresTimer || !m.Systemd {
		return nil
	}
	return []Result{{
		Check: "figures", Level: OK,
		What: "Prometheus' node_exporter is here, and can be given starts, refusals and overlaps of all runners: sudo systemctl enable --now worker-wrap-figures.timer",
	}}
}
