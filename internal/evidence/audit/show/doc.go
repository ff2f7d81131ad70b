// Package show prints an audit's report: as text for a terminal, as JSON, and as a page of HTML that needs nothing else.
package show
