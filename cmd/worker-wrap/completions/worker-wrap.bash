# bash completion for worker-wrap. A test holds it to the command line (cmd/worker-wrap/completion_test.go).

_worker_wrap() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i sub='' words
	local -A flags=(
		[none]='--runner-root --temp --mkdir --userns --version --help'
		[run]='--runner-root --temp --mkdir --userns'
		[install]='--runner-root --all --dry-run --force --bin-only --isolate --prefix'
		[uninstall]='--runner-root --all --dry-run --force --prefix'
		[demo]='--runner'
		[doctor]='--runner-root --json --quiet --utc --wide'
		[status]='--runner-root --json --prometheus --utc --wide'
		[ps]='--left --json --utc --wide'
		[enter]=''
		[gc]='--runner-root --temp --kill --dry-run --json --older-than'
		[audit]='--html --json'
		[watch]='--runner-root --all --prefix --until-quiet --while-pid'
	)
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		words=${COMP_WORDS[i]}
		if [[ $words == -- ]]; then # what follows is a command of its own
			COMP_WORDS=("${COMP_WORDS[@]:i+1}")
			COMP_CWORD=$((COMP_CWORD - i - 1))
			if declare -F _command_offset >/dev/null; then _command_offset 0; fi
			((COMP_CWORD)) || mapfile -t COMPREPLY < <(compgen -c -- "$cur")
			return
		fi
		case $words in
		--temp | --runner-root) ((i++)) || : ;;
		[a-z]*)
			sub=$words
			break
			;;
		esac
	done
	case $prev in
	--runner-root | --temp | --prefix)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		;;
	--html | --prometheus | --older-than | --runner | --until-quiet | --while-pid)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	enter) mapfile -t COMPREPLY < <(compgen -W 'latest' -- "$cur") ;;
	completion) mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- "$cur") ;;
	--isolate) mapfile -t COMPREPLY < <(compgen -W 'alone always' -- "$cur") ;;
	*)
		words=${flags[${sub:-none}]-}
		[[ $sub && $sub != help ]] || words+=" run install uninstall demo doctor status ps enter gc audit watch completion version help"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		if [[ $sub == audit ]]; then
			compopt -o filenames 2>/dev/null
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
		fi
		;;
	esac
}
complete -F _worker_wrap worker-wrap
