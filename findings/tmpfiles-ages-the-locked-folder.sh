#!/bin/bash
# systemd-tmpfiles empties a folder that is locked against it if that folder has a line of its own in tmpfiles.d, or if the
# lock is on a folder above it: a lock counts only for a folder that another one's line leads to.
#
# Versions: systemd-standalone-tmpfiles 252.39-1~deb12u2 and 257.13-1~deb13u1, Linux 6.18.
#
# The good guess: tmpfiles.d(5) has of a lock by flock(2), shared or exclusive, that the folder "(and everything below it)
# is skipped", and offers it to who wants to keep the ageing off for a time. So who gives his folder a line with an age of its
# own, and locks it while he works in it, finds his files there when he is done.
#
# What happens: the folder that a line names, by its path or by a glob, is opened and emptied without a lock
# (clean_item_instance in src/tmpfiles/tmpfiles.c). Only the folders below it are locked first (dir_cleanup). And a line
# for a folder below a locked one starts at that folder, and does not look above. So a folder in /tmp is safe by its lock
# until somebody adds a line for it; then the line of /tmp leaves it alone, and its own does not. Even the log at level
# debug has no word of the lock, and the exit status is 0.
#
# Output seen: whether a file in DIR/app is there after --clean, with an age of 0
#                                        252     257
#   DIR/app is locked, line for DIR      kept    kept
#   DIR/app is locked, line for DIR/app  gone    gone
#   DIR/app is locked, line for DIR/a*   gone    gone
#   DIR/app is locked, lines for both    gone    gone
#   DIR is locked, line for DIR/app      gone    gone
#
# Needs root, Debian 12 and its mirror. It leaves nothing. It ends with 0 if this is still so, and with 1 if it has changed.
set -eu
dir=$(mktemp -d /var/tmp/finding-XXXXXX)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir"/{apt/lists/partial,apt/archives/partial,apt/parts,12,13,debs}
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
fetch 12 systemd-standalone-tmpfiles=252.39-1~deb12u2
fetch 13 systemd-standalone-tmpfiles=257.13-1~deb13u1 libc6=2.41-12+deb13u5

# cleaned LOCKED PATH…: what the two leave of a file in DIR/app, with lines for those paths.
cleaned() {
	local locked=$1 release lib=$dir/13/usr/lib/x86_64-linux-gnu command
	shift
	for release in 12 13; do
		rm -rf "$dir/DIR"
		mkdir -p "$dir/DIR/app"
		: >"$dir/DIR/app/file"
		printf "e $dir/%s - - - 0\n" "$@" >"$dir/lines.conf"
		command=("$dir/12/bin/systemd-tmpfiles")
		[[ $release == 12 ]] || command=("$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$dir/13/usr/bin/systemd-tmpfiles")
		flock --shared "$dir/$locked" "${command[@]}" --clean "$dir/lines.conf" || echo failed
		if [[ -e $dir/DIR/app/file ]]; then echo kept; else echo gone; fi
	done | xargs
}
seen="DIR/app is locked, line for DIR: $(cleaned DIR/app DIR)
DIR/app is locked, line for DIR/app: $(cleaned DIR/app DIR/app)
DIR/app is locked, line for DIR/a*: $(cleaned DIR/app 'DIR/a*')
DIR/app is locked, lines for both: $(cleaned DIR/app DIR DIR/app)
DIR is locked, line for DIR/app: $(cleaned DIR DIR/app)"
echo "$seen"
[[ $seen == 'DIR/app is locked, line for DIR: kept kept
DIR/app is locked, line for DIR/app: gone gone
DIR/app is locked, line for DIR/a*: gone gone
DIR/app is locked, lines for both: gone gone
DIR is locked, line for DIR/app: gone gone' ]]
