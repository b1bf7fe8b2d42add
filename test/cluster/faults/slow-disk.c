/*
 * A disk whose syncs take longer, for LD_PRELOAD: before each fsync and fdatasync of a file below SLOW_DISK_ROOT the
 * calling thread sleeps for as many milliseconds as the text of the file SLOW_DISK_CONTROL says, read anew each time,
 * so that a running process can be slowed down and let go again. No such file, or no number in it: no delay.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int (*sync_function)(int);

static int is_below_root(int fd) {
  const char *root = getenv("SLOW_DISK_ROOT");
  char link[64], path[PATH_MAX] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (!root || readlink(link, path, sizeof path - 1) < 0) return 0;
  return strncmp(path, root, strlen(root)) == 0 && path[strlen(root)] == '/';
}

static long delay_ms(void) {
  const char *control = getenv("SLOW_DISK_CONTROL");
  char text[16] = "";
  int fd = control ? open(control, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  return length > 0 ? atol(text) : 0;
}

static int synced(const char *name, int fd) {
  long ms = is_below_root(fd) ? delay_ms() : 0;
  struct timespec left = {ms / 1000, (ms % 1000) * 1000000};
  while (ms > 0 && nanosleep(&left, &left) != 0 && errno == EINTR) continue;
  return ((sync_function)dlsym(RTLD_NEXT, name))(fd);
}

int fsync(int fd) { return synced("fsync", fd); }
int fdatasync(int fd) { return synced("fdatasync", fd); }
