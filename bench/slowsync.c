/* LD_PRELOAD: makes every fsync and fdatasync take SLOWSYNC_MS longer, as on a disk that has to turn. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_a_while(void) {
    const char *milliseconds = getenv("SLOWSYNC_MS");
    usleep((milliseconds ? atoi(milliseconds) : 8) * 1000);
}

int fsync(int file) {
    static int (*real)(int);
    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_a_while();
    return real(file);
}

int fdatasync(int file) {
    static int (*real)(int);
    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_a_while();
    return real(file);
}
