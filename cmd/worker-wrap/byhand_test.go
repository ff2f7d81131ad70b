package main

import "testing"

// TestGCFindsWhatOthersLeft: to root the list of each user tells where they have started commands by hand. It leads root to
// no store but that user's own, whatever its owner wrote, and to no list but that user's own.
func TestGCFindsWhatOthersLeft(t *testing.T) {
	out := onMachine(t, `
cp ww /usr/local/bin/worker-wrap && setcap cap_sys_admin=p /usr/local/bin/worker-wrap
for u in 61234 61235; do
	mkdir -m 700 home$u && mkdir -m 755 place$u place$u/temp && chown -R $u home$u place$u
	echo "user$u:x:$u:$u::$PWD/home$u:/bin/sh" >>/etc/passwd
	as $u env -u XDG_STATE_HOME HOME=$PWD/home$u worker-wrap --temp place$u/temp -- true
done
list=.local/state/worker-wrap/by-hand
gc() { echo "-- $1"; shift; (cd / && worker-wrap gc --dry-run | grep -v '^  ' || true); }
gc "both lists"
echo $PWD/place61235/temp >home61234/$list
: >home61235/$list
gc "another's store"
ln -sf $PWD/home61234/$list home61235/$list
gc "a link to another's list"
rm home61235/$list && mkfifo home61235/$list
gc "a pipe"
rm home61235/$list && printf 'relative\n/\n\n/nowhere/temp\n%s' $PWD/place61235/temp >home61235/$list && chown 61235 home61235/$list
gc "its own, among others"
(cd / && worker-wrap gc) | cut -d/ -f2- | sed "s,.*/place,place,"
ls -A place61234/.worker-wrap | wc -l
`)
	compareLines(t, out, `-- both lists
$W/place61234/.worker-wrap: would remove 1 folder (0 files, 0 B)
$W/place61235/.worker-wrap: would remove 1 folder (0 files, 0 B)
-- another's store
nothing to collect: nobody has left a private folder here
-- a link to another's list
nothing to collect: nobody has left a private folder here
-- a pipe
nothing to collect: nobody has left a private folder here
-- its own, among others
$W/place61235/.worker-wrap: would remove 1 folder (0 files, 0 B)
place61235/.worker-wrap: removed 1 folder (0 files, 0 B)
1
`)
}

// TestChrootIntoAFolder: in a chroot whose root is no mount a start is refused. It does not look for that mount for ever.
func TestChrootIntoAFolder(t *testing.T) {
	out := onMachine(t, `
mkdir -p c/w c/proc c/dev c/usr/bin && cp ww c/ww && mount -t proc proc c/proc && mount --rbind /dev c/dev
code timeout 60 chroot c /ww --mkdir --temp /w/_temp -- /ww --version 2>&1 | sed 's/lay [^ ]*/lay it/'
umount -l c/proc c/dev
mount --bind c c && mount -t proc proc c/proc
code timeout 60 chroot c /ww --mkdir --temp /w/_temp -- /ww --version 2>&1 | tail -n 1
`)
	compareLines(t, out, `worker-wrap: this command was not started: cannot lay it over /w/_temp: statx /w/_temp: this is a chroot into a folder that is no mount: bind-mount that folder over itself before chroot: invalid argument
exit 125
exit 0
`)
}
