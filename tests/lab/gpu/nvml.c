/* Stands in for NVIDIA's libnvidia-ml.so.1 on machines that have no GPU.
 *
 * Every call reads <bench>/state anew, so that a test changes what a running container sees by replacing
 * that file. Memory is in use by what the state says, and by processes that have called labHold(): each
 * keeps a lock on a file under <bench>/held, which the kernel drops when the process ends, however it ends.
 * That makes leaks, leftovers and what cures them as real as they can be without a device.
 */
#include "nvml.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "/run/dockwarden-lab-gpu"
#define HELD FOLDER "/bench/held"
#define MIB (1024ULL * 1024ULL)
#define MOST 64
#define TEXT 96

typedef struct {
    char uuid[TEXT], name[TEXT];
    int parent; /* the number of the GPU that this is a slice of, or -1 */
    long total_mib, used_mib, ecc, remap_pending, remap_failed, temperature, utilization;
    int error, open_error;
    Process processes[MOST];
    unsigned process_count;
} Gpu;

typedef struct {
    char driver[TEXT];
    int init, hang, count;
    Gpu gpus[MOST];
} State;

/* What the container may see: a list of UUIDs, written when it started. */
static int visible(const char *uuid) {
    char line[TEXT];
    int found = 0;
    FILE *file = fopen(FOLDER "/visible", "r");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        found |= strcmp(line, uuid) == 0;
    }
    if (file) fclose(file);
    return found;
}

static void copy(char *to, const char *from) { snprintf(to, TEXT, "%s", from); }

static void set(State *state, const char *key, const char *value) {
    Gpu *gpu = &state->gpus[state->count - 1];
    struct { const char *key; long *field; } numbers[] = {
        {"total_mib", &gpu->total_mib}, {"used_mib", &gpu->used_mib}, {"ecc", &gpu->ecc},
        {"remap_pending", &gpu->remap_pending}, {"remap_failed", &gpu->remap_failed},
        {"temperature", &gpu->temperature}, {"utilization", &gpu->utilization},
    };
    int slice = strcmp(key, "slice") == 0;
    if (strcmp(key, "driver") == 0) copy(state->driver, value);
    else if (strcmp(key, "init") == 0) state->init = atoi(value);
    else if (strcmp(key, "hang") == 0) state->hang = atoi(value);
    else if (slice || strcmp(key, "gpu") == 0) {
        if (state->count == MOST) return;
        gpu = &state->gpus[state->count];
        gpu->parent = -1;
        if (slice) {
            gpu->parent = state->count - 1;
            while (state->gpus[gpu->parent].parent >= 0) gpu->parent--;
        }
        state->count++;
        copy(gpu->uuid, value);
    } else if (state->count == 0) return;
    else if (strcmp(key, "name") == 0) copy(gpu->name, value);
    else if (strcmp(key, "error") == 0) gpu->error = atoi(value);
    else if (strcmp(key, "open_error") == 0) gpu->open_error = atoi(value);
    else if (strcmp(key, "process") == 0 && gpu->process_count < MOST) {
        Process *process = &gpu->processes[gpu->process_count];
        if (sscanf(value, "%u %llu", &process->pid, &process->used) != 2) return;
        process->used *= MIB;
        gpu->used_mib += (long)(process->used / MIB);
        gpu->process_count++;
    } else
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            if (strcmp(key, numbers[i].key) == 0) *numbers[i].field = atol(value);
}

static unsigned long pid_namespace(void) {
    struct stat found;
    return stat("/proc/self/ns/pid", &found) == 0 ? (unsigned long)found.st_ino : 0;
}

/* What living processes hold. As with NVIDIA's open kernel module, those of other pid namespaces take memory
 * but are not listed. */
static void add_held(State *state) {
    DIR *folder = opendir(HELD);
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        char path[512], uuid[TEXT];
        unsigned long mib, namespace;
        unsigned pid;
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, HELD "/%s", entry->d_name);
        FILE *file = fopen(path, "re");
        if (!file) continue;
        int alive = flock(fileno(file), LOCK_SH | LOCK_NB) != 0;
        int read = fscanf(file, "%95s %lu %u %lu", uuid, &mib, &pid, &namespace);
        fclose(file);
        if (!alive || read != 4) continue;
        for (int i = 0; i < state->count; i++) {
            Gpu *gpu = &state->gpus[i];
            if (strcmp(gpu->uuid, uuid) != 0) continue;
            gpu->used_mib += (long)mib;
            if (namespace == pid_namespace() && gpu->process_count < MOST)
                gpu->processes[gpu->process_count++] = (Process){pid, mib * MIB, 0, 0};
        }
    }
    if (folder) closedir(folder);
}

