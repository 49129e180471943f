# Send a signal to processes: $1 is its name, each further argument PID:START, the number of a process in
# here and its start in clock ticks. Whoever has been given that number since is left alone. What is to be
# killed is stopped first, so that none of it starts another.
signal=$1
shift

started() {
    read -r stat <"/proc/$1/stat" && set -- ${stat##*)} && echo "${20}"
}

for now in $([ "$signal" = KILL ] && echo STOP) "$signal"; do
    for process; do
        pid=${process%:*}
        [ "$(started "$pid")" = "${process#*:}" ] && kill -s "$now" "$pid"
    done
done 2>/dev/null
exit 0
