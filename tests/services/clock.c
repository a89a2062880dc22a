// The time of day of one process, moved by as many seconds as a file says: loaded before the C library.
//
// As on a machine whose clock is set: what waits until a time of day waits until the moved clock shows it, also if the clock
// moves meanwhile. What counts from some start (CLOCK_MONOTONIC) is left alone. The kernel is asked, not the C library, so that
// nothing is moved twice.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { NANOS = 1000000000, SLICE = 50000000 };

static _Atomic int64_t unmoved;
static _Atomic int64_t *moved = &unmoved;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CATCHWATER_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof *moved, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) moved = mapped;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    int failed = (int)syscall(SYS_clock_gettime, clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += *moved;
    return failed;
}

int timespec_get(struct timespec *at, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, at) == 0 ? base : 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    *at = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *at) {
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

// For condition variables as they are made without attributes; in slices, since nobody wakes those who wait when the clock moves.
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict lock, const struct timespec *restrict until) {
    for (;;) {
        struct timespec now, slice;
        clock_gettime(CLOCK_REALTIME, &now);
        int64_t left = (int64_t)(until->tv_sec - now.tv_sec) * NANOS + until->tv_nsec - now.tv_nsec;
        int64_t wait = left < SLICE ? left : SLICE;
        clock_gettime(CLOCK_MONOTONIC, &slice);
        int64_t end = slice.tv_nsec + (wait > 0 ? wait : 0);
        slice.tv_sec += end / NANOS;
        slice.tv_nsec = end % NANOS;
        int woken = pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &slice);
        if (woken != ETIMEDOUT || left <= SLICE) return woken;
    }
}

// The C library's own does not come by here.
int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict lock, const struct timespec *restrict until) {
    int woken = pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)lock, until);
    return woken == 0 ? thrd_success : woken == ETIMEDOUT ? thrd_timedout : thrd_error;
}
