/* The part of NVML's interface that the lab offers. Types and codes are as the driver has them. */
#ifndef LAB_NVML_H
#define LAB_NVML_H

enum {
    OK = 0,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    DRIVER_NOT_LOADED = 9,
    GPU_IS_LOST = 15,
    VERSION_MISMATCH = 18,
    ARGUMENT_VERSION_MISMATCH = 25
};

typedef const char *Device; /* the device's UUID, kept for good */

typedef struct {
    unsigned long long total, free, used;
} Memory;

typedef struct {
    unsigned version;
    unsigned long long total, reserved, free, used;
} MemoryV2;

typedef struct {
    unsigned gpu, memory;
} Utilization;

typedef struct {
    unsigned pid;
    unsigned long long used;
} ProcessV1;

typedef struct {
    unsigned pid;
    unsigned long long used;
    unsigned gpu_instance, compute_instance;
} Process;

int nvmlInit_v2(void);
const char *nvmlErrorString(int code);
int nvmlSystemGetDriverVersion(char *text, unsigned room);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device *device);
int nvmlDeviceGetUUID(Device device, char *text, unsigned room);
int nvmlDeviceGetName(Device device, char *text, unsigned room);
int nvmlDeviceGetMemoryInfo(Device device, Memory *memory);
int nvmlDeviceGetTotalEccErrors(Device device, int kind, int counter, unsigned long long *count);
int nvmlDeviceGetTemperature(Device device, int sensor, unsigned *celsius);
int nvmlDeviceGetUtilizationRates(Device device, Utilization *rates);
int nvmlDeviceGetComputeRunningProcesses_v3(Device device, unsigned *count, Process *found);

#endif
