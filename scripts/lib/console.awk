# Reads the console of a machine of scripts/kernel-matrix: writes a line for each run, the text of
# those that failed, and what the others skipped, to the file out; prints "PASSED FAILED SKIPPED".
#
# scripts/lib/guest-run writes: @@ kernel RELEASE, @@ run NAME USER, @@ exit NAME USER CODE SECONDS, @@ end.

/^@@ kernel / { print "booted: " $3 > out; next }
/^@@ run / {
	text = ""
	p = f = s = kinds = 0
	split("", reasons)
	split("", skips)
	next
}
/^@@ exit / {
	# A run without a failed test can fail all the same: a panic, a leak found at its end.
	if ($5 != 0 && f == 0) f = 1
	if (p + f + s == 0) {
		f = 1
		text = "no test ran\n"
	}
	printf "%s %s as %s: %d passed, %d failed, %d skipped (%d s)\n", (f == 0 ? "ok  " : "FAIL"), $3, $4, p, f, s, $6 > out
	if (f != 0) { if (!verbose) printf "%s", text > out }
	else for (i = 1; i <= kinds; i++) print "\tskipped " kind[i] (skips[kind[i]] > 1 ? " (" skips[kind[i]] " subtests)" : "") > out
	P += p; F += f; S += s
	next
}
/^@@ end/ { ended = 1; next }
{ text = text $0 "\n" }
/^ *--- PASS: / { p++ }
/^ *--- FAIL: / { f++ }
/^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 } # scripts/lib/smoke
# -test.v prints the reason before the line that says SKIP, and those lines of subtests after their test's.
/^=== (RUN|NAME|CONT) / { test = $3 }
/^ +[^ ]+\.go:[0-9]+: / {
	reason = $0
	sub(/^ +[^ ]+: /, "", reason)
	reasons[test] = reason
}
/^ *--- SKIP: / {
	s++
	name = $3
	sub(/\/.*/, "", name)
	name = name ": " reasons[$3]
	if (!skips[name]++) kind[++kinds] = name
}
END {
	if (!ended) {
		F++
		print "FAIL the machine did not come to its end; its console ends:" > out
		if (!verbose) printf "%s", substr(text, length(text) - 8000) > out
	} else if (P == 0) {
		F++
		print "FAIL no test ran" > out
	}
	print P + 0, F + 0, S + 0
}
