# End every process that carries the mark $1 in its environment: TERM, then KILL after $2 tenths of a
# second. The environment survives what a session or a process group does not: setsid and double forks.
# Exit code 0: none is left; 1: some are, and cannot be ended.
mark=$1
grace=$2
newline='
'

marked() {
    for process in /proc/[0-9]*; do
        # A zombie has no environment left and does not count.
        environment=$newline$(tr '\0' '\n' 2>/dev/null <"$process/environ")$newline
        case $environment in
        *"$newline$mark$newline"*) echo "${process#/proc/}" ;;
        esac
    done 2>/dev/null | sort -n # the shell around the command first: so it knows what then ends the command
}

# end SIGNAL TENTHS: send the signal and wait for the end; what comes up meanwhile gets it too.
end() {
    left=$2
    while pids=$(marked) && [ -n "$pids" ]; do
        [ "$left" -gt 0 ] || return 1
        for pid in $pids; do
            case " $told " in
            *" $1$pid "*) ;;
            *) kill -s "$1" "$pid" 2>/dev/null && told="$told $1$pid" ;;
            esac
        done
        sleep 0.1
        left=$((left - 1))
    done
}

told=
{ [ "$grace" -gt 0 ] && end TERM "$grace"; } || end KILL 50
