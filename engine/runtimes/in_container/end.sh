# End what a command left running, where the controller cannot number the container's processes: send TERM,
# then KILL after a grace.
# $1: MARK=ID, which processes of the command carry in their environment unless they have wiped it.
# $2: the command's folder, by which the shell around it is known.
# $3: what started later than so many hundredths of a second before this shell did not run before the command.
# $4: the grace, in tenths of a second.
# $5: whose the orphans are that process 1 adopts: "orphans" of the command, or perhaps the "service" has
#     started them. "host": other processes than the container's are seen here; only marked ones are ended.
# Exit code 0: none is left; 1: some are, and cannot be ended.
# The rule is that of engine/runtimes/process_ownership.py: a process can change neither its start, nor its ancestors,
# and it cannot join a session.
mark=$1
folder=$2
grace=$4
whose=$5
newline='
'

# Set parent, session and start of a process that runs. No process is started for it: there may be hundreds.
look() {
    read -r stat <"/proc/$1/stat" || return 1
    set -- ${stat##*)}
    [ "$1" != Z ] && [ "$1" != X ] || return 1
    parent=$2
    session=$4
    start=${20}
} 2>/dev/null

marked() {
    environment=$newline$(tr '\0' '\n' <"/proc/$1/environ")$newline
    case $environment in
    *"$newline$mark$newline"*) ;;
    *) return 1 ;;
    esac
} 2>/dev/null

around() {
    arguments=$(tr '\0' ' ' <"/proc/$1/cmdline")
    case $arguments in
    *" dockwarden $folder "*) ;;
    *) return 1 ;;
    esac
} 2>/dev/null

# Add to the others all that descends from them. What process 1 has adopted is not its child.
with_children() {
    grown=yes
    while [ "$grown" ]; do
        grown=
        set -- $table
        while [ $# -gt 0 ]; do
            case "$others" in
            *" $1 "*) ;;
            *" $2 "*) [ "$2" = 1 ] && [ "$whose" = orphans ] || { others="$others$1 " && grown=yes; } ;;
            esac
            shift 4
        done
    done
}

# Set left to the processes of the command, as PID:START, and shell to the one around it.
find() {
    table=
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        look "$pid" && table="$table $pid $parent $session $start"
    done
    others=' '
    sessions=' '
    left=
    shell=
    if [ "$whose" != host ]; then
        set -- $table
        while [ $# -gt 0 ]; do
            [ "$1" != 1 ] && [ "$4" -ge "$cut" ] || others="$others$1 "
            shift 4
        done
        with_children
        set -- $table
        while [ $# -gt 0 ]; do
            case "$others" in *" $1 "*) sessions="$sessions$3 " ;; esac
            shift 4
        done
        set -- $table
        while [ $# -gt 0 ]; do
            case "$others" in
            *" $1 "*) ;;
            *)
                if [ "$2" = 0 ] && [ "$1" != $$ ] && around "$1"; then
                    shell=$1:$4
                elif [ "$2" = 0 ]; then # another exec: a health check, the user, this shell
                    others="$others$1 "
                else
                    case "$sessions" in *" $3 "*) others="$others$1 " ;; esac
                fi
                ;;
            esac
            shift 4
        done
        with_children
    fi
    set -- $table
    while [ $# -gt 0 ]; do
        case "$whose$others" in
        host*) [ "$4" -lt "$cut" ] || ! marked "$1" || left="$left $1:$4" ;;
        *" $1 "*) [ "$4" -lt "$cut" ] || ! marked "$1" || left="$left $1:$4" ;;
        *) left="$left $1:$4" ;;
        esac
        shift 4
    done
}

# Whether the command in the shell around it still runs.
commanded() {
    for process in $left; do
        look "${process%:*}" && [ "$parent" = "${shell%:*}" ] && return
    done
    return 1
}

# tell SIGNAL PID:START: send it once.
tell() {
    case "$told" in
    *" $1$2 "*) return ;;
    esac
    look "${2%:*}" && [ "$start" = "${2#*:}" ] && kill -s "$1" "${2%:*}" && told="$told$1$2 " && new=yes
} 2>/dev/null

# end SIGNAL TENTHS: send the signal and wait for the end; what comes up meanwhile gets it too.
end() {
    tries=$2
    while find && [ -n "$left" ]; do
        new=
        # The shell knows so whether a signal came before the end of its command, and then notes that.
        if [ -n "$shell" ] && [ "$1" != KILL ] && commanded; then
            tell "$1" "$shell"
        elif [ -n "$shell" ] && [ "$left" = " $shell" ] && [ "$((tries + 5))" -lt "$2" ]; then
            tell "$1" "$shell"
        fi
        # What is to be killed is stopped first, so that none of it starts another.
        for signal in $([ "$1" = KILL ] && echo STOP) "$1"; do
            for process in $left; do
                [ "$process" = "$shell" ] || tell "$signal" "$process"
            done
        done
        [ "$tries" -gt 0 ] || return 1
        [ "$new" ] || sleep 0.1
        tries=$((tries - 1))
    done
}

told=' '
look $$ || exit 1
cut=$((start - $3))
{ [ "$grace" -gt 0 ] && end TERM "$grace"; } || end KILL 50
