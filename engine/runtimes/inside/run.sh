# Run a command; its output goes to files in $1 while it comes, and so does its exit code at the end.
# The time of the file started is that of its start, the time of exit_code that of its end.
# The arguments are passed on as they are: nothing is joined, split or interpreted.
folder=$1
shift
# A signal to the whole process group is the command's to act on; this shell stays to note its end.
# (A trap that does something is not inherited, unlike one that ignores.)
trap : HUP INT TERM
: >"$folder/started"
"$@" >>"$folder/stdout" 2>>"$folder/stderr" </dev/null
code=$?
echo "$code" >"$folder/exit_code"
exit "$code"
