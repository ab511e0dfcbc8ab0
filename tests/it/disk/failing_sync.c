/* Syncs that fail when a test wants them to, loaded before the C library (LD_PRELOAD).
 *
 * FAIL_SYNC_DIR names a folder. While there is a file `all` in it, every sync fails; a file `next`
 * lets one sync of a log segment fail, which takes the file away. `log` receives a line for each
 * sync: `ok` or `failed`, the descriptor, the path. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *in_folder(char *path, const char *name) {
    snprintf(path, PATH_MAX, "%s/%s", getenv("FAIL_SYNC_DIR"), name);
    return path;
}

static int must_fail(const char *synced) {
    char path[PATH_MAX];
    const char *end = strrchr(synced, '.');
    int is_segment = end && strcmp(end, ".wal") == 0;
    return access(in_folder(path, "all"), F_OK) == 0
        || (is_segment && unlink(in_folder(path, "next")) == 0);
}

static void note(const char *outcome, int fd, const char *synced) {
    char path[PATH_MAX], line[PATH_MAX + 64];
    int log = open(in_folder(path, "log"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    int length = snprintf(line, sizeof line, "%s %d %s\n", outcome, fd, synced);
    if (log < 0 || write(log, line, length) != length)
        abort(); /* a sync that is not noted could hide a repeated one */
    close(log);
}

static int sync_or_fail(long call, int fd) {
    char link[64], synced[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, synced, sizeof synced - 1) < 0)
        abort();
    if (must_fail(synced)) {
        note("failed", fd, synced);
        errno = EIO;
        return -1;
    }
    int result = syscall(call, fd), error = errno;
    note("ok", fd, synced);
    errno = error;
    return result;
}

int fsync(int fd) { return sync_or_fail(SYS_fsync, fd); }

int fdatasync(int fd) { return sync_or_fail(SYS_fdatasync, fd); }
