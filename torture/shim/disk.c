/* A disk that a test controls, loaded into the server with LD_PRELOAD. It sees every call that changes a file below
 * TORTURE_FOLDER.
 *
 * TORTURE_TRACE: each change is appended to this file, in the order in which the calls were made. A flush is only
 * written down: the trace says what would be on a disk that has lost its power at any point.
 *
 * TORTURE_ROOM: two 64-bit numbers. The first, written by the test, is how many bytes may be written from the start of
 * the server on; the second is how many were. A write beyond the first writes what fits, and then fails with ENOSPC.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPENED = 1, WRITTEN, CUT, FLUSHED, UNLINKED, FOLDER_FLUSHED, UNKNOWN };

/* As torture/src/disk/trace.rs reads it: little endian, followed by `length` bytes. */
struct entry {
    uint32_t kind, created;
    uint64_t file, offset, length;
};

#define FILES 65536
static struct {
    uint8_t watched, is_folder;
    uint64_t file;
} open_files[FILES];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static size_t folder_length;
static int trace = -1, room = -1;
static int64_t written;

#define REAL(result, name, ...) static result (*real_##name)(__VA_ARGS__)
REAL(int, open, const char *, int, ...);
REAL(int, openat, int, const char *, int, ...);
REAL(int, close, int);
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
REAL(int, ftruncate, int, off_t);
REAL(int, fsync, int);
REAL(int, fdatasync, int);
REAL(int, unlink, const char *);
REAL(int, rename, const char *, const char *);
REAL(int, posix_fallocate, int, off_t, off_t);
REAL(void *, mmap, void *, size_t, int, int, int, off_t);

static void find(void) {
    real_open = dlsym(RTLD_NEXT, "open64");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_posix_fallocate = dlsym(RTLD_NEXT, "posix_fallocate64");
    real_mmap = dlsym(RTLD_NEXT, "mmap64");
}

static pthread_once_t found = PTHREAD_ONCE_INIT;

__attribute__((constructor)) static void start(void) {
    pthread_once(&found, find);
    folder = getenv("TORTURE_FOLDER");
    folder_length = folder ? strlen(folder) : 0;
    const char *to = getenv("TORTURE_TRACE"), *limit = getenv("TORTURE_ROOM");
    if (to) trace = real_open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (limit) room = real_open(limit, O_RDWR | O_CLOEXEC);
    if ((to && trace < 0) || (limit && room < 0)) abort();
}

static void record(uint32_t kind, uint32_t created, uint64_t file, uint64_t offset, const void *data, size_t length) {
    if (trace < 0) return;
    struct entry entry = {kind, created, file, offset, length};
    struct iovec parts[2] = {{&entry, sizeof entry}, {(void *)data, length}};
    /* The trace must have all of it: a shorter one would be a wrong disk. */
    if (syscall(SYS_writev, trace, parts, 2) != (ssize_t)(sizeof entry + length)) abort();
}

/* The name of a file below the folder, or NULL. The index in shared memory is not
 * traced: it is never read after a crash. */
static const char *name_below(const char *path) {
    if (!folder || strncmp(path, folder, folder_length) != 0 || path[folder_length] != '/') return NULL;
    size_t length = strlen(path);
    return trace >= 0 && length > 4 && strcmp(path + length - 4, "-shm") == 0 ? NULL : path + folder_length + 1;
}

