#!/bin/bash
# A program with a file capability loses it, without an error, if it is executed by a descriptor that was opened before
# a mount namespace was unshared. /proc/self/exe is such a descriptor for whoever has unshared one since its own start.
#
# Versions: Linux 6.18; Debian 12's busybox-static 1:1.35.0-4+deb12u1+b1 and libcap2-bin 1:2.66-4+deb12u3+b1. The rule is in the
# kernel since 4.8 (commit 380cf5ba6b0a, "fs: Treat foreign mounts as nosuid"; mnt_may_suid in fs/namespace.c).
#
# The good guess: unshare(CLONE_NEWNS) copies the mounts and changes nothing else, so that the same file, executed by
# /proc/self/fd/N or by /proc/self/exe as programs do to start themselves again, grants what it grants by its path.
#
# What happens: the descriptor's mount is that of the old namespace. The kernel takes a mount of another namespace for
# one that is nosuid: the program starts, and its permitted set is empty. By its path, which leads through the copied
# mount, it has the capability.
#
# Output seen:
#   by a descriptor                             CapPrm:	0000000000002000
#   by a descriptor from before the unshare     CapPrm:	0000000000000000
#   by its path, after the unshare              CapPrm:	0000000000002000
#
# Needs root, Debian 12's mirror, and util-linux's unshare and setpriv. It leaves nothing. It ends with 0 if this is still
# so, and with 1 if it has changed.
set -eu
dir=$(mktemp -d /var/tmp/finding-XXXXXX)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
(cd "$dir" && apt-get -qq download busybox-static=1:1.35.0-4+deb12u1+b1 libcap2-bin=1:2.66-4+deb12u3+b1 2>/dev/null)
for deb in "$dir"/*.deb; do dpkg-deb -x "$deb" "$dir/sys"; done
cp "$dir"/sys/bin/busybox "$dir/cat"
"$dir"/sys/sbin/setcap cap_net_raw=p "$dir/cat"
exec 9<"$dir/cat"

# user FILE: an ordinary user's permitted set in that program. The shell between has the user gain it by execve(2).
# shellcheck disable=SC2016 # the inner shells are to expand it
user='setpriv --reuid 65534 --regid 65534 --clear-groups bash -c "exec -a cat $0 /proc/self/status" "$0" | grep CapPrm'
here=$(bash -c "$user" /proc/self/fd/9)
foreign=$(unshare --mount bash -c "$user" /proc/self/fd/9)
path=$(unshare --mount bash -c "$user" "$dir/cat")
printf '%s\n' "by a descriptor                             $here" "by a descriptor from before the unshare     $foreign" \
	"by its path, after the unshare              $path"
[[ $here == "$path" && $here == *2000 && $foreign == *0000000000000000 ]]
