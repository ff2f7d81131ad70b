# shellcheck shell=bash
# Named, timed sections that all run, whatever the ones before them gave, and their summary.
# scratch is scripts/test's.
: "${scratch:?}"

passed=0
failed=0
skipped=0
failures=()

# section NAME COMMAND…: runs the command with errexit in a subshell and counts the outcome. A command
# that runs tests writes "PASSED FAILED SKIPPED" to $counts, and is then counted as so many tests.
section() {
	local name=$1 start=$EPOCHREALTIME code=0 took p=0 f=0 s=0
	shift
	counts=$scratch/counts
	rm -f "$counts"
	echo "=== $name"
	set +e
	(
		set -e
		"$@"
	)
	code=$?
	set -e
	took=$(((${EPOCHREALTIME/./} - ${start/./}) / 100000))
	[[ ! -e $counts ]] || read -r p f s <"$counts"
	((passed += p, failed += f, skipped += s)) || true
	if ((code == 0 && f == 0)); then
		((p > 0)) || ((passed += 1))
		echo "--- $name: ok ($((took / 10)).$((took % 10)) s)"
	else
		((f > 0)) || ((failed += 1))
		failures+=("$name")
		echo "--- $name: FAILED ($((took / 10)).$((took % 10)) s)"
	fi
}

summary() {
	((${#failures[@]} == 0)) || echo "failed: ${failures[*]}"
	echo "$passed passed, $failed failed, $skipped skipped (${SECONDS} s)"
	((${#failures[@]} == 0))
}