static int opened(int fd, const char *path, int flags, int existed) {
    struct stat state;
    if (fd < 0 || fd >= FILES || !folder) return fd;
    if (strcmp(path, folder) == 0) {
        open_files[fd].is_folder = 1;
    } else if (name_below(path) && fstat(fd, &state) == 0) {
        open_files[fd].watched = 1;
        open_files[fd].file = state.st_ino;
        const char *name = name_below(path);
        record(OPENED, (flags & O_CREAT) && !existed, state.st_ino, 0, name, strlen(name));
        if (flags & O_TRUNC) record(CUT, 0, state.st_ino, 0, NULL, 0);
    }
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

static int open_any(int at, const char *path, int flags, mode_t mode) {
    pthread_once(&found, find);
    pthread_mutex_lock(&mutex);
    int existed = folder && name_below(path) && access(path, F_OK) == 0;
    int fd = opened(real_openat(at, path, flags, mode), path, flags, existed);
    int error = errno;
    pthread_mutex_unlock(&mutex);
    errno = error;
    return fd;
}

int open(const char *path, int flags, ...) { MODE(flags) return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_any(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return open_any(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return open_any(at, path, flags, mode); }

static int is_watched(int fd) { return fd >= 0 && fd < FILES && open_files[fd].watched; }

int close(int fd) {
    pthread_once(&found, find);
    if (fd >= 0 && fd < FILES) memset(&open_files[fd], 0, sizeof open_files[fd]);
    return real_close(fd);
}

/* How many of these bytes may be written. */
static size_t fitting(size_t length) {
    int64_t limit;
    if (room < 0) return length;
    if (syscall(SYS_pread64, room, &limit, sizeof limit, 0) != sizeof limit) abort();
    int64_t left = limit - written;
    return left <= 0 ? 0 : (int64_t)length < left ? length : (size_t)left;
}

static void count(size_t length) {
    if (room < 0) return;
    written += length;
    if (syscall(SYS_pwrite64, room, &written, sizeof written, 8) != sizeof written) abort();
}

static ssize_t write_at(int fd, const void *data, size_t length, off_t offset, int is_positioned) {
    pthread_mutex_lock(&mutex);
    size_t fits = length ? fitting(length) : 0;
    ssize_t result = -1;
    int error = ENOSPC;
    if (fits || !length) {
        off_t place = is_positioned ? offset : lseek(fd, 0, SEEK_CUR);
        result = is_positioned ? real_pwrite(fd, data, fits, offset) : real_write(fd, data, fits);
        error = errno;
        if (result > 0) {
            record(WRITTEN, 0, open_files[fd].file, place, data, result);
            count(result);
        }
    }
    pthread_mutex_unlock(&mutex);
    errno = error;
    return result;
}

ssize_t write(int fd, const void *data, size_t length) {
    pthread_once(&found, find);
    return is_watched(fd) ? write_at(fd, data, length, 0, 0) : real_write(fd, data, length);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    pthread_once(&found, find);
    return is_watched(fd) ? write_at(fd, data, length, offset, 1) : real_pwrite(fd, data, length, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset) { return pwrite(fd, data, length, offset); }

int ftruncate(int fd, off_t length) {
    pthread_once(&found, find);
    if (!is_watched(fd)) return real_ftruncate(fd, length);
    pthread_mutex_lock(&mutex);
    int result = real_ftruncate(fd, length);
    int error = errno;
    if (result == 0) record(CUT, 0, open_files[fd].file, length, NULL, 0);
    pthread_mutex_unlock(&mutex);
    errno = error;
    return result;
}

int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }

/* A flush of a traced file takes no time: what counts is where it stands among the writes. */
static int flush(int fd, int (*real)(int)) {
    int is_folder = fd >= 0 && fd < FILES && open_files[fd].is_folder;
    if (trace < 0 || !(is_watched(fd) || is_folder)) return real(fd);
    pthread_mutex_lock(&mutex);
    record(is_folder ? FOLDER_FLUSHED : FLUSHED, 0, open_files[fd].file, 0, NULL, 0);
    pthread_mutex_unlock(&mutex);
    return 0;
}

int fsync(int fd) { pthread_once(&found, find); return flush(fd, real_fsync); }
int fdatasync(int fd) { pthread_once(&found, find); return flush(fd, real_fdatasync); }

int unlink(const char *path) {
    pthread_once(&found, find);
    const char *name = name_below(path);
    if (!name) return real_unlink(path);
    pthread_mutex_lock(&mutex);
    int result = real_unlink(path);
    int error = errno;
    if (result == 0) record(UNLINKED, 0, 0, 0, name, strlen(name));
    pthread_mutex_unlock(&mutex);
    errno = error;
    return result;
}

/* Calls that the server does not make on its files. If it begins to, the reader of the trace stops with their name. */
static void unknown(const char *call) {
    pthread_mutex_lock(&mutex);
    record(UNKNOWN, 0, 0, 0, call, strlen(call));
    pthread_mutex_unlock(&mutex);
}

int rename(const char *from, const char *to) {
    pthread_once(&found, find);
    if (name_below(from) || name_below(to)) unknown("rename");
    return real_rename(from, to);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
    pthread_once(&found, find);
    if (is_watched(fd)) unknown("posix_fallocate");
    return real_posix_fallocate(fd, offset, length);
}

int posix_fallocate64(int fd, off_t offset, off_t length) { return posix_fallocate(fd, offset, length); }

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    /* An allocator may ask for memory before the constructors have run. */
    if (!real_mmap) return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
    if (is_watched(fd) && (protection & PROT_WRITE) && (flags & MAP_SHARED)) unknown("mmap");
    return real_mmap(at, length, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap(at, length, protection, flags, fd, offset);
}
