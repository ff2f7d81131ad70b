# shellcheck shell=bash
# The checks that run no test of the project.

# scratch is scripts/test's.
: "${scratch:?}"

# files PATTERN… prints the project's files, those not yet committed included, but no ignored ones.
files() {
	git ls-files -co --exclude-standard -- "$@" | while IFS= read -r file; do
		[[ ! -f $file || -L $file ]] || printf '%s\n' "$file"
	done
}

# modules prints the folders that hold a go.mod.
modules() { files go.mod '*/go.mod' | xargs -rn1 dirname; }

# shell_scripts prints the files that are shell scripts, by name or by first line.
shell_scripts() {
	local file
	files | while IFS= read -r file; do
		case $file in
		*.sh) echo "$file" ;;
		*.go | *.txtar | *.md) ;;
		*) ! head -c 64 "$file" | head -n 1 | grep -aqE '^#! ?(/usr)?/bin/(env )?(ba|da)?sh( |$)' || echo "$file" ;;
		esac
	done
}

install_tools() {
	GOBIN=$scratch/bin go -C internal/tools install tool
	ls "$scratch/bin"
}

check_format() {
	local bad
	bad=$(files '*.go' | xargs -r gofumpt -l)
	[[ -z $bad ]] || {
		printf "not in gofumpt's format (run: gofumpt -w FILE):\n%s\n" "$bad"
		return 1
	}
}

# of_arch GOARCH prints the packages that have other files for it than for amd64. These are assembly: what it must agree
# with is looked at, and not all Go once more.
of_arch() {
	local files='{{.ImportPath}} {{.GoFiles}} {{.SFiles}} {{.TestGoFiles}} {{.XTestGoFiles}}'
	comm -13 <(GOARCH=amd64 go list -f "$files" ./... | sort) <(GOARCH=$1 go list -f "$files" ./... | sort) | cut -d' ' -f1
}

# With the tag guest are more files, and without it none.
check_vet() {
	local dir arch packages
	for dir in $(modules); do go -C "$dir" vet -tags guest ./...; done
	for arch in arm64 arm; do
		mapfile -t packages < <(of_arch "$arch")
		GOARCH=$arch go vet -asmdecl "${packages[@]:?}"
	done
}

check_staticcheck() {
	local dir
	for dir in $(modules); do (cd "$dir" && staticcheck -tags guest ./...); done
}

check_shell() {
	local files
	mapfile -t files < <(shell_scripts)
	printf '%s\n' "${files[@]}"
	shellcheck -x "${files[@]}"
	shfmt -d "${files[@]}"
}

check_tidy() {
	local dir
	for dir in $(modules); do go -C "$dir" mod tidy -diff; done
	go mod verify
}

check_imports() { go test -count=1 -vet=off ./internal/testkit -run TestImport; }

check_builds() {
	local arch out
	for arch in amd64 arm64 arm; do
		out=$scratch/worker-wrap-$arch
		scripts/build -o "$out" "$arch"
		file -b "$out" | grep -q 'statically linked' || {
			echo "$out is not static: $(file -b "$out")"
			return 1
		}
		echo "$arch: $(stat -c %s "$out") bytes, static"
	done
}