static State *state(void) {
    static State now;
    char line[256];
    memset(&now, 0, sizeof now);
    FILE *file = fopen(FOLDER "/bench/state", "re");
    if (!file) now.init = DRIVER_NOT_LOADED;
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *value = strchr(line, ' ');
        if (!value) continue;
        *value++ = 0;
        set(&now, line, value);
    }
    if (file) fclose(file);
    add_held(&now);
    return &now;
}

/* A UUID's one address, so that a handle stays good however often the state is read. */
static Device handle(const char *uuid) {
    static char known[MOST * 4][TEXT];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i][0] == 0) copy(known[i], uuid);
        if (strcmp(known[i], uuid) == 0) return known[i];
    }
    return NULL;
}

/* The device behind a handle, or in *code why there is none. */
static Gpu *find(Device device, int *code) {
    State *now = state();
    for (int i = 0; device && i < now->count; i++)
        if (strcmp(now->gpus[i].uuid, device) == 0) {
            Gpu *gpu = &now->gpus[i];
            *code = now->init ? now->init : gpu->open_error ? gpu->open_error : gpu->error;
            return *code ? NULL : gpu;
        }
    *code = GPU_IS_LOST;
    return NULL;
}

#define FIND(gpu, device)            \
    int code_;                       \
    Gpu *gpu = find(device, &code_); \
    if (!gpu) return code_

static int put(char *text, unsigned room, const char *value) {
    if (strlen(value) >= room) return INSUFFICIENT_SIZE;
    strcpy(text, value);
    return OK;
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    State *now = state();
    while (now->hang) pause();
    return now->init;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlInit(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return OK; }

const char *nvmlErrorString(int code) {
    switch (code) {
    case OK: return "Success";
    case INVALID_ARGUMENT: return "Invalid Argument";
    case NOT_SUPPORTED: return "Not Supported";
    case NOT_FOUND: return "Not Found";
    case INSUFFICIENT_SIZE: return "Insufficient Size";
    case DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case GPU_IS_LOST: return "GPU is lost";
    case 16: return "GPU requires restart";
    case VERSION_MISMATCH: return "Driver/library version mismatch";
    case ARGUMENT_VERSION_MISMATCH: return "Argument version mismatch";
    default: return "Unknown Error";
    }
}

int nvmlSystemGetDriverVersion(char *text, unsigned room) { return put(text, room, state()->driver); }

int nvmlDeviceGetCount_v2(unsigned *count) {
    State *now = state();
    *count = 0;
    for (int i = 0; i < now->count; i++)
        *count += now->gpus[i].parent < 0 && visible(now->gpus[i].uuid);
    return now->init;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device *device) {
    State *now = state();
    if (now->init) return now->init;
    for (int i = 0; i < now->count; i++) {
        Gpu *gpu = &now->gpus[i];
        if (gpu->parent >= 0 || !visible(gpu->uuid) || index-- > 0) continue;
        *device = handle(gpu->uuid);
        return gpu->open_error;
    }
    return INVALID_ARGUMENT;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, Device *device) {
    FIND(gpu, uuid);
    if (gpu->parent < 0 && !visible(uuid)) return NOT_FOUND;
    *device = handle(gpu->uuid);
    return OK;
}

int nvmlDeviceGetUUID(Device device, char *text, unsigned room) {
    FIND(gpu, device);
    return put(text, room, gpu->uuid);
}

int nvmlDeviceGetName(Device device, char *text, unsigned room) {
    FIND(gpu, device);
    return put(text, room, gpu->name);
}

int nvmlDeviceGetMemoryInfo(Device device, Memory *memory) {
    FIND(gpu, device);
    if (gpu->total_mib < 0) return NOT_SUPPORTED;
    long used = gpu->used_mib < gpu->total_mib ? gpu->used_mib : gpu->total_mib;
    *memory = (Memory){gpu->total_mib * MIB, (gpu->total_mib - used) * MIB, used * MIB};
    return OK;
}

int nvmlDeviceGetMemoryInfo_v2(Device device, MemoryV2 *memory) {
    Memory plain;
    if (memory->version != (sizeof *memory | 2 << 24)) return ARGUMENT_VERSION_MISMATCH;
    int code = nvmlDeviceGetMemoryInfo(device, &plain);
    if (code == OK)
        *memory = (MemoryV2){memory->version, plain.total, 0, plain.free, plain.used};
    return code;
}

int nvmlDeviceGetTotalEccErrors(Device device, int kind, int counter, unsigned long long *count) {
    FIND(gpu, device);
    (void)counter;
    if (gpu->ecc < 0 || gpu->parent >= 0) return NOT_SUPPORTED;
    *count = kind == 1 ? (unsigned long long)gpu->ecc : 0;
    return OK;
}

int nvmlDeviceGetRemappedRows(Device device, unsigned *correctable, unsigned *uncorrectable,
                              unsigned *pending, unsigned *failed) {
    FIND(gpu, device);
    if (gpu->remap_pending < 0 || gpu->parent >= 0) return NOT_SUPPORTED;
    *correctable = 0;
    *pending = gpu->remap_pending != 0;
    *failed = gpu->remap_failed != 0;
    *uncorrectable = *pending + *failed;
    return OK;
}

int nvmlDeviceGetTemperature(Device device, int sensor, unsigned *celsius) {
    FIND(gpu, device);
    if (sensor != 0) return INVALID_ARGUMENT;
    if (gpu->temperature < 0 || gpu->parent >= 0) return NOT_SUPPORTED;
    *celsius = (unsigned)gpu->temperature;
    return OK;
}

int nvmlDeviceGetUtilizationRates(Device device, Utilization *rates) {
    FIND(gpu, device);
    if (gpu->utilization < 0 || gpu->parent >= 0) return NOT_SUPPORTED;
    *rates = (Utilization){(unsigned)gpu->utilization, 0};
    return OK;
}

int nvmlDeviceGetComputeRunningProcesses_v3(Device device, unsigned *count, Process *found) {
    FIND(gpu, device);
    unsigned room = found ? *count : 0;
    *count = gpu->process_count;
    if (room < gpu->process_count) return INSUFFICIENT_SIZE;
    if (gpu->process_count) memcpy(found, gpu->processes, gpu->process_count * sizeof *found);
    return OK;
}

int nvmlDeviceGetComputeRunningProcesses_v2(Device device, unsigned *count, Process *found) {
    return nvmlDeviceGetComputeRunningProcesses_v3(device, count, found);
}

int nvmlDeviceGetComputeRunningProcesses(Device device, unsigned *count, ProcessV1 *found) {
    FIND(gpu, device);
    unsigned room = found ? *count : 0;
    *count = gpu->process_count;
    if (room < gpu->process_count) return INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < gpu->process_count; i++)
        found[i] = (ProcessV1){gpu->processes[i].pid, gpu->processes[i].used};
    return OK;
}

