/* Plays a hook: paths below HOOK_FROM lead below HOOK_TO, no directory has HOOK_HIDDEN, and the uid is another's. Loaded
   before the C library, so that its functions are found first. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char *shown(const char *path, char room[4096]) {
    const char *from = getenv("HOOK_FROM"), *to = getenv("HOOK_TO");
    size_t length = from ? strlen(from) : 0;
    if (!from || !to || strncmp(path, from, length) != 0 || path[length] != '/')
        return path;
    snprintf(room, 4096, "%s%s", to, path + length);
    return room;
}

static int opened(int at, const char *path, int flags, int mode) {
    char room[4096];
    return syscall(SYS_openat, at, shown(path, room), flags, mode);
}

#define MODE(flags, mode) \
    int mode = 0; \
    va_list rest; \
    va_start(rest, flags); \
    if (flags & (O_CREAT | O_TMPFILE)) mode = va_arg(rest, int); \
    va_end(rest)

int open(const char *path, int flags, ...) { MODE(flags, mode); return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, mode); return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, mode); return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, mode); return opened(at, path, flags, mode); }

int stat(const char *path, struct stat *into) {
    char room[4096];
    return syscall(SYS_newfstatat, AT_FDCWD, shown(path, room), into, 0);
}

int lstat(const char *path, struct stat *into) {
    char room[4096];
    return syscall(SYS_newfstatat, AT_FDCWD, shown(path, room), into, AT_SYMLINK_NOFOLLOW);
}

ssize_t readlink(const char *path, char *into, size_t length) {
    char room[4096];
    return syscall(SYS_readlinkat, AT_FDCWD, shown(path, room), into, length);
}

ssize_t readlinkat(int at, const char *path, char *into, size_t length) {
    char room[4096];
    return syscall(SYS_readlinkat, at, shown(path, room), into, length);
}

int access(const char *path, int bits) {
    char room[4096];
    return syscall(SYS_faccessat, AT_FDCWD, shown(path, room), bits);
}

int statfs64(const char *path, struct statfs64 *into) {
    char room[4096];
    return syscall(SYS_statfs, shown(path, room), into);
}

struct dirent *readdir(DIR *directory) {
    struct dirent *(*next)(DIR *) = (struct dirent *(*)(DIR *))dlsym(RTLD_NEXT, "readdir");
    const char *hidden = getenv("HOOK_HIDDEN");
    struct dirent *entry;
    do
        entry = next(directory);
    while (entry && hidden && strcmp(entry->d_name, hidden) == 0);
    return entry;
}

uid_t getuid(void) { return 10234; }
