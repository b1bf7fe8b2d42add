/*
 * A disk that loses what was not synced, for LD_PRELOAD: beside every file below POWER_LOSS_ROOT a shadow of what is
 * durable is kept below POWER_LOSS_SHADOW. After SIGKILL the shadow is what a power loss would have left, at its worst.
 *
 * - fsync and fdatasync of a file copy what was written through that descriptor since its last sync (SQLite writes with
 *   pwrite64), or the whole file where that is unknown, and return only then. Copying reads the given descriptor where
 *   it can: opening and closing another one would drop SQLite's POSIX locks.
 * - A new file's name is durable with its first sync, as on ext4 and xfs; a rename or a removal only with a sync of the
 *   folder. Until then the new content waits under "<name>.renamed".
 * - POWER_LOSS_FORGET names an end of file names whose syncs are not recorded: a disk that lies.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 4096
#define RENAMED ".renamed"
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

typedef int (*sync_function)(int);
static struct { ino_t file; off_t from, to; } written[FILES_MAX];
static pthread_mutex_t recording = PTHREAD_MUTEX_INITIALIZER;

/* A shadow with a hole would make the test say anything: end the process instead. */
static void must(int ok, const char *what, const char *path) {
  if (ok) return;
  fprintf(stderr, "power-loss: cannot %s %s: %s\n", what, path, strerror(errno));
  abort();
}

static int ends_with(const char *text, const char *end) {
  size_t length = strlen(text), wanted = strlen(end);
  return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* The shadow's path of a watched one; 0 for any other. */
static int shadow_of(const char *path, char *shadow) {
  const char *root = getenv("POWER_LOSS_ROOT"), *base = getenv("POWER_LOSS_SHADOW");
  if (!root || !base || strncmp(path, root, strlen(root)) || path[strlen(root)] != '/') return 0;
  return snprintf(shadow, PATH_MAX, "%s%s", base, path + strlen(root)) < PATH_MAX;
}

static void copy_range(int fd, const char *shadow, off_t from, off_t to, off_t size) {
  static char block[1 << 20];
  int out = open(shadow, O_WRONLY | O_CREAT | O_CLOEXEC, 0644), in = fd;
  must(out >= 0, "open", shadow);
  if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    must((in = open(link, O_RDONLY | O_CLOEXEC)) >= 0, "read", link);
  }
  while (from < to) {
    ssize_t got = pread(in, block, MIN(to - from, (off_t)sizeof block), from);
    if (got == 0) break;
    must(got > 0 && pwrite(out, block, got, from) == got, "copy to", shadow);
    from += got;
  }
  struct stat copied;
  must(fstat(out, &copied) == 0 && (copied.st_size <= size || ftruncate(out, size) == 0), "cut", shadow);
  if (in != fd) close(in);
  close(out);
}

/* The folder's renames and removals are durable now. */
static void record_folder(const char *path, const char *shadow) {
  struct dirent *entry;
  char old[PATH_MAX * 2], now[PATH_MAX * 2];
  DIR *folder = opendir(shadow);
  must(folder != NULL, "list", shadow);
  while ((entry = readdir(folder)) != NULL) {
    if (entry->d_name[0] == '.') continue;
    snprintf(old, sizeof old, "%s/%s", shadow, entry->d_name);
    if (ends_with(old, RENAMED)) {
      snprintf(now, sizeof now, "%.*s", (int)(strlen(old) - strlen(RENAMED)), old);
      must(rename(old, now) == 0 || errno == ENOENT, "rename", old);
      continue;
    }
    snprintf(now, sizeof now, "%s/%s", path, entry->d_name);
    if (access(now, F_OK) != 0) unlink(old);
  }
  closedir(folder);
}

static void record_sync(int fd) {
  char link[64], path[PATH_MAX] = "", shadow[PATH_MAX];
  struct stat file;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (readlink(link, path, sizeof path - 1) < 0 || !shadow_of(path, shadow) || fstat(fd, &file)) return;
  const char *forget = getenv("POWER_LOSS_FORGET");
  if (forget && *forget && ends_with(path, forget)) return;
  if (S_ISDIR(file.st_mode)) record_folder(path, shadow);
  else if (fd < FILES_MAX && written[fd].file == file.st_ino && access(shadow, F_OK) == 0)
    copy_range(fd, shadow, written[fd].from, written[fd].to, file.st_size);
  else if (file.st_nlink > 0) copy_range(fd, shadow, 0, file.st_size, file.st_size);
  if (fd < FILES_MAX) written[fd].file = 0;
}

/* No rename may come between a folder's sync and its recording: only files are synced side by side. */
static int synced(const char *name, int fd) {
  struct stat file;
  int folder = fstat(fd, &file) == 0 && S_ISDIR(file.st_mode);
  if (folder) pthread_mutex_lock(&recording);
  int result = ((sync_function)dlsym(RTLD_NEXT, name))(fd), error = errno;
  if (!folder) pthread_mutex_lock(&recording);
  if (result == 0) record_sync(fd);
  pthread_mutex_unlock(&recording);
  errno = error;
  return result;
}

int fsync(int fd) { return synced("fsync", fd); }
int fdatasync(int fd) { return synced("fdatasync", fd); }

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
  ssize_t done = real(fd, bytes, count, offset);
  struct stat file;
  int error = errno;
  if (done > 0 && fd < FILES_MAX && fstat(fd, &file) == 0) {
    int again = written[fd].file == file.st_ino;
    written[fd].from = again ? MIN(written[fd].from, offset) : offset;
    written[fd].to = again ? MAX(written[fd].to, offset + done) : offset + done;
    written[fd].file = file.st_ino;
  }
  errno = error;
  return done;
}

int rename(const char *from, const char *to) {
  static int (*real)(const char *, const char *);
  char old[PATH_MAX], now[PATH_MAX];
  if (!real) real = dlsym(RTLD_NEXT, "rename");
  if (!shadow_of(from, old) || !shadow_of(to, now)) return real(from, to);
  strncat(now, RENAMED, PATH_MAX - strlen(now) - 1);
  pthread_mutex_lock(&recording);
  int result = real(from, to), error = errno;
  /* Renamed without a sync of its own: the name is there after a power loss, the content is not. */
  if (result == 0 && real(old, now) != 0) copy_range(-1, now, 0, 0, 0);
  pthread_mutex_unlock(&recording);
  errno = error;
  return result;
}
