# shellcheck shell=bash
# Debian's own kernels, fetched by apt from the mirror that this machine uses, without touching its
# apt state: sources, lists and cache are a folder of their own.

kernel_cache=${XDG_CACHE_HOME:-$HOME/.cache}/worker-wrap/kernels

# The modules that the tests need, each after those that it needs itself. Not every kernel has all: fscache,
# say, is a part of netfs in newer ones.
kernel_modules=(overlay fuse dns_resolver sunrpc grace lockd nfs_acl auth_rpcgss netfs fscache nfs nfsv4 nfsd)

# suite_of VERSION prints the Debian release whose kernel series this is.
suite_of() {
	case $1 in
	5.10) echo bullseye ;;
	6.1) echo bookworm ;;
	6.12) echo trixie ;;
	*)
		echo "no Debian release known with Linux $1; there are: 5.10 6.1 6.12" >&2
		return 1
		;;
	esac
}

# debian_mirror prints the mirror that this machine's apt names for Debian itself, or Debian's default.
debian_mirror() {
	local uri
	uri=$(sed -nE 's,^(URIs:|deb( \[[^]]*\])?) +([^ ]+/debian/?)( .*)?$,\3,p' \
		/etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
	echo "${uri:-http://deb.debian.org/debian}"
}

# private_apt prints the path of an apt configuration that knows these releases and keeps everything in the cache, with
# lists that are of this day: to fetch them takes half a minute.
private_apt() {
	local dir suite
	dir=$(dirname "$kernel_cache")/apt
	mkdir -p "$dir"/{lists/partial,archives/partial,parts}
	exec 8>"$dir/lock"
	flock 8
	if [[ ! $(find "$dir/lists/fetched" -mmin -720 2>/dev/null) ]]; then
		: >"$dir/status"
		for suite in bullseye bookworm trixie; do
			echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) $suite main"
		done >"$dir/sources.list"
		cat >"$dir/apt.conf" <<-END
			Dir::State "$dir";
			Dir::State::status "$dir/status";
			Dir::Cache "$dir";
			Dir::Etc::SourceList "$dir/sources.list";
			Dir::Etc::SourceParts "$dir/parts";
			APT::Architecture "amd64";
			APT::Architectures "amd64";
			APT::Sandbox::User "root";
			Acquire::Languages "none";
			Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
			Acquire::Check-Valid-Until "false";
			Acquire::Retries "3";
		END
		APT_CONFIG=$dir/apt.conf apt-get -qq update >&2
		: >"$dir/lists/fetched"
	fi
	exec 8>&-
	echo "$dir/apt.conf"
}

# fetch_kernels VERSION…: makes sure that $kernel_cache/VERSION/ holds vmlinuz, the folder modules, their list,
# and the file name, which names the exact package. What is in the cache, with the same list, is used as it is;
# remove it to update.
fetch_kernels() {
	local version suite package apt wanted=()
	for version in "$@"; do
		suite_of "$version" >/dev/null
		[[ -s $kernel_cache/$version/name ]] && grep -qsxF "${kernel_modules[*]}" "$kernel_cache/$version/list" || wanted+=("$version")
	done
	((${#wanted[@]})) || return 0
	mkdir -p "$kernel_cache"
	apt=$(mktemp -d "$kernel_cache/apt-XXXXXX")
	APT_CONFIG=$(private_apt)
	export APT_CONFIG
	for version in "${wanted[@]}"; do
		suite=$(suite_of "$version")
		package=$(apt-cache -t "$suite" depends "linux-image-amd64/$suite" |
			sed -nE "s/.*Depends: (linux-image-${version//./\\.}\.[0-9].*-amd64)$/\1/p" | head -n 1)
		[[ $package ]] || {
			echo "$(debian_mirror) $suite has no kernel $version" >&2
			return 1
		}
		(cd "$apt" && apt-get -qq download "$package/$suite")
		unpack_kernel "$apt/$package"_*.deb "$kernel_cache/$version"
	done
	unset APT_CONFIG
	rm -rf "$apt"
}

# unpack_kernel DEB DIR. The name is written last: a folder that has it is whole. Modules are named so that
# their order is the one in which they can be loaded.
unpack_kernel() {
	local deb=$1 dir=$2 name file n=10
	rm -rf "$dir"
	mkdir -p "$dir/tree" "$dir/modules"
	dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$dir/tree" --wildcards './boot/vmlinuz-*' '*/kernel/fs/*' '*/kernel/net/sunrpc/*' '*/kernel/net/dns_resolver/*'
	mv "$dir"/tree/boot/vmlinuz-* "$dir/vmlinuz"
	for name in "${kernel_modules[@]}"; do
		file=$(find "$dir/tree" -name "$name.ko*")
		n=$((n + 1))
		case $file in
		'') ;;
		*.xz) xz -dc "$file" >"$dir/modules/$n-$name.ko" ;;
		*) mv "$file" "$dir/modules/$n-$name.ko" ;;
		esac
	done
	rm -rf "$dir/tree"
	echo "${kernel_modules[*]}" >"$dir/list"
	basename "$deb" .deb >"$dir/name"
}