static int slices(Device device, unsigned index, Device *slice) {
    State *now = state();
    int count = 0;
    for (int i = 0; i < now->count; i++) {
        Gpu *gpu = &now->gpus[i];
        if (gpu->parent < 0 || strcmp(now->gpus[gpu->parent].uuid, device) != 0) continue;
        if (slice && index-- == 0) *slice = handle(gpu->uuid);
        count++;
    }
    return count;
}

int nvmlDeviceGetMigMode(Device device, unsigned *current, unsigned *pending) {
    FIND(gpu, device);
    if (gpu->parent >= 0) return INVALID_ARGUMENT;
    *current = *pending = slices(device, 0, NULL) > 0;
    return OK;
}

int nvmlDeviceGetMaxMigDeviceCount(Device device, unsigned *count) {
    FIND(gpu, device);
    *count = slices(device, 0, NULL) ? 7 : 0;
    (void)gpu;
    return OK;
}

int nvmlDeviceGetMigDeviceHandleByIndex(Device device, unsigned index, Device *slice) {
    FIND(gpu, device);
    (void)gpu;
    *slice = NULL;
    slices(device, index, slice);
    return *slice ? OK : NOT_FOUND;
}

/* Not NVML's: take memory of a device until this process ends, as an allocation would. */
int labHold(const char *uuid, unsigned mib) {
    static unsigned held;
    char hidden[512], shown[512];
    int pid = getpid(), order = (int)held++;
    unsigned long namespace = pid_namespace();
    snprintf(hidden, sizeof hidden, HELD "/.%lu-%d-%d", namespace, pid, order);
    snprintf(shown, sizeof shown, HELD "/%lu-%d-%d", namespace, pid, order);
    int file = open(hidden, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || flock(file, LOCK_EX | LOCK_NB) != 0) return -1;
    dprintf(file, "%s %u %d %lu\n", uuid, mib, pid, namespace);
    return rename(hidden, shown); /* with the lock already on it, nobody sees it as abandoned */
}
