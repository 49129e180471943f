# Send a signal to processes: $1 is its name, each argument from $3 on PID:START, the number of a process in
# here and its start in clock ticks. Whoever has been given that number since is left alone. What is to be
# killed is stopped first, so that none of it starts another.
# $2 is the shell around a command, likewise. It is sent the signal only if its command still runs, and before
# that: so it knows whether a signal came before the command's end.
signal=$1
shell=$2
shift 2

# Without a process of its own for each: there may be hundreds.
started() {
    start=
    read -r stat <"/proc/$1/stat" && set -- ${stat##*)} && start=${20}
}

# The parent of a process that has not ended.
parent() {
    read -r stat <"/proc/$1/stat" && set -- ${stat##*)} && [ "$1" != Z ] && echo "$2"
}

for process; do
    if [ "$(parent "${process%:*}")" = "${shell%:*}" ]; then
        set -- "$shell" "$@"
        break
    fi
done 2>/dev/null

for now in $([ "$signal" = KILL ] && echo STOP) "$signal"; do
    for process; do
        pid=${process%:*}
        started "$pid"
        [ "$start" = "${process#*:}" ] && kill -s "$now" "$pid"
    done
done 2>/dev/null
exit 0
