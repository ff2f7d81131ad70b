# shellcheck shell=bash
# The sections that run tests. scratch and counts are scripts/test's.
: "${scratch:?}"

install_packages() {
	# What the scripts use; then what the tests ask for by testkit.RequireTool(t, "command", "package").
	local list=(git git gcc gcc shellcheck shellcheck file file unshare util-linux)
	if wants unit || wants race || wants load || wants modules; then
		list+=(dockerd docker.io useradd passwd setcap libcap2-bin systemd-analyze systemd)
		while read -r tool package; do list+=("$tool" "$package"); done < <(
			grep -rhoE --include='*.go' 'RequireTool\([a-z]+, "[^"]+", "[^"]+"' cmd internal mounts nsenter scripts |
				sed -E 's/.*"([^"]+)", "([^"]+)"/\1 \2/' | sort -u
		)
	fi
	if wants arm; then list+=(qemu-aarch64-static qemu-user-static); fi
	if wants kernels; then list+=(qemu-system-x86_64 qemu-system-x86 cpio cpio dpkg-deb dpkg busybox busybox-static); fi
	need "${list[@]}"
	if wants race; then need_files /usr/include/stdlib.h libc6-dev; fi
	echo "all there"
}

build_shim() {
	scripts/build -o "$scratch/worker-wrap"
	chmod 755 "$scratch/worker-wrap"
	ls -l "$scratch/worker-wrap"
}

# gotest NAME ARGS… runs go test with these arguments and counts the results. The program that the tests
# start is $binary. Part lint has vet look at everything.
binary=$scratch/worker-wrap
gotest() {
	local json=$scratch/$1.json code=0
	shift
	rm -f "$json"
	[[ ! -x $binary ]] || export WORKER_WRAP_TEST_BINARY=$binary
	gotestsum --format pkgname-and-test-fails --hide-summary=skipped --jsonfile "$json" -- -count=1 -timeout 30m -vet=off -ldflags=-w "$@" || code=$?
	count_tests "$json"
	return "$code"
}

# count_tests adds what a file of go test -json says to the section's count.
count_tests() {
	local p f s
	if [[ ${WORKER_WRAP_TEST_STRICT-} != "" ]] && grep -q '"Action":"skip".*"Test":' "$1"; then
		echo "skipped, though WORKER_WRAP_TEST_STRICT is set:"
		sed -nE 's/.*"Action":"skip","Package":"([^"]+)","Test":"([^"]+)".*/\t\1 \2/p' "$1"
	fi
	p=$(grep -c '"Action":"pass".*"Test":' "$1" || true)
	f=$(grep -c '"Action":"fail".*"Test":' "$1" || true)
	s=$(grep -c '"Action":"skip".*"Test":' "$1" || true)
	echo "$p $f $s" >>"${counts:?}"
}

# As root each package's tests run in a mount namespace of their own, in which / is shared as systemd
# has it: they can't disturb each other, and nothing that they leave mounted outlives them.
own_mounts=()
((EUID != 0)) || own_mounts=("-exec=$PWD/scripts/lib/own-mounts")

# What a load leaves must be nothing, however great it was: these run alone. WORKER_WRAP_TEST_FULL_LOAD=1 has them take
# their full numbers.
load_tests='^(TestOverlaps|TestManyAliveAtOnce|TestManyStartsInARow|TestStartsAmongManyMounts|TestLeftoversBesideAStart)$'

# Half of the time is that of tests which start the program, and often wait: four processes share them, but for one that
# counts a user's processes, and begin with the first of the other packages.
starts=./internal/e2e/starts
apart='^Test(AttackBy|EachCall)'
alone='^TestFewProcessesOfAUser$'

# concurrent prints the packages that the race detector is for: those with goroutines, or whose tests have some. Left out
# are those whose tests start processes, whose own threads it does not see, and what it would make read less.
concurrent() {
	grep -lrE --include='*.go' '^\s*go |\.Go\(|AfterFunc|Parallel\(|httptest|http\.Serve|atonce\.' internal mounts nsenter |
		xargs -n1 dirname | sort -u | sed 's|^|./|' |
		grep -vE '^./internal/(e2e.*|beside/dockerproxy/e2e|evidence/audit/logs|start/early|manage/(entry|install))$'
}

# others prints all packages but those and the one of the starts.
others() { go list ./... | grep -vxFf <(concurrent | xargs go list) | grep -vxF "$(go list "$starts")"; }

