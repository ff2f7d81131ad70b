#!/bin/sh
# Whether COPY in a Dockerfile keeps a file capability depends on the builder: Podman keeps it always, BuildKit only from
# another image, and Docker's classic builder never. None of them says so.
#
# Versions: Debian 12's docker.io 20.10.24+dfsg1-1+deb12u1+b6 (classic builder and the BuildKit in it), podman
# 4.3.1+ds1-8+deb12u1+b3, libcap2-bin 1:2.66-4+deb12u3+b1. Debian 13's docker.io 26.1.5 with its Buildx does what 20.10 does.
#
# The good guess: security.capability is part of the file, and image layers can hold it. So COPY keeps it from the build
# context as from another stage, and all builders of one Dockerfile do the same; if anything drops it, --chown does, as
# chown(2) clears it.
#
# What happens: BuildKit transfers the context without extended attributes, but copies between images with them, and puts
# the capability back after --chown. So a tool with a capability works if it comes from a stage and has lost it if it
# comes from the context. The classic builder gives each copied file its owner last, which clears it in both. Podman
# keeps it in all of them. The built program starts in each case, and is refused later what it needs the capability for.
#
# Output seen: 1 for a file that has its capability
#                  COPY  COPY --chown  COPY --from  COPY --from --chown
#   classic        0     0             0            0
#   BuildKit       0     0             1            1
#   Podman         1     1             1            1
#
# Needs root, Debian 12 and its mirror. It leaves nothing: all of it runs in a folder and in namespaces of its own. It
# ends with 0 if this is still so, and with 1 if it has changed.
set -eu

if [ "${1-}" != inside ]; then
	dir=$(mktemp -d /var/tmp/finding-XXXXXX)
	trap 'find /sys/fs/cgroup -depth -type d -path "*/${dir##*/}*" -exec rmdir {} + 2>/dev/null || :; rm -rf "$dir"' EXIT
	chmod 755 "$dir" && mkdir "$dir/debs" "$dir/sys" && chmod 777 "$dir/debs"
	(cd "$dir/debs" && apt-get -qq download podman=4.3.1+ds1-8+deb12u1+b3 conmon=2.1.6+ds1-1 runc=1.1.5+ds1-1+deb12u1 \
		docker.io=20.10.24+dfsg1-1+deb12u1+b6 containerd=1.6.20~ds1-1+deb12u3 \
		busybox-static=1:1.35.0-4+deb12u1+b1 libcap2-bin=1:2.66-4+deb12u3+b1 \
		libgpgme11 libassuan0 libdevmapper1.02.1 libseccomp2 libsubid4 libglib2.0-0)
	for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir/sys"; done
	unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc "$0" inside "$dir"
	exit
fi

dir=$2
arch=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch 2>/dev/null || echo "$(uname -m)-linux-gnu")
export PATH="$dir/sys/sbin:$dir/sys/usr/bin:$dir/sys/usr/sbin:$PATH" LD_LIBRARY_PATH="$dir/sys/lib/$arch:$dir/sys/usr/lib/$arch"
export HOME="$dir/home" DOCKER_CONFIG="$dir/home" DOCKER_HOST="unix://$dir/docker.sock" CONTAINERS_CONF="$dir/containers.conf"
mount -t tmpfs none /run
mkdir -p "$HOME/.config/containers" "$dir/base/tool" "$dir/context"
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$HOME/.config/containers/policy.json"
echo '[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"' >"$CONTAINERS_CONF"
dockerd -H "$DOCKER_HOST" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" --bridge none --iptables=false \
	--storage-driver vfs --cgroup-parent "/${dir##*/}" --exec-opt native.cgroupdriver=cgroupfs >"$dir/log" 2>&1 &
tries=0
until docker version >/dev/null 2>&1; do
	tries=$((tries + 1))
	if [ "$tries" -gt 300 ]; then
		cat "$dir/log"
		exit 2
	fi
	sleep 0.1
done

for tool in "$dir/base/tool/it" "$dir/context/it"; do
	cp "$dir/sys/bin/busybox" "$tool"
	setcap cap_net_raw=p "$tool"
done
cat >"$dir/context/Dockerfile" <<'END'
FROM base
COPY it /context/
COPY --chown=1:1 it /context-chown/
COPY --from=base /tool/it /image/
COPY --from=base --chown=1:1 /tool/it /image-chown/
END
podman() { command podman --root "$dir/root" --runroot /run/podman --storage-driver vfs "$@"; }
base() { tar -C "$dir/base" --xattrs --xattrs-include='security.*' -c .; }
base | docker import - base >/dev/null
base | podman import -q - base >/dev/null

# kept LAYERS: what each way to copy has kept, in the folders of a storage driver that has whole images in each.
kept() {
	for way in context context-chown image image-chown; do
		find "$1" -path "*/$way/it" -exec getcap {} + | grep -c cap_net_raw | sed 's/[1-9].*/1/' || :
	done | xargs
}
wrong=0
check() { # BUILDER WANT GOT
	echo "$1: $3"
	[ "$2" = "$3" ] || wrong=1
}
DOCKER_BUILDKIT=0 docker build -q --network none -t classic "$dir/context" >/dev/null
check classic '0 0 0 0' "$(kept "$dir/data/vfs")"
docker rmi classic >/dev/null
DOCKER_BUILDKIT=1 docker build -q --network none -t buildkit "$dir/context" >/dev/null
check BuildKit '0 0 1 1' "$(kept "$dir/data/vfs")"
podman build -q --isolation chroot -t podman "$dir/context" >/dev/null
check Podman '1 1 1 1' "$(kept "$dir/root/vfs")"
exit $wrong
