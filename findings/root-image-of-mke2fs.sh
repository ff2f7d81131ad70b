#!/bin/bash
# An image that mke2fs makes by default cannot be a service's RootImage= any more: systemd refuses ext2.
#
# Versions: systemd 252.39-1~deb12u2 and 257.13-1~deb13u1, e2fsprogs 1.47.0-2+b2 of Debian 12, Linux 6.18. Since some
# version between, systemd mounts only common file systems out of images ($SYSTEMD_DISSECT_FILE_SYSTEMS in its
# docs/ENVIRONMENT.md).
#
# The good guess: mke2fs makes what the machine's kernel mounts, and mount(8) and systemd 252 mount it. So a unit with that
# RootImage= goes on to work when Debian 12 becomes Debian 13. If file systems are to be refused, ext2 is not: the kernel
# mounts it with the code of ext4.
#
# What happens: without -t, or as mkfs.ext2, mke2fs makes ext2 (its manual page; on Debian mke2fs.conf does not change
# that). 257 says "File system is too uncommon, refused." and mounts nothing; a service with it ends with 226/NAMESPACE.
# With -t ext4 both mount it.
#
# Output seen:
#   ext2 252: mounted
#   ext2 257: Failed to mount image: File system is too uncommon, refused.
#   ext4 252: mounted
#   ext4 257: mounted
#
# Needs root, loop devices, Debian 12 and its mirror. It leaves nothing. It ends with 0 if this is still so, and with 1 if it
# has changed.
set -eu
dir=$(mktemp -d /var/tmp/finding-XXXXXX)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir"/{apt/lists/partial,apt/archives/partial,apt/parts,12,13,debs,source/usr,mount}
: >"$dir/apt/status"
for suite in bookworm trixie; do
	echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main"
done >"$dir/apt/sources.list"
echo "Dir::State \"$dir/apt\"; Dir::State::status \"$dir/apt/status\"; Dir::Cache \"$dir/apt\";
Dir::Etc::SourceList \"$dir/apt/sources.list\"; Dir::Etc::SourceParts \"$dir/apt/parts\"; APT::Sandbox::User \"root\";
Acquire::Languages \"none\";" >"$dir/apt.conf"
export APT_CONFIG=$dir/apt.conf
apt-get -qq update
fetch() { # INTO PACKAGE…
	(cd "$dir/debs" && rm -f ./*.deb && apt-get -qq download "${@:2}")
	for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir/$1"; done
}
fetch 12 systemd-container=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2 e2fsprogs=1.47.0-2+b2
fetch 13 systemd-container=257.13-1~deb13u1 libsystemd-shared=257.13-1~deb13u1 libc6=2.41-12+deb13u5 libssl3t64=3.5.9-1~deb13u1

# dissect RELEASE IMAGE mounts an image as RootImage= does, and says what became of it.
dissect() {
	local lib=$dir/$1/usr/lib/x86_64-linux-gnu loader=
	[[ $1 == 12 ]] || loader=$lib/ld-linux-x86-64.so.2 # of its own C library
	# shellcheck disable=SC2016 # the inner shell is to expand it
	unshare --mount bash -c 'LD_LIBRARY_PATH=$0 $1 "$2" --mount --read-only "$3" "$4" 2>&1 && findmnt "$4" >/dev/null && echo mounted' \
		"$lib/systemd:$lib" "$loader" "$dir/$1/usr/bin/systemd-dissect" "$2" "$dir/mount" || true
}
seen=
for type in '' ext4; do
	image=$dir/${type:-default}
	"$dir"/12/sbin/mke2fs -q ${type:+-t $type} -d "$dir/source" "$image" 4M >/dev/null 2>&1
	for release in 12 13; do
		version=252
		[[ $release == 12 ]] || version=257
		seen+="$(blkid -o value -s TYPE "$image") $version: $(dissect "$release" "$image")"$'\n'
	done
done
printf '%s' "$seen"
[[ $seen == 'ext2 252: mounted
ext2 257: Failed to mount image: File system is too uncommon, refused.
ext4 252: mounted
ext4 257: mounted
' ]]
