#compdef worker-wrap
# A test holds it to the command line (cmd/worker-wrap/completion_test.go).

_worker-wrap() {
	local root='--runner-root[the runner in DIR]:DIR:_files -/' all='--all[every runner of this machine]'
	local json='--json[print JSON]' dry='--dry-run[only list what would be done]'
	local prefix='--prefix[the binary is in DIR/lib/worker-wrap]:DIR:_files -/'
	local temp='--temp[lay the fresh folder over DIR]:DIR:_files -/' userns='--userns[isolate in a user namespace]' mkdir='--mkdir[make the DIR of --temp if it is missing]'
	local wide='--wide[show everything, in long lines too]' utc='--utc[print times in UTC]'
	local subs='run install uninstall demo doctor status ps enter gc audit watch completion version help'
	integer dashes=${words[(i)--]}
	if (( dashes < CURRENT )); then # what follows is a command of its own
		shift $dashes words
		(( CURRENT -= dashes ))
		_normal
		return
	fi
	if (( CURRENT > 2 )) && [[ $words[2] != -* ]]; then
		local sub=$words[2]
		shift words
		(( CURRENT -= 1 ))
		case $sub in
		run) _arguments $root $temp $mkdir $userns ;;
		install) _arguments $root $all $dry '--force[also where the start that is tried first fails]' '--bin-only[only what is in bin]' '--isolate[which Workers get a _temp of their own]:which:(alone always)' $prefix ;;
		uninstall) _arguments $root $all $dry '--force[also where wrapped Workers are alive]' $prefix ;;
		doctor) _arguments $root $json $wide $utc '--quiet[show only warnings (!) and failures (✗)]' ;;
		status) _arguments $root $json $wide $utc '--prometheus[write FILE for node_exporter]:FILE:_files' ;;
		demo) _arguments '--runner[play a runner of VERSION]:VERSION' ;;
		ps) _arguments $json $wide $utc '--left[list what the jobs of dead Workers left running]' ;;
		completion) _arguments '1:shell:(bash zsh fish)' ;;
		help) _arguments "1:subcommand:($subs)" ;;
		enter) _arguments '1:PID or latest:(latest)' ;;
		gc) _arguments $root $temp $dry $json '--kill[also end what the jobs of dead Workers left running]' '--older-than[leave alone what changed within DURATION]:DURATION' ;;
		audit) _arguments $json '--html[also write the report to FILE]:FILE:_files' '*:log:_files' ;;
		watch) _arguments $root $all $prefix '--until-quiet[end when nothing has changed for DURATION]:DURATION' '--while-pid[end when the process PID does]:PID' ;;
		esac
		return
	fi
	_arguments $root $temp $mkdir $userns '--version[print the version]' '--help[show help]' \
		"1:subcommand:($subs)"
}

if [[ ${funcstack[1]-} == _worker-wrap ]]; then # loaded at the first Tab
	_worker-wrap "$@"
else # sourced
	compdef _worker-wrap worker-wrap
fi
