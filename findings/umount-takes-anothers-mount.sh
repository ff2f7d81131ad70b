#!/bin/bash
# umount(8) of one mount takes away another that was never a copy of it, with what is in it, if that other lies at the same
# place below a slave. While somebody has a file of the other open, it refuses: "target is busy".
#
# Versions: Linux 6.18, Debian 12's mount and libmount1 2.38.1-5+deb12u3. The kernel's own name for what goes along is
# "cognates" (Documentation/filesystems/propagate_umount.txt; sharedsubtree.rst has the rule too, and mount(8) has not).
#
# The good guess: what an unmount propagates is the end of that mount's copies. A folder that was bound elsewhere without
# the mounts below it (mount --bind, not --rbind) and made a slave has no such copy. So what its owner mounts there is the
# owner's own: a mount at that place that ends on the other side is none of its business, as is who uses what.
#
# What happens: the kernel does not look for copies. Each mount that gets propagation from the parent loses what lies at
# that path, whatever it is, if nothing is mounted upon that. A tmpfs goes with its files. A process that uses it keeps the
# other side's mount from being unmounted, though fuser(1) and lsof(8) find nobody there. If the bind was recursive, the own
# mount lies upon a copy, and only the copy goes; if the other side's mount came later, its copy went below the own one, and
# again only the copy goes.
#
# Output seen:
#   a file of the own mount is open:  umount: DIR/a/x: target is busy.
#   --bind, own mount at that place:  gone
#   --rbind, own mount on the copy:   kept
#   --bind, own mount is the older:   kept
#   --bind, private, no slave:        kept
#
# Needs root, Debian 12's mirror, and util-linux's unshare. It leaves nothing: all mounts are in a namespace of its own. It
# ends with 0 if this is still so, and with 1 if it has changed.
set -eu

if [[ ${1-} != inside ]]; then
	dir=$(mktemp -d /var/tmp/finding-XXXXXX)
	trap 'rm -rf "$dir"' EXIT
	mkdir "$dir/packages" "$dir/tree"
	(cd "$dir" && apt-get -qq download mount=2.38.1-5+deb12u3 libmount1=2.38.1-5+deb12u3 2>/dev/null)
	for deb in "$dir"/*.deb; do dpkg-deb -x "$deb" "$dir/packages"; done
	unshare --mount --propagation private "$0" inside "$dir"
	exit
fi

dir=$2
PATH=$dir/packages/bin:$PATH
LD_LIBRARY_PATH=$(dirname "$(find "$dir/packages" -name libmount.so.1)")
export LD_LIBRARY_PATH LC_ALL=C
tree=$dir/tree

# lay BIND PROPAGATION ORDER: a, shared, and its bind b, as its slave or by itself. Then two mounts: a/x, and b's own
# b/x with a file in it, in that order or the other.
lay() {
	mount -t tmpfs below "$tree"
	mkdir "$tree"/{a,b}
	mount -t tmpfs both "$tree/a"
	mount --make-shared "$tree/a"
	mkdir "$tree/a/x"
	[[ $3 == later ]] || mount -t tmpfs first "$tree/a/x"
	mount "--$1" "$tree/a" "$tree/b"
	mount "--make-r$2" "$tree/b"
	mount -t tmpfs own "$tree/b/x"
	: >"$tree/b/x/file"
	[[ $3 != later ]] || mount -t tmpfs first "$tree/a/x"
}
# ended: a/x is unmounted, and whether the file is still there. All is as before lay.
ended() {
	umount "$tree/a/x"
	if [[ -e $tree/b/x/file ]]; then echo kept; else echo gone; fi
	umount --recursive "$tree"
}

lay bind slave before
busy=$(umount "$tree/a/x" 2>&1 9<"$tree/b/x/file" || true)
seen="a file of the own mount is open:  ${busy/"$tree"/DIR}
--bind, own mount at that place:  $(ended)"
lay rbind slave before
seen+=$'\n'"--rbind, own mount on the copy:   $(ended)"
lay bind slave later
seen+=$'\n'"--bind, own mount is the older:   $(ended)"
lay bind private before
seen+=$'\n'"--bind, private, no slave:        $(ended)"
echo "$seen"
[[ $seen == 'a file of the own mount is open:  umount: DIR/a/x: target is busy.
--bind, own mount at that place:  gone
--rbind, own mount on the copy:   kept
--bind, own mount is the older:   kept
--bind, private, no slave:        kept' ]]
