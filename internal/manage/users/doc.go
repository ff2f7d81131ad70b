// Package users has a person's command look up this machine's users, and what the modes of files let one of them do.
package users
