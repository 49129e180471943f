# Run a command; its output goes to files in $1 while it comes, and so does its exit code at the end.
# The time of the file started is that of its start, the time of exit_code that of its end. What exit_code
# holds after the code says whether this shell was sent a signal before the command ended.
# The arguments from the third on are passed on as they are: nothing is joined, split or interpreted. A
# variable that the command's environment has, too, would be changed there, so ours have names of their own.
dockwarden_folder=$1 dockwarden_number=$2
shift 2
# An engine that went away can start late what it was asked to start, when another exec has been created for
# the same command. The first shell whose number is in the file runs the command; another one ends here.
dockwarden_first=
[ -s "$dockwarden_folder/started" ] || echo "$dockwarden_number" >>"$dockwarden_folder/started"
read -r dockwarden_first <"$dockwarden_folder/started"
[ "$dockwarden_first" = "$dockwarden_number" ] || exit 2
# A signal to the whole process group is the command's to act on; this shell stays to note its end.
# (A trap that does something is not inherited, unlike one that ignores.)
dockwarden_signalled=
trap 'dockwarden_signalled=" signalled"' HUP INT TERM
# Where one of its files cannot be opened, this shell ends here, and nothing is noted.
exec 3>>"$dockwarden_folder/stdout" 4>>"$dockwarden_folder/stderr"
"$@" >&3 2>&4 3>&- 4>&- </dev/null
dockwarden_code=$?
echo "$dockwarden_code$dockwarden_signalled" >"$dockwarden_folder/exit_code"
exit "$dockwarden_code"
