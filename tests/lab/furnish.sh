# Furnishes a room, in its namespaces: $1 is the file that says so, $2 a root file system to live in or nothing,
# $3 where it is put together. What the room shares with the machine follows.
set -e
furnished=$1 root=$2 new=$3
shift 3
if [ -n "$root" ]; then
    # Writes go to memory, so the root file system stays as it was made.
    mkdir -p "$new"
    mount -t tmpfs -o mode=0755 dockwarden-lab "$new"
    mkdir "$new/upper" "$new/work" "$new/merged"
    mount -t overlay -o "lowerdir=$root,upperdir=$new/upper,workdir=$new/work" dockwarden-lab "$new/merged"
    new=$new/merged
    mount -t tmpfs -o mode=0755 dockwarden-lab "$new/run"
    # Paths are the same in the room and outside of it, so that bind mounts are.
    for shared in "$@"; do
        mkdir -p "$new$shared"
        mount --rbind "$shared" "$new$shared"
    done
    mkdir "$new/.outside"
    cd "$new"
    # Not chroot: runc pivots in its turn, and nsenter finds the root of the namespace.
    pivot_root . .outside
    cd /
    umount --lazy /.outside
    rmdir /.outside
fi
mkdir -p /run/containerd /etc/docker
mount -t tmpfs -o mode=0711 dockwarden-lab /run/containerd
mount -t tmpfs -o mode=0755 dockwarden-lab /etc/docker
# crun takes a mix of both versions of control groups for neither.
if [ -n "$PODMAN" ] && [ -d /sys/fs/cgroup/unified ]; then umount --lazy /sys/fs/cgroup/unified; fi
ip link set lo up
: > "$furnished"
exec sleep infinity
