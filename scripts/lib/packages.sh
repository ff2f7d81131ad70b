# shellcheck shell=bash
# need COMMAND PACKAGE [COMMAND PACKAGE …]: makes sure that each command is there, from the Debian
# package named beside it. Root gets the missing packages installed; anybody else is told their names.

need() {
	local missing=() words
	while (($# >= 2)); do
		read -ra words <<<"$2" # a tool can need more than one package
		PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null || missing+=("${words[@]}")
		shift 2
	done
	((${#missing[@]})) || return 0
	if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
		echo "missing: install the Debian packages: ${missing[*]}" >&2
		return 1
	fi
	echo "installing: ${missing[*]}"
	local apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
	export DEBIAN_FRONTEND=noninteractive
	"${apt[@]}" update
	"${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

# need_files FILE PACKAGE …: the same, for a package that is known by a file and not by a command.
need_files() {
	local missing=()
	while (($# >= 2)); do
		[[ -e $1 ]] || missing+=("true-$2-is-missing" "$2")
		shift 2
	done
	((${#missing[@]} == 0)) || need "${missing[@]}"
}
