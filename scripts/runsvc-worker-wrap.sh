#!/bin/sh
# Stands in for a runner's runsvc.sh in its service unit: makes sure that the runner has the shim, starts
# a watch that keeps it through self-updates, and becomes runsvc.sh: same PID, arguments, working folder,
# environment, signals and exit code.
#
#   runsvc-worker-wrap.sh [what runsvc.sh takes]        in the runner's root, as its user
#   runsvc-worker-wrap.sh --end-watch                   as ExecStop= of its unit
#
# For machines without systemd's path units, and for service units made by svc.sh with
# GITHUB_ACTIONS_RUNNER_SERVICE_TEMPLATE=…/actions.runner.worker-wrap.service.template.
#
# worker-wrap is looked for beside this script, then in /usr/local/lib/worker-wrap and
# /usr/lib/worker-wrap. The shim is put in place also if a start that is tried first gets no _temp of its own (--force):
# what becomes of a job then is for WORKER_WRAP_FALLBACK to say, at each start. Where it cannot be put in place the runner is not started (exit code 125),
# unless its settings say WORKER_WRAP_FALLBACK=run: its .env, or else the environment, or else .worker-wrap.env, or else
# /etc/worker-wrap/settings.

# As ExecStop= of the unit, with --end-watch, it ends the watch and waits for that: the unit's KillMode=process would leave
# it running, and systemd complains of what is there when the runner has ended.
if [ "${1-}" = --end-watch ]; then
	# shellcheck disable=SC2013 # no name there has a blank
	for worker_wrap_watch in $(grep -lszx -- "--while-pid=${MAINPID:-none}" /proc/[0-9]*/cmdline); do
		worker_wrap_watch=${worker_wrap_watch#/proc/}
		worker_wrap_watch=${worker_wrap_watch%/cmdline}
		worker_wrap_tries=0
		while [ $worker_wrap_tries -lt 100 ] && kill "$worker_wrap_watch" 2>/dev/null; do
			worker_wrap_tries=$((worker_wrap_tries + 1))
			sleep 0.1
		done
	done
	exit 0
fi

# Of runsvc.sh's two places, svc.sh starts it from the first; a runner that is no service has the second.
worker_wrap_next=$PWD/runsvc.sh
[ -e "$worker_wrap_next" ] || worker_wrap_next=$PWD/bin/runsvc.sh
# What is there may be anything after an update that was cut short or a full disk. A shell takes an empty file for a
# script that has nothing to do and ends well, so it is looked at first; the codes are those of a shell (126, 127).
worker_wrap_refuse() {
	worker_wrap_mend="unpack the runner's release again over $PWD"
	[ "$worker_wrap_next" = "$PWD/bin/runsvc.sh" ] || [ ! -s bin/runsvc.sh ] || worker_wrap_mend="cp bin/runsvc.sh runsvc.sh && chmod 755 runsvc.sh, in $PWD"
	printf 'runsvc-worker-wrap.sh: %s, so the runner is not started; %s\n' "$2" "$worker_wrap_mend" >&2
	exit "$1"
}
worker_wrap_first=
if [ ! -e "$worker_wrap_next" ]; then
	echo "runsvc-worker-wrap.sh: no runsvc.sh in $PWD; start it in the runner's root (WorkingDirectory= of its unit)" >&2
	exit 127
elif [ ! -f "$worker_wrap_next" ]; then
	worker_wrap_refuse 126 "$worker_wrap_next is not a file"
elif [ ! -s "$worker_wrap_next" ]; then
	worker_wrap_refuse 126 "$worker_wrap_next is empty"
elif [ ! -x "$worker_wrap_next" ] || [ ! -r "$worker_wrap_next" ]; then
	worker_wrap_refuse 126 "$worker_wrap_next may not be run by $(id -un)"
fi
# As much as the kernel looks at: not more of a file that has no lines.
worker_wrap_first=$(head -c 256 "$worker_wrap_next" | tr -d '\000' | head -n 1)
case $worker_wrap_first in
'#!'*)
	worker_wrap_first=${worker_wrap_first#'#!'}
	worker_wrap_first=${worker_wrap_first#"${worker_wrap_first%%[! 	]*}"}
	worker_wrap_first=${worker_wrap_first%%[ 	]*}
	if [ ! -f "$worker_wrap_first" ] || [ ! -x "$worker_wrap_first" ]; then
		worker_wrap_refuse 126 "$worker_wrap_next is for $(printf %s "$worker_wrap_first" | tr -c '[:print:]' '?'), which is not there"
	fi
	# A beginning of a script runs and may end well; svc.sh and each update copy the whole one from bin.
	worker_wrap_first=$(cat "$worker_wrap_next")
	case $(cat bin/runsvc.sh 2>/dev/null) in
	"$worker_wrap_first"?*) worker_wrap_refuse 126 "$worker_wrap_next is cut short" ;;
	esac
	;;
"$(printf '\177')ELF"*) ;;
*) worker_wrap_refuse 126 "$worker_wrap_next is no script: its first line names no interpreter" ;;
esac

