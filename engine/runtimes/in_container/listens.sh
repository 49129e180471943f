# Exit code 0: something listens on the TCP port $1 of this network namespace.
port=$(printf '%04X' "$1")
for table in /proc/net/tcp /proc/net/tcp6; do
    [ -r "$table" ] || continue
    while read -r _ local _ state _; do
        [ "$state" = 0A ] && [ "${local##*:}" = "$port" ] && exit 0
    done <"$table"
done
exit 1
