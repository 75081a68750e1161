/* Load for HTTP servers with large responses: kept connections, one request at a time on each.

   download PORT CONNECTIONS SECONDS PATH BYTES
   asks for PATH as often as it is answered with 200 and BYTES bytes. Prints how many answers have come. The
   kernel throws bodies away (MSG_TRUNC): a client that copies them takes a core, and the figure would be its
   own. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_BYTES = 2048, LOOK_BYTES = 512, DISCARD_BYTES = 1 << 22 };
enum state { HEAD, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER };

struct connection {
  int socket;
  enum state state;
  /* What has come, and was not looked at. */
  char text[TEXT_BYTES];
  int bytes;
  /* What is to be thrown away. */
  long skipBytes;
  long bodyBytes;
};

static char request[TEXT_BYTES];
static int requestBytes;
static long expectedBytes;
static long answers;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void refuse(const char *what, const char *text) {
  fprintf(stderr, "%s: %.*s\n", what, 200, text);
  exit(1);
}

static void ask(struct connection *c) {
  if (send(c->socket, request, requestBytes, MSG_NOSIGNAL) != requestBytes) fail("send");
  c->state = HEAD;
  c->bodyBytes = 0;
}

static void onAnswer(struct connection *c) {
  if (c->bodyBytes != expectedBytes) {
    fprintf(stderr, "%ld bytes instead of %ld\n", c->bodyBytes, expectedBytes);
    exit(1);
  }
  answers++;
  ask(c);
}

static void take(struct connection *c, int bytes) {
  c->bytes -= bytes;
  memmove(c->text, c->text + bytes, c->bytes);
  c->text[c->bytes] = 0;
}

/* The length of what has come up to and including `end`; 0 if that has not come. */
static int lengthTo(const struct connection *c, const char *end) {
  const char *found = strstr(c->text, end);
  return found == NULL ? 0 : found + strlen(end) - c->text;
}

static void onHead(struct connection *c, int length) {
  if (strncmp(c->text, "HTTP/1.1 200", 12) != 0) refuse("an answer", c->text);
  c->text[length - 1] = 0;
  const char *field = strcasestr(c->text, "\r\ncontent-length:");
  if (field != NULL) {
    c->skipBytes = c->bodyBytes = atol(strchr(field, ':') + 1);
    c->state = BODY;
  } else if (strcasestr(c->text, "\r\ntransfer-encoding: chunked") != NULL) {
    c->state = CHUNK_SIZE;
  } else {
    refuse("no length", c->text);
  }
  take(c, length);
}

static void onChunkSize(struct connection *c, int length) {
  c->skipBytes = strtol(c->text, NULL, 16);
  c->bodyBytes += c->skipBytes;
  c->state = c->skipBytes == 0 ? TRAILER : CHUNK;
  take(c, length);
}

/* Goes on with what has come; returns whether more has to come first. */
static int step(struct connection *c) {
  int length;
  switch (c->state) {
    case HEAD:
      length = lengthTo(c, "\r\n\r\n");
      if (length > 0) onHead(c, length);
      return length == 0;
    case CHUNK_SIZE:
      length = lengthTo(c, "\r\n");
      if (length > 0) onChunkSize(c, length);
      return length == 0;
    case CHUNK_END:
    case TRAILER:
      length = lengthTo(c, "\r\n");
      if (length == 0) return 1;
      if (length != 2) refuse("no end of a chunk, or a trailer", c->text);
      take(c, length);
      if (c->state == TRAILER) onAnswer(c);
      else c->state = CHUNK_SIZE;
      return 0;
    case BODY:
    case CHUNK:
      length = c->skipBytes < c->bytes ? c->skipBytes : c->bytes;
      c->skipBytes -= length;
      take(c, length);
      if (c->skipBytes > 0) return 1;
      if (c->state == CHUNK) c->state = CHUNK_END;
      else onAnswer(c);
      return 0;
  }
  return 1;
}

/* Reads what is there; returns whether there was something. */
static int receive(struct connection *c) {
  ssize_t bytes;
  if (c->skipBytes > 0) {
    long most = c->skipBytes < DISCARD_BYTES ? c->skipBytes : DISCARD_BYTES;
    bytes = recv(c->socket, NULL, most, MSG_TRUNC | MSG_DONTWAIT);
    if (bytes > 0) c->skipBytes -= bytes;
  } else {
    int room = TEXT_BYTES - 1 - c->bytes;
    if (room == 0) refuse("too long", c->text);
    bytes = recv(c->socket, c->text + c->bytes, room < LOOK_BYTES ? room : LOOK_BYTES, MSG_DONTWAIT);
    if (bytes > 0) c->bytes += bytes;
    c->text[c->bytes] = 0;
  }
  if (bytes == 0) refuse("a connection was closed", "");
  return bytes > 0;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int count, char **args) {
  if (count != 6) refuse("usage", "download PORT CONNECTIONS SECONDS PATH BYTES");
  int connections = atoi(args[2]);
  expectedBytes = atol(args[5]);
  requestBytes = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", args[4]);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(args[1]))};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  int epoll = epoll_create1(0);
  struct connection *all = calloc(connections, sizeof *all);
  for (int i = 0; i < connections; i++) {
    struct connection *c = &all[i];
    c->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->socket, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    int on = 1;
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->socket, &event) < 0) fail("epoll_ctl");
    ask(c);
  }
  double end = now() + atof(args[3]);
  while (now() < end) {
    struct epoll_event events[64];
    int found = epoll_wait(epoll, events, 64, 100);
    for (int i = 0; i < found; i++) {
      struct connection *c = events[i].data.ptr;
      do {
        while (step(c) == 0) {}
      } while (receive(c));
      while (step(c) == 0) {}
    }
  }
  printf("%ld\n", answers);
  return 0;
}
