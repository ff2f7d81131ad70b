# shellcheck shell=bash
# Named, timed sections that all run, whatever the ones before them gave, and their summary.
# scratch is scripts/test's.
: "${scratch:?}"

passed=0
failed=0
skipped=0
failures=()

# section NAME COMMAND…: runs the command with errexit in a subshell and counts the outcome. A command
# that runs tests adds lines "PASSED FAILED SKIPPED" to $counts, and is then counted as so many tests. The time is said
# with what the section's processes used of the processors, in and below user mode.
section() {
	local name=$1 start=$EPOCHREALTIME code=0 took p=0 f=0 s=0 P F S
	shift
	counts=$scratch/counts
	rm -f "$counts"
	echo "=== $name"
	set +e
	(
		set -e
		trap 'times >"$scratch/used"' EXIT # a pipe would ask about itself
		"$@"
	) 2>&1 | tee "$scratch/said-$name"
	code=${PIPESTATUS[0]}
	set -e
	took=$(((${EPOCHREALTIME/./} - ${start/./}) / 100000))
	took="$((took / 10)).$((took % 10)) s; CPU $(tail -n 1 "$scratch/used")"
	if [[ -e $counts ]]; then
		while read -r P F S; do ((p += P, f += F, s += S)) || true; done <"$counts"
	fi
	((passed += p, failed += f, skipped += s)) || true
	if ((code == 0 && f == 0)); then
		((p > 0)) || ((passed += 1))
		echo "--- $name: ok ($took)"
	else
		((f > 0)) || ((failed += 1))
		failures+=("$name")
		echo "--- $name: FAILED ($took)"
	fi
}

# What failed says so once more at the end, as who looks at a long log looks there.
summary() {
	local name
	for name in "${failures[@]}"; do
		echo "=== $name FAILED; the last that it said:"
		tail -n 60 "$scratch/said-$name"
	done
	((${#failures[@]} == 0)) || echo "failed: ${failures[*]}"
	echo "$passed passed, $failed failed, $skipped skipped (${SECONDS} s)"
	((${#failures[@]} == 0))
}