worker_wrap_binary=
for worker_wrap_dir in "${0%/*}" /usr/local/lib/worker-wrap /usr/lib/worker-wrap; do
	if [ -f "$worker_wrap_dir/worker-wrap" ] && [ -x "$worker_wrap_dir/worker-wrap" ]; then
		worker_wrap_binary=$worker_wrap_dir/worker-wrap
		break
	fi
done

# A shell takes an empty file for a script that ends well, so only what says that it is worker-wrap counts.
worker_wrap_works() {
	case $("$worker_wrap_binary" --version </dev/null) in
	"worker-wrap "*) ;;
	*) return 1 ;;
	esac
}

worker_wrap_failed='' worker_wrap_said=''
if [ -z "$worker_wrap_binary" ]; then
	worker_wrap_failed="worker-wrap is neither in ${0%/*} nor in /usr/local/lib/worker-wrap or /usr/lib/worker-wrap"
elif ! worker_wrap_works; then
	worker_wrap_failed="$worker_wrap_binary is damaged, or cannot be run here"
elif ! worker_wrap_said=$("$worker_wrap_binary" install --bin-only --force --runner-root .); then
	worker_wrap_failed="the shim could not be put in place"
fi
# Where stderr is on a full disk, or nobody reads it, only this fails: a subshell, so that SIGPIPE ends no more.
[ -z "$worker_wrap_said" ] || (printf '%s\n' "$worker_wrap_said" >&2)
if [ -n "$worker_wrap_failed" ]; then
	# Of .env the last line counts, as for the Listener; of the files that a start reads, the first.
	worker_wrap_fallback=$(sed -n 's/\r$//; s/^WORKER_WRAP_FALLBACK=//p' .env 2>/dev/null | tail -n 1)
	worker_wrap_fallback=${worker_wrap_fallback:-${WORKER_WRAP_FALLBACK-}}
	[ -n "$worker_wrap_fallback" ] ||
		worker_wrap_fallback=$(cat .worker-wrap.env /etc/worker-wrap/settings 2>/dev/null | sed -n 's/[ \t\r]*$//; s/^[ \t]*WORKER_WRAP_FALLBACK=//p' | head -n 1)
	if [ "$worker_wrap_fallback" != run ]; then
		echo "runsvc-worker-wrap.sh: $worker_wrap_failed, so the runner is not started; worker-wrap doctor says more, and with WORKER_WRAP_FALLBACK=run in $PWD/.env it starts without" >&2
		exit 125
	fi
	echo "runsvc-worker-wrap.sh: $worker_wrap_failed; the runner is started without, as WORKER_WRAP_FALLBACK=run asks for" >&2
fi

# In a subshell, so that it is no child of runsvc.sh. It ends when runsvc.sh, which will have this PID,
# does: the unit's KillMode=process would leave it running.
if [ -n "$worker_wrap_binary" ]; then
	("$worker_wrap_binary" watch --runner-root . "--while-pid=$$" </dev/null >&2 &)
fi

exec "$worker_wrap_next" "$@"
