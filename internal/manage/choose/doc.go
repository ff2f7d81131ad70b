// Package choose finds the runners, or the logs, that a person means who names them, or names none.
package choose
