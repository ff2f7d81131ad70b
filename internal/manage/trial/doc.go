// Package trial finds out by a real start whether worker-wrap can isolate a runner's Workers here.
//
// [Worker] starts a Worker in a scratch runner and looks at it from outside: what doctor does.
// [Places] starts a command in the runner's own folders, before an install changes anything there.
package trial
