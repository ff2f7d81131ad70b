# fish completion for worker-wrap. A test holds it to the command line (cmd/worker-wrap/completion_test.go).

set -l subs run install uninstall demo doctor status ps enter gc audit watch completion version help

function __worker_wrap_command --description 'After --: a command of its own'
    contains -- -- (commandline -opc)
end

complete -c worker-wrap -f
complete -c worker-wrap -n __worker_wrap_command -a '(__fish_complete_subcommand)'
complete -c worker-wrap -n "not __worker_wrap_command; and not __fish_seen_subcommand_from $subs" -a "$subs"
complete -c worker-wrap -n '__fish_seen_subcommand_from help' -a "$subs"
complete -c worker-wrap -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
complete -c worker-wrap -n '__fish_seen_subcommand_from enter' -a latest
complete -c worker-wrap -n __fish_use_subcommand -l version -s v -d 'print the version'
complete -c worker-wrap -n __fish_use_subcommand -l help -s h -d 'show help'

# of FLAG DESCRIPTION SUBCOMMAND…: a flag of these; -r and -x in front for one that takes a file, or a word.
function __worker_wrap_of
    argparse r x -- $argv
    set -l kind
    set -q _flag_r; and set kind -r -a '(__fish_complete_directories)'
    set -q _flag_x; and set kind -x
    complete -c worker-wrap -n "not __worker_wrap_command; and __fish_seen_subcommand_from $argv[3..-1]" -l $argv[1] -d $argv[2] $kind
end
complete -c worker-wrap -n __fish_use_subcommand -l runner-root -r -a '(__fish_complete_directories)' -d 'the runner in DIR'
complete -c worker-wrap -n __fish_use_subcommand -l temp -r -a '(__fish_complete_directories)' -d 'lay the fresh folder over DIR'
complete -c worker-wrap -n __fish_use_subcommand -l mkdir -d 'make the DIR of --temp if it is missing'
complete -c worker-wrap -n __fish_use_subcommand -l userns -d 'isolate in a user namespace'
__worker_wrap_of -r runner-root 'the runner in DIR' run install uninstall doctor status gc watch
__worker_wrap_of -r temp 'the folder that commands by hand cover' run gc
__worker_wrap_of mkdir 'make the DIR of --temp if it is missing' run
__worker_wrap_of userns 'isolate in a user namespace' run
__worker_wrap_of -x runner 'play a runner of VERSION' demo
__worker_wrap_of all 'every runner of this machine' install uninstall watch
__worker_wrap_of dry-run 'only list what would be done' install uninstall gc
__worker_wrap_of bin-only 'only what is in bin' install
__worker_wrap_of -x isolate 'which Workers get a _temp of their own: alone or always' install
__worker_wrap_of -r prefix 'the binary is in DIR/lib/worker-wrap' install uninstall watch
__worker_wrap_of force 'whatever is found first' install uninstall
__worker_wrap_of wide 'show everything, in long lines too' doctor status ps
__worker_wrap_of utc 'print times in UTC' doctor status ps
__worker_wrap_of quiet 'show only warnings (!) and failures (✗)' doctor
__worker_wrap_of json 'print JSON' doctor status ps gc audit
__worker_wrap_of left 'list what the jobs of dead Workers left running' ps
__worker_wrap_of kill 'also end what the jobs of dead Workers left running' gc
__worker_wrap_of -x older-than 'leave alone what changed within DURATION' gc
__worker_wrap_of -r prometheus 'write FILE for node_exporter' status
__worker_wrap_of -r html 'also write the report to FILE' audit
__worker_wrap_of -x until-quiet 'end when nothing has changed for DURATION' watch
__worker_wrap_of -x while-pid 'end when the process PID does' watch
complete -c worker-wrap -n '__fish_seen_subcommand_from audit' -F
functions -e __worker_wrap_of
