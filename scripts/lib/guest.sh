# shellcheck shell=bash
# The machine that scripts/kernel-matrix boots: its initramfs, its qemu, and the reading of its console.
: "${kernel_cache:?}"

# kernel_tests prints scripts/lib/kernel-tests as a table "package|users|skip|slow|why", in slow the tests that are left
# out for the time they take, as TestX, or TestX@VERSION where they are not of that kernel.
kernel_tests() {
	awk -F ' *[|] *' '
		function row() { if (package != "") print package "|" users "|" skip "|" (slow == "" ? "-" : substr(slow, 2)) "|" why }
		/^#/ { next }
		/^\t/ {
			n = split($0, words, /[ \t]+/)
			for (i = 3; i <= n; i++) slow = slow " " words[i] (words[2] == "none:" ? "" : "@" substr(words[2], 1, length(words[2]) - 1))
			next
		}
		{ row(); package = $1; users = $2; skip = $3; why = $4; slow = "" }
		END { row() }
	' scripts/lib/kernel-tests
}

# make_image DIR makes the files of the initramfs: /init, which copies /image to a tmpfs and runs the
# rest there, as nothing can be pivoted or moved on the kernel's first root file system.
make_image() {
	local dir=$1 root=$1/image package users skip slow reason name tool left file
	mkdir -p "$dir/bin" "$dir/dev" "$root"/{etc,proc,sys,dev,run,tmp,var/tmp,root,home/user,tests,usr/bin,usr/sbin,usr/lib/compiled,lib64}
	ln -s usr/bin usr/sbin usr/lib "$root"
	chmod 1777 "$root/tmp" "$root/var/tmp"
	ldd "$(command -v busybox)" >/dev/null 2>&1 && {
		echo "scripts/kernel-matrix: busybox is not static; install the Debian package busybox-static" >&2
		return 1
	}
	cp "$(command -v busybox)" "$dir/bin/busybox"
	cp "$(command -v busybox)" "$root/usr/bin/busybox"
	install -m 755 scripts/lib/guest-init "$dir/init"
	install -m 755 scripts/lib/guest-run "$root/usr/sbin/guest-run"
	install -m 755 scripts/lib/smoke "$root/usr/bin/smoke"
	echo 'root:x:0:0::/root:/bin/sh
user:x:1000:1000::/home/user:/bin/sh
nobody:x:65534:65534::/:/bin/sh' >"$root/etc/passwd"
	echo 'root:x:0:
user:x:1000:
nogroup:x:65534:' >"$root/etc/group"
	(umask 077 && echo 'root:*:::::::' >"$root/etc/shadow")
	# busybox is whatever name it is started by, so what the tests copy or link must be the real thing.
	for tool in sh bash cat cp dd env find grep id ln ls mkdir mount mv ps rm sed sleep stat tail touch true umount unshare setpriv setcap getcap setfacl getfacl; do add_tool "$root" "$tool"; done
	# What AppArmor's parser and lxc-start read. LXC lays a container's root file system over that folder.
	for file in /etc/apparmor /etc/apparmor.d/{abi,abstractions,lxc,tunables} /usr/share/apparmor-features /usr/lib/x86_64-linux-gnu/lxc; do
		mkdir -p "$root$(dirname "$file")"
		[[ ! -e $file ]] || cp -rL "$file" "$root$file"
	done
	scripts/build -o "$root/usr/bin/worker-wrap" amd64
	: >"$root/tests/list"
	while IFS='|' read -r package users skip slow reason; do
		name=${package//\//-}
		mkdir -p "$root/tests/$name"
		# With the tag are those tests that change what a machine has one of.
		GOARCH=amd64 CGO_ENABLED=0 go test -c -vet=off -tags guest -ldflags='-s -w' -o "$root/tests/$name/test" "./$package" >/dev/null
		[[ -e $root/tests/$name/test ]] || {
			echo "$package has no tests"
			continue
		}
		[[ ! -d $package/testdata ]] || cp -r "$package/testdata" "$root/tests/$name/"
		while read -r tool; do add_tool "$root" "$tool"; done < <(
			sed -nE 's/.*RequireTool\([a-z]+, "([^"]+)".*/\1/p' "$package"/*_test.go | sort -u
		)
		for left in ${skip#-} ${slow#-}; do
			grep -q "^func ${left%@*}(" "$package"/*_test.go || {
				echo "scripts/lib/kernel-tests: $package has no ${left%@*}" >&2
				return 1
			}
		done
		[[ ${all:?} == yes || $slow == - ]] || skip="${skip#-} $slow"
		for left in "$package"/testdata/*.c; do
			[[ ! -e $left ]] || gcc -O1 -static -o "$root/usr/lib/compiled/$(basename "$left" .c)" "$left"
		done
		skip=${skip# }
		[[ $skip == - ]] || echo "left out of $package: $skip: $reason"
		[[ $all == no ]] || users="root user"
		echo "$name ${skip// /|} $users" >>"$root/tests/list"
	done < <(kernel_tests)
	install -m 755 scripts/lib/guest-gcc "$root/usr/bin/gcc"
}

# add_tool ROOT COMMAND copies a program with the libraries it loads, if this machine has it.
add_tool() {
	local path file
	path=$(PATH=$PATH:/usr/sbin:/sbin type -P "$2") || return 0
	cp -Lp "$path" "$1/usr/bin/$2"
	{ ldd "$path" || true; } 2>/dev/null | { grep -oE '/[^ ]+' || true; } | while read -r file; do
		mkdir -p "$1$(dirname "$file")"
		cp -Ln "$file" "$1$file"
	done
}

# What only costs time under emulation is off: five levels of page tables, what guards against other guests and against
# the kernel itself, pages cleared before they are needed, and the string instructions, which are emulated step by step
# where the kernel's own loops are compiled (clearcpuid=112 is rep_good, arch/x86/include/asm/cpufeatures.h).
# Its second processor would be of use only where there are two for each machine: virtual ones that wait for each other
# took half as much time again on a machine with two.
# boot VERSION INITRAMFS runs the machine to its end, its console on stdout.
boot() {
	local limit=2700 cpus=$(($(nproc) < 6 ? 1 : 2))
	[[ $all == no ]] || limit=14400
	exec timeout --kill-after=5 "$limit" qemu-system-x86_64 -accel tcg,thread=multi -smp "$cpus" -m 2048 \
		-cpu max,la57=off,smap=off,smep=off,umip=off,erms=off,fsrm=off \
		-kernel "$kernel_cache/$1/vmlinuz" -initrd "$2" -append 'console=ttyS0 quiet panic=-1 no_timer_check mitigations=off init_on_alloc=0 clearcpuid=112 apparmor=1 security=apparmor' \
		-display none -serial stdio -monitor none -nic none -no-reboot
}

# report VERSION CONSOLE prints one line for each run of a test binary, what failed in full, and adds
# to passed, failed and skipped. A machine that did not come to its end has failed.
report() {
	local name p f s
	name=$(<"$kernel_cache/$1/name")
	tr -d '\r' <"$2" >"$2.text"
	echo "=== Linux $1 ($name)"
	[[ ! $verbose ]] || cat "$2.text"
	read -r p f s < <(awk -v verbose="$verbose" -v out="$2.report" -f scripts/lib/console.awk "$2.text")
	cat "$2.report"
	((passed += p, failed += f, skipped += s)) || true
}
