# shellcheck shell=bash
# The sections that run tests. scratch and counts are scripts/test's.
: "${scratch:?}"

install_packages() {
	# What the scripts use; then what the tests ask for by testkit.RequireTool(t, "command", "package").
	local list=(git git gcc gcc shellcheck shellcheck file file unshare util-linux)
	if wants unit || wants race || wants modules; then
		while read -r tool package; do list+=("$tool" "$package"); done < <(
			grep -rhoE --include='*.go' 'RequireTool\([a-z]+, "[^"]+", "[^"]+"' cmd internal mounts nsenter |
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

# gotest NAME ARGS… runs go test with these arguments and counts the results.
gotest() {
	local json=$scratch/$1.json code=0
	shift
	rm -f "$json"
	[[ ! -x $scratch/worker-wrap ]] || export WORKER_WRAP_TEST_BINARY=$scratch/worker-wrap
	gotestsum --format pkgname-and-test-fails --hide-summary=skipped --jsonfile "$json" -- -count=1 -timeout 10m "$@" || code=$?
	count_tests "$json"
	return "$code"
}

# count_tests adds what a file of go test -json says to the section's count.
count_tests() {
	local p=0 f=0 s=0
	: "${counts:?}"
	[[ ! -e $counts ]] || read -r p f s <"$counts"
	if [[ ${WORKER_WRAP_TEST_STRICT-} != "" ]] && grep -q '"Action":"skip".*"Test":' "$1"; then
		echo "skipped, though WORKER_WRAP_TEST_STRICT is set:"
		sed -nE 's/.*"Action":"skip","Package":"([^"]+)","Test":"([^"]+)".*/\t\1 \2/p' "$1"
	fi
	p=$((p + $(grep -c '"Action":"pass".*"Test":' "$1" || true)))
	f=$((f + $(grep -c '"Action":"fail".*"Test":' "$1" || true)))
	s=$((s + $(grep -c '"Action":"skip".*"Test":' "$1" || true)))
	echo "$p $f $s" >"$counts"
}

# As root each package's tests run in a mount namespace of their own, in which / is shared as systemd
# has it: they can't disturb each other, and nothing that they leave mounted outlives them.
own_mounts=()
((EUID != 0)) || own_mounts=("-exec=$PWD/scripts/lib/own-mounts")

test_unit() { gotest unit "${own_mounts[@]}" ./...; }

test_race() { gotest race -race "${own_mounts[@]}" ./...; }

# Packages whose tests make no namespace, mount or child process of their own kind.
test_arm() {
	local arch=$1 qemu=qemu-aarch64-static pkg pure=()
	[[ $arch == arm64 ]] || qemu=qemu-$arch-static
	for pkg in $(go list ./...); do
		[[ " $arm_packages " != *" ${pkg#*/worker-wrap/} "* ]] || pure+=("$pkg")
	done
	GOARCH=$arch CGO_ENABLED=0 gotest "$arch" -exec="$qemu" "${pure[@]}"
}
arm_packages="internal/runner"

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

test_kernels() {
	scripts/kernel-matrix | tee "$scratch/kernels.log"
	sed -nE 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2 0/p' "$scratch/kernels.log" | tail -n 1 >"$counts"
}
