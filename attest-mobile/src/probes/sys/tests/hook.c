/* Plays a hook: paths below HOOK_FROM lead below HOOK_TO, and with HOOK_BACK links that lead there seem to lead back; no directory
   has HOOK_HIDDEN; what is read of /proc/self has no line with HOOK_LINES; and the uid is another's. Loaded before the C library,
   so that its functions are found first. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char *shown(const char *path, char room[4096]) {
    const char *from = getenv("HOOK_FROM"), *to = getenv("HOOK_TO");
    size_t length = from ? strlen(from) : 0;
    if (!from || !to || strncmp(path, from, length) != 0 || (path[length] != '/' && path[length]))
        return path;
    snprintf(room, 4096, "%s%s", to, path + length);
    return room;
}

/* A copy in memory of what a file of this process says, without the lines that are hidden. */
static int censored(const char *path, const char *hidden) {
    int copy = memfd_create("copy", MFD_CLOEXEC), fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
    FILE *file = fdopen(fd, "r"), *out = fdopen(dup(copy), "w");
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, file) > 0)
        if (!strstr(line, hidden)) fputs(line, out);
    free(line);
    fclose(file);
    fclose(out);
    lseek(copy, 0, SEEK_SET);
    return copy;
}

static int opened(int at, const char *path, int flags, int mode) {
    char room[4096];
    const char *hidden = getenv("HOOK_LINES");
    if (hidden && strncmp(path, "/proc/self/", 11) == 0 && !strchr(path + 11, '/') && strcmp(path + 11, "cmdline"))
        if (!(flags & O_DIRECTORY) && strcmp(path + 11, "fd") && strcmp(path + 11, "task")) return censored(path, hidden);
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

static ssize_t linked(int at, const char *path, char *into, size_t length) {
    char room[4096];
    ssize_t found = syscall(SYS_readlinkat, at, shown(path, room), into, length);
    const char *from = getenv("HOOK_FROM"), *to = getenv("HOOK_TO");
    size_t kept = from && to && getenv("HOOK_BACK") ? strlen(to) : 0;
    if (kept == 0 || found < (ssize_t)kept || memcmp(into, to, kept) != 0 || strlen(from) > kept)
        return found;
    memcpy(into, from, strlen(from));
    memmove(into + strlen(from), into + kept, found - kept);
    return found - kept + strlen(from);
}

ssize_t readlink(const char *path, char *into, size_t length) { return linked(AT_FDCWD, path, into, length); }

int unlink(const char *path) {
    char room[4096];
    return syscall(SYS_unlinkat, AT_FDCWD, shown(path, room), 0);
}

ssize_t readlinkat(int at, const char *path, char *into, size_t length) {
    return linked(at, path, into, length);
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
