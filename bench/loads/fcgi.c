/* Load for FastCGI servers: kept connections, each with one request at a time or several.

   fcgi PORT CONNECTIONS REQUESTS SECONDS FILE
   sends the records in FILE, which are one request, as often as they are answered. Prints how many answers
   have come. It is in C so that the load takes little of the machine that the server is measured on. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEADER_BYTES = 8, END_REQUEST = 3, STDOUT = 6, STDERR = 7, MAX_REQUESTS = 64 };
enum { MAX_REQUEST_BYTES = 4096, READ_BYTES = 65536 };

struct connection {
  int socket;
  /* What has come of the header, or of the content that is looked at. */
  unsigned char head[2 * HEADER_BYTES];
  int headBytes;
  /* What is left to be skipped of the record. */
  int skipBytes;
  /* Bytes that each request was answered with. */
  long answered[MAX_REQUESTS + 1];
};

static unsigned char request[MAX_REQUEST_BYTES];
static int requestBytes;
static unsigned char out[MAX_REQUESTS * MAX_REQUEST_BYTES];
static int outBytes;
static long answers;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* Appends the request with another number. */
static void append(int id) {
  unsigned char *start = out + outBytes;
  memcpy(start, request, requestBytes);
  for (int at = 0; at < requestBytes;) {
    unsigned char *head = start + at;
    head[2] = id >> 8;
    head[3] = id;
    at += HEADER_BYTES + (head[4] << 8 | head[5]) + head[6];
  }
  outBytes += requestBytes;
}

static void sendAll(int socket) {
  for (int at = 0; at < outBytes;) {
    ssize_t bytes = send(socket, out + at, outBytes - at, MSG_NOSIGNAL);
    if (bytes < 0) fail("send");
    at += bytes;
  }
  outBytes = 0;
}

static void onRecord(struct connection *c) {
  unsigned char *head = c->head;
  int id = head[2] << 8 | head[3];
  int length = head[4] << 8 | head[5];
  if (id < 1 || id > MAX_REQUESTS || head[1] == STDERR) {
    fprintf(stderr, "a record of type %d for request %d\n", head[1], id);
    exit(1);
  }
  c->skipBytes = length + head[6];
  if (head[1] == STDOUT) c->answered[id] += length;
  if (head[1] != END_REQUEST) return;
  c->skipBytes -= HEADER_BYTES;
  static const unsigned char inOrder[5];
  if (memcmp(head + HEADER_BYTES, inOrder, 5) != 0 || c->answered[id] < 5) {
    fprintf(stderr, "request %d failed after %ld bytes\n", id, c->answered[id]);
    exit(1);
  }
  answers++;
  c->answered[id] = 0;
  append(id);
}

static void onReadable(struct connection *c) {
  static unsigned char bytes[READ_BYTES];
  ssize_t count = recv(c->socket, bytes, sizeof bytes, 0);
  if (count <= 0) fail("recv");
  for (ssize_t at = 0; at < count;) {
    if (c->skipBytes > 0) {
      int skipped = c->skipBytes < count - at ? c->skipBytes : count - at;
      c->skipBytes -= skipped;
      at += skipped;
      continue;
    }
    c->head[c->headBytes++] = bytes[at++];
    int needed = c->headBytes > 1 && c->head[1] == END_REQUEST ? 2 * HEADER_BYTES : HEADER_BYTES;
    if (c->headBytes < needed) continue;
    c->headBytes = 0;
    onRecord(c);
  }
  if (outBytes > 0) sendAll(c->socket);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  int connections = atoi(argv[2]), requests = atoi(argv[3]);
  if (requests < 1 || requests > MAX_REQUESTS) return 2;
  FILE *file = fopen(argv[5], "rb");
  if (file == NULL) fail(argv[5]);
  requestBytes = fread(request, 1, sizeof request, file);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int poll = epoll_create1(0);
  for (int i = 0; i < connections; i++) {
    struct connection *c = calloc(1, sizeof *c);
    c->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->socket, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    int on = 1;
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, c->socket, &event) < 0) fail("epoll_ctl");
    for (int id = 1; id <= requests; id++) append(id);
    sendAll(c->socket);
  }
  double end = now() + atof(argv[4]);
  while (now() < end) {
    struct epoll_event events[64];
    int count = epoll_wait(poll, events, 64, 100);
    for (int i = 0; i < count; i++) onReadable(events[i].data.ptr);
  }
  printf("%ld\n", answers);
  return 0;
}
