/* Stands in for nvidia-smi: answers `--query-gpu` and `--query-compute-apps` from the lab's NVML.
 * Always as CSV without header and units. Errors are worded, and exit codes chosen, as the real one does. */
#include "nvml.h"

#include <stdio.h>
#include <string.h>

#define MIB (1024ULL * 1024ULL)

static int refuse(int code) {
    if (code == DRIVER_NOT_LOADED)
        puts("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that "
             "the latest NVIDIA driver is installed and running.");
    else
        printf("Failed to initialize NVML: %s\n", nvmlErrorString(code));
    return code > 0 && code < 255 ? code : 255;
}

static void cell(const char *field, unsigned index, Device device) {
    char text[96] = "[N/A]";
    unsigned celsius;
    unsigned long long count;
    Memory memory;
    Utilization rates;
    int code = nvmlDeviceGetMemoryInfo(device, &memory);
    if (strncmp(field, "memory.", 7) == 0) {
        unsigned long long bytes = strcmp(field, "memory.used") == 0    ? memory.used
                                   : strcmp(field, "memory.total") == 0 ? memory.total
                                                                        : memory.free;
        if (code == OK) snprintf(text, sizeof text, "%llu", bytes / MIB);
        else if (code != NOT_SUPPORTED) snprintf(text, sizeof text, "[%s]", nvmlErrorString(code));
    } else if (strcmp(field, "index") == 0) snprintf(text, sizeof text, "%u", index);
    else if (strcmp(field, "uuid") == 0) snprintf(text, sizeof text, "%s", device);
    else if (strcmp(field, "name") == 0) nvmlDeviceGetName(device, text, sizeof text);
    else if (strcmp(field, "driver_version") == 0) nvmlSystemGetDriverVersion(text, sizeof text);
    else if (strcmp(field, "temperature.gpu") == 0) {
        if (nvmlDeviceGetTemperature(device, 0, &celsius) == OK)
            snprintf(text, sizeof text, "%u", celsius);
    } else if (strcmp(field, "utilization.gpu") == 0) {
        if (nvmlDeviceGetUtilizationRates(device, &rates) == OK)
            snprintf(text, sizeof text, "%u", rates.gpu);
    } else if (strncmp(field, "ecc.errors.uncorrected.", 23) == 0) {
        if (nvmlDeviceGetTotalEccErrors(device, 1, 0, &count) == OK)
            snprintf(text, sizeof text, "%llu", count);
    }
    fputs(text, stdout);
}

static void gpu(char *fields, unsigned index, Device device) {
    for (char *field = strtok(fields, ","); field; field = strtok(NULL, ",")) {
        if (field != fields) fputs(", ", stdout);
        cell(field, index, device);
    }
    putchar('\n');
}

static void processes(Device device) {
    Process found[64];
    unsigned count = 64;
    if (nvmlDeviceGetComputeRunningProcesses_v3(device, &count, found) != OK) return;
    for (unsigned i = 0; i < count; i++)
        printf("%s, %u, %llu\n", device, found[i].pid, found[i].used / MIB);
}

int main(int argc, char **argv) {
    const char *wanted = "";
    unsigned count = 0;
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--query-gpu=", 12) == 0) wanted = argv[i] + 12;
    int code = nvmlInit_v2();
    if (code == OK) code = nvmlDeviceGetCount_v2(&count);
    if (code != OK) return refuse(code);
    if (count == 0) return puts("No devices were found"), 6;
    for (unsigned index = 0; index < count; index++) {
        char fields[1024];
        Device device;
        snprintf(fields, sizeof fields, "%s", wanted);
        code = nvmlDeviceGetHandleByIndex_v2(index, &device);
        if (code != OK) {
            printf("Unable to determine the device handle for GPU %u: %s. Reboot the system to recover "
                   "this GPU\n", index, nvmlErrorString(code));
            return code < 255 ? code : 255;
        }
        if (*wanted) gpu(fields, index, device);
        else processes(device);
    }
    return 0;
}