# beside NAME COMMAND… runs a command beside what follows, until rejoin, which shows what the commands said and fails if one
# did.
jobs=()
logs=()
beside() {
	"${@:2}" >"$scratch/$1.log" 2>&1 &
	jobs+=("$!")
	logs+=("$scratch/$1.log")
}
rejoin() {
	local code=0 job
	for job in "${jobs[@]}"; do wait "$job" || code=$?; done
	((${#logs[@]} == 0)) || cat "${logs[@]}"
	jobs=() logs=()
	return "$code"
}

# test_unit runs the tests under the race detector where part race is asked for too: the same run shows both. Tests that
# start programs do without, as the detector would look at the tests alone: race_starts has those for it.
test_unit() {
	local skip="$apart|$alone" code=0 flags=("${own_mounts[@]}") list
	if wants load && ((EUID == 0)); then
		skip="$skip|$load_tests"
		flags+=(-skip "$load_tests")
	fi
	beside attacks attacks_and_race_starts
	beside each-call gotest each-call "${own_mounts[@]}" -run '^TestEachCall' "$starts"
	beside starts-A-J test_starts A-J "$skip"
	beside starts-K-Z test_starts K-Z "$skip"
	if wants race; then
		beside plain plain
		flags+=(-race)
		mapfile -t list < <(concurrent)
		CGO_ENABLED=1 gotest unit "${flags[@]}" "${list[@]}" || code=$?
	else
		mapfile -t list < <(go list ./... | grep -vxF "$(go list "$starts")")
		gotest unit "${flags[@]}" "${list[@]}" || code=$?
	fi
	rejoin || code=$?
	gotest alone "${own_mounts[@]}" -run "$alone" "$starts" || code=$?
	return "$code"
}

# test_starts LETTERS SKIP runs the tests whose names begin with those.
test_starts() { gotest "starts-$1" "${own_mounts[@]}" -run "^(Test|Fuzz)[$1]" -skip "$2" "$starts"; }

# attacks_and_race_starts runs also the starts that do with the race detector where that is in use.
attacks_and_race_starts() {
	local code=0
	gotest attacks "${own_mounts[@]}" -run '^TestAttackBy' "$starts" || code=$?
	if wants race; then race_starts || code=$?; fi
	return "$code"
}

# plain runs what does without the race detector where that is in use, four packages at a time since many wait for daemons,
# and the longest first.
plain() {
	local list longest=(./internal/e2e ./cmd/worker-wrap ./scripts ./internal/start/early ./internal/manage/install)
	mapfile -t list < <(others)
	((${#list[@]} > 0)) || return 1 # a package that cannot be loaded, which go says
	gotest plain -p 4 "${own_mounts[@]}" "${longest[@]}" "${list[@]}"
}

# Most tests that start the program would say nothing of races again: those that can run with one built with the race
# detector do. That needs more threads and memory, knows no bare fork (WORKER_WRAP_USERNS, Docker's proxy), and speaks on
# stderr when the kernel refuses it something. Those of many starts that are all alike would only take long.
raced_starts='^(TestOverlap(Alone|BesideAnother)|TestFallback.*
	|TestWait(For|Is|Not|Warns|Ends|Ignores).*|TestSweepWithout.*
	|TestStartIsRecorded|TestWorkerPutBack|TestTwiceInOneProcess)$'

race_starts() {
	local binary=$scratch/worker-wrap-race
	CGO_ENABLED=1 go build -race -o "$binary" ./cmd/worker-wrap
	chmod 755 "$binary"
	CGO_ENABLED=1 gotest race-starts -race "${own_mounts[@]}" -run "${raced_starts//[$'\n\t']/}" "$starts"
}

# test_race is for who does not run unit too, which then does all of this.
test_race() {
	local list code=0
	mapfile -t list < <(concurrent)
	CGO_ENABLED=1 gotest race -race "${own_mounts[@]}" "${list[@]}" || code=$?
	race_starts || code=$?
	return "$code"
}

test_load() {
	gotest load "${own_mounts[@]}" -run "$load_tests" "$starts" ./internal/evidence/demo
}

# test_arm GOARCH runs the tests of scripts/lib/arm-tests, and the binary itself, under qemu-user.
test_arm() {
	local arch=$1 qemu=qemu-aarch64-static package skip reason skips=() packages=() code=0
	[[ $arch == arm64 ]] || qemu=qemu-$arch-static
	while IFS='|' read -r package skip reason; do
		packages+=("./$package")
		[[ $skip == - ]] || {
			skips+=("${skip// /|}")
			echo "left out of $package: $skip: $reason"
		}
	done < <(sed -E '/^#/d; s/ *\| */|/g' scripts/lib/arm-tests)
	GOARCH=$arch gotest "$arch" -exec="$qemu" -skip="^($(
		IFS='|'
		echo "${skips[*]-}"
	))$" "${packages[@]}" || code=$?
	scripts/build -o "$scratch/worker-wrap-$arch" "$arch"
	if ((EUID == 0)); then
		scripts/lib/smoke "$scratch/worker-wrap-$arch" "$arch" "$qemu" | tee "$scratch/smoke.log"
		add_counts "$scratch/smoke.log"
	fi
	return "$code"
}

test_modules() {
	local dir
	for dir in $(modules); do
		case $dir in
		. | internal/tools) continue ;;
		esac
		echo "$dir"
		(cd "$dir" && gotest modules "${own_mounts[@]}" ./...)
	done
}

# add_counts adds the last "N passed, N failed[, N skipped]" line of a file to the section's count.
add_counts() {
	local line p f s
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1)
	read -r p _ f _ s _ <<<"$line"
	echo "${p:-0} $((${f%,})) ${s:-0}" >>"$counts"
}

# test_kernels has the tests of the other modules beside it, if they are wanted: the guests compute, and daemons wait.
test_kernels() {
	local code=0
	if wants modules; then beside modules test_modules; fi
	scripts/kernel-matrix | tee "$scratch/kernels.log" || code=$?
	add_counts "$scratch/kernels.log"
	rejoin || code=$?
	return "$code"
}
