// Package input turns what an audit is given into records: it opens files and pipes, undoes their compression, and cuts
// them into lines. It takes off what a container's or a journal's reader put before each line, and takes a record's
// first line apart. What a record means is package logs' concern.
//
// Logs are untrusted: a job can write much of what stands in them. Every text that is kept goes through [Text].
package input
