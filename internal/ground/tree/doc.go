// Package tree has a start and a sweep make one folder like another, and delete and measure whole trees. It never
// leaves their mount or follows a link: their contents are a job's.
package tree
