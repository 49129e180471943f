# Say what can be seen of the GPUs: by the Python program in $1, else by nvidia-smi, else that neither is
# here. Each may take $2 seconds.
seconds=${2:-10}

# The program bounds itself, unless its interpreter hangs; where there is a timeout command, use it too.
bounded() {
    if command -v timeout >/dev/null 2>&1; then
        timeout "$((seconds + 5))" "$@"
    else
        "$@"
    fi
}

for python in python3 python; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 6))' >/dev/null 2>&1; then
        bounded "$python" -c "$1" "$seconds"
        code=$?
        [ "$code" -eq 0 ] || echo "python exit $code"
        exit 0
    fi
done

if command -v nvidia-smi >/dev/null 2>&1; then
    echo "nvidia-smi gpus"
    bounded nvidia-smi --format=csv,noheader,nounits --query-gpu=index,uuid,name,driver_version,memory.used,memory.total,memory.free,temperature.gpu,utilization.gpu,ecc.errors.uncorrected.volatile.total,ecc.errors.uncorrected.aggregate.total 2>&1
    echo "nvidia-smi exit $?"
    echo "nvidia-smi processes"
    bounded nvidia-smi --format=csv,noheader,nounits --query-compute-apps=gpu_uuid,pid,used_memory 2>&1
    echo "nvidia-smi exit $?"
    # In a pid namespace of its own, a number that exists here cannot be mistaken for one of the whole machine.
    space=$(readlink /proc/self/ns/pid 2>/dev/null)
    if [ -n "$space" ] && [ "$space" != "pid:[4026531836]" ]; then
        echo "nvidia-smi container"
        (cd /proc && echo [0-9]*)
    fi
    exit 0
fi

echo "none usable"
