# Reads the console of a machine of scripts/kernel-matrix: writes a line for each run, and the text of
# those that failed, to the file out; prints "PASSED FAILED SKIPPED".
#
# scripts/lib/guest-run writes: @@ kernel RELEASE, @@ run NAME USER, @@ exit NAME USER CODE SECONDS, @@ end.

/^@@ kernel / { print "booted: " $3 > out; next }
/^@@ run / { text = ""; p = f = s = 0; why = ""; next }
/^@@ exit / {
	# A run without a failed test can fail all the same: a panic, a leak found at its end.
	if ($5 != 0 && f == 0) f = 1
	if (p + f + s == 0) {
		f = 1
		text = "no test ran\n"
	}
	printf "%s %s as %s: %d passed, %d failed, %d skipped (%d s)\n", (f == 0 ? "ok  " : "FAIL"), $3, $4, p, f, s, $6 > out
	if (f != 0) { if (!verbose) printf "%s", text > out }
	else printf "%s", why > out
	P += p; F += f; S += s
	next
}
/^@@ end/ { ended = 1; next }
{ text = text $0 "\n" }
/^ *--- PASS: / { p++ }
/^ *--- FAIL: / { f++ }
/^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 } # scripts/lib/smoke
/^ *--- SKIP: / { s++; sub(/^ */, ""); why = why "\t" $0 ": " reason "\n" }
{ reason = $0; sub(/^ *[^ ]*\.go:[0-9]+: /, "", reason) } # -test.v prints it before the line that says SKIP
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
