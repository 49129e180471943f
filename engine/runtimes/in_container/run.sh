# Run a command; its output goes to files in $1 while it comes, and so does its exit code at the end.
# The time of the file started is that of its start, the time of exit_code that of its end. What exit_code
# holds after the code says whether this shell was sent a signal before the command ended.
# The arguments are passed on as they are: nothing is joined, split or interpreted.
folder=$1
shift
# A signal to the whole process group is the command's to act on; this shell stays to note its end.
# (A trap that does something is not inherited, unlike one that ignores.)
signalled=
trap 'signalled=" signalled"' HUP INT TERM
# Where one of its files cannot be opened, this shell ends here, and nothing is noted.
exec 3>>"$folder/stdout" 4>>"$folder/stderr"
: >"$folder/started"
"$@" >&3 2>&4 3>&- 4>&- </dev/null
code=$?
echo "$code$signalled" >"$folder/exit_code"
exit "$code"
