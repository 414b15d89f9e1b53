/* Plays what detectors look for in whatever program it is loaded into, before that program begins: by PLANT a thread of an
   instrumentation tool, or a debugger that is attached. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static void *waits(void *nothing) {
    for (;;) pause();
    return nothing;
}

/* Traces the program until it ends. */
static void trace(pid_t program, int may, int done) {
    char byte = 0;
    int status;
    if (read(may, &byte, 1) != 1 || ptrace(PTRACE_SEIZE, program, 0, 0) != 0) _exit(1);
    if (write(done, "x", 1) != 1) _exit(1);
    close(done);
    while (waitpid(program, &status, 0) == program && WIFSTOPPED(status))
        ptrace(PTRACE_CONT, program, 0, WSTOPSIG(status));
    _exit(0);
}

/* Lets a child trace the program. It goes on once it is traced, or the child gave up. */
static void be_traced(void) {
    int may[2], done[2];
    char byte;
    pid_t program = getpid();
    if (pipe(may) != 0 || pipe(done) != 0) return;
    pid_t child = fork();
    if (child == 0) {
        close(may[1]);
        close(done[0]);
        trace(program, may[0], done[1]);
    }
    close(may[0]);
    close(done[1]);
    prctl(PR_SET_PTRACER, child, 0, 0, 0);
    if (write(may[1], "x", 1) == 1 && read(done[0], &byte, 1) == 1) setenv("PLANTED", "yes", 1);
    close(may[1]);
    close(done[0]);
}

__attribute__((constructor)) static void plant(void) {
    const char *what = getenv("PLANT");
    pthread_t thread;
    if (!what) return;
    if (strcmp(what, "thread") == 0 && pthread_create(&thread, NULL, waits, NULL) == 0
        && pthread_setname_np(thread, "gum-js-loop") == 0)
        setenv("PLANTED", "yes", 1);
    if (strcmp(what, "tracer") == 0) be_traced();
}
