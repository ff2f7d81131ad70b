#!/bin/sh
# `docker run --rm` against Podman's Docker-compatible API ends with 0, whatever the container ended with.
#
# Versions: Debian 12's podman 4.3.1+ds1-8+deb12u1+b3 (conmon 2.1.6+ds1-1, runc 1.1.5+ds1-1+deb12u1), and as the client
# the docker of docker.io 20.10.24+dfsg1-1+deb12u1+b6. Docker's own CLI 28.2.2 does the same.
#
# The good guess: with DOCKER_HOST=unix:///run/podman/podman.sock a container's exit status reaches the caller, as it
# does from dockerd, and as it does from this very service without --rm. GitHub's runner relies on it: a container
# action is one `docker run --rm`, and its status is the step's result (ContainerActionHandler.cs).
#
# What happens: with --rm the client asks /containers/ID/wait?condition=removed. The service takes "removed" for a state
# that no container has, and answers with status 0. So every container action that fails is green. Each time, not by a
# race: a container that lives for a second shows the same. Upstream knows it (podman issue 18889); Debian 12 has
# not got that. docker run -d, docker wait and docker start -a tell the right status.
#
# Output seen:
#   docker run      sh -c 'exit 7'             -> 7
#   docker run --rm sh -c 'exit 7'             -> 0
#   docker run --rm sh -c 'sleep 1; exit 7'    -> 0
#
# Needs root, Debian 12 and its mirror. It leaves nothing: all of it runs in a folder and in namespaces of its own. It
# ends with 0 if this is still so, and with 1 if it has changed.
set -eu

if [ "${1-}" != inside ]; then
	dir=$(mktemp -d /var/tmp/finding-XXXXXX)
	had=$(find /sys/fs/cgroup -name libpod_parent)
	trap 'rm -rf "$dir"; [ -n "$had" ] || find /sys/fs/cgroup -depth -type d -path "*/libpod_parent*" -exec rmdir {} + 2>/dev/null || :' EXIT
	chmod 755 "$dir" && mkdir "$dir/debs" "$dir/sys" && chmod 777 "$dir/debs"
	(cd "$dir/debs" && apt-get -qq download podman=4.3.1+ds1-8+deb12u1+b3 conmon=2.1.6+ds1-1 runc=1.1.5+ds1-1+deb12u1 \
		docker.io=20.10.24+dfsg1-1+deb12u1+b6 busybox-static=1:1.35.0-4+deb12u1+b1 \
		libgpgme11 libassuan0 libdevmapper1.02.1 libseccomp2 libsubid4 libglib2.0-0)
	for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir/sys"; done
	unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc "$0" inside "$dir"
	exit
fi

dir=$2
arch=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch 2>/dev/null || echo "$(uname -m)-linux-gnu")
export PATH="$dir/sys/usr/bin:$dir/sys/usr/sbin:$PATH" LD_LIBRARY_PATH="$dir/sys/lib/$arch:$dir/sys/usr/lib/$arch"
export HOME="$dir/home" DOCKER_CONFIG="$dir/home" DOCKER_HOST="unix://$dir/podman.sock" CONTAINERS_CONF="$dir/containers.conf"
mount -t tmpfs none /run
mkdir -p "$HOME/.config/containers"
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$HOME/.config/containers/policy.json"
cat >"$CONTAINERS_CONF" <<END
[containers]
default_ulimits = ["nofile=256:256", "nproc=256:256"] # Podman's own are more than a container may have
seccomp_profile = "unconfined"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
conmon_path = ["$dir/sys/usr/bin/conmon"]
runtime = "runc"
[engine.runtimes]
runc = ["$dir/sys/usr/sbin/runc"]
END
podman --root "$dir/root" --runroot "$dir/runroot" --tmpdir "$dir/tmp" --storage-driver vfs \
	system service --time 0 "$DOCKER_HOST" >"$dir/log" 2>&1 &
tries=0
until docker version >/dev/null 2>&1; do
	tries=$((tries + 1))
	if [ "$tries" -gt 100 ]; then
		cat "$dir/log"
		exit 2
	fi
	sleep 0.1
done
podman --version
docker --version
mkdir -p "$dir/image/bin"
cp "$dir/sys/bin/busybox" "$dir/image/bin/sh"
cp "$dir/sys/bin/busybox" "$dir/image/bin/sleep"
tar -C "$dir/image" -c . | docker import - finding:1 >/dev/null

wrong=0
check() { # WANT ARGUMENTS…
	want=$1
	shift
	got=0
	docker run --network none "$@" || got=$?
	shift $(($# - 1))
	echo "$1 -> $got"
	[ "$got" = "$want" ] || wrong=1
}
echo "docker run:"
check 7 finding:1 sh -c 'exit 7'
echo "docker run --rm:"
check 0 --rm finding:1 sh -c 'exit 7'
check 0 --rm finding:1 sh -c 'sleep 1; exit 7'
exit $wrong
