# usage: zsh -f complete.zsh FOLDER-WITH-FUNCTION WORKING-DIR LINE…
# Prints what zsh would offer at the end of each LINE, as "<number of the line>=<offer>".
zmodload zsh/zpty
result=$(mktemp)

# wait_for WORD: until the zsh on the terminal has written it.
wait_for() {
	local i
	for i in {1..1000}; do
		[[ $'\n'$(<$result)$'\n' == *$'\n'$1$'\n'* ]] && return
		sleep 0.01
	done
	print -u2 "zsh did not answer with $1: $(<$result)"
	exit 1
}

zpty -b z zsh -f -i
zpty -w z "RESULT=${(q)result} NUMBER=0 KEYTIMEOUT=1; PS1=; unsetopt zle_bracketed_paste; stty -echo; cd ${(q)2}; fpath=(${(q)1} \$fpath)"
# compadd with -O or -A asks for matches into an array and offers nothing; what -D leaves is offered next.
zpty -w z 'autoload -U compinit; compinit -D -u
compadd() {
	local -a hits
	if (( ! ${@[(I)-[OA]]} )); then
		builtin compadd -A hits "$@"
		(( $#hits == 0 )) || print -rl -- ${hits/#/$NUMBER=} >>$RESULT
	fi
	builtin compadd "$@"
}
finish() {
	(( ++NUMBER ))
	zle complete-word
	print -r "done$NUMBER" >>$RESULT
	BUFFER=
}
zle -N finish
bindkey "^X" finish
print -r ready >>$RESULT'
wait_for ready
integer n=0
for line in "${@[3,-1]}"; do
	zpty -n -w z "$line"$'\x18'
	wait_for "done$((++n))"
done
zpty -d z
grep = $result
rm -f $result
