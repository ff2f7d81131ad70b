#!/bin/bash
# A FUSE file system that is asked for all locks is not asked for those of folders: two mounts of one folder lock it twice.
#
# Versions: bindfs 1.14.7-1 and libfuse2 2.9.9-6+b1 of Debian 12, Linux 6.18.
#
# The good guess: flock(2) takes whatever is open, a folder too, and bindfs forwards locks to the folder below if it is told
# to (--enable-lock-forwarding). So who takes a lock through one mount keeps out who asks for it through another mount of the
# same folder, or at the place itself.
#
# What happens: for a file that is so. For a folder it is so within one mount only. The kernel asks the file system about
# files, and keeps the locks of folders itself, for each mount: fuse_file_operations in fs/fuse/file.c has flock, and
# fuse_dir_operations in fs/fuse/dir.c has not. flock(2) succeeds either way. NFS is made alike (nfs_dir_operations in
# fs/nfs/dir.c): other clients do not see the lock of a folder.
#
# Output seen:
#   file, through the same mount: refused
#   file, through another mount: refused
#   file, at the place itself: refused
#   folder, through the same mount: refused
#   folder, through another mount: locked twice
#   folder, at the place itself: locked twice
#
# Needs root, /dev/fuse, Debian 12 and its mirror. It leaves nothing. It ends with 0 if this is still so, and with 1 if it has
# changed.
set -eu
dir=$(mktemp -d /var/tmp/finding-XXXXXX)
trap 'umount "$dir"/{one,two} 2>/dev/null || true; rm -rf "$dir"' EXIT
mkdir -p "$dir"/{apt/lists/partial,apt/archives/partial,apt/parts,debs,packages,place/folder,one,two}
: >"$dir/apt/status"
: >"$dir/place/file"
echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main" >"$dir/apt/sources.list"
echo "Dir::State \"$dir/apt\"; Dir::State::status \"$dir/apt/status\"; Dir::Cache \"$dir/apt\";
Dir::Etc::SourceList \"$dir/apt/sources.list\"; Dir::Etc::SourceParts \"$dir/apt/parts\"; APT::Sandbox::User \"root\";
Acquire::Languages \"none\";" >"$dir/apt.conf"
export APT_CONFIG=$dir/apt.conf
apt-get -qq update
(cd "$dir/debs" && apt-get -qq download bindfs=1.14.7-1 libfuse2=2.9.9-6+b1)
for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir/packages"; done

for mount in one two; do
	LD_LIBRARY_PATH=$(dirname "$(find "$dir/packages" -name 'libfuse.so.2')") \
		"$dir/packages/usr/bin/bindfs" --enable-lock-forwarding --multithreaded "$dir/place" "$dir/$mount"
done

# lock WHAT WHERE WORDS has one lock through the first mount, and says whether there is another.
lock() {
	# shellcheck disable=SC2016 # the inner shell is to expand it
	echo "$1, $3: $(flock -n "$dir/one/$1" sh -c 'flock -n "$0" true && echo locked twice || echo refused' "$dir/$2/$1")"
}
seen=
for what in file folder; do
	seen+="$(lock "$what" one 'through the same mount')"$'\n'
	seen+="$(lock "$what" two 'through another mount')"$'\n'
	seen+="$(lock "$what" place 'at the place itself')"$'\n'
done
printf '%s' "$seen"
[[ $seen == 'file, through the same mount: refused
file, through another mount: refused
file, at the place itself: refused
folder, through the same mount: refused
folder, through another mount: locked twice
folder, at the place itself: locked twice
' ]]
