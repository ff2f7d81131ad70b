package shim

// Taking is what StartWorker does around a start.
var Taking = taking
