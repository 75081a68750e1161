/* A handler of Mongrel2 over libzmq: says hello, or sends 1 MiB for /bytes, one message a reply.
   The prototypes stand here, so that the library alone is needed, and not its headers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PUB = 1, PULL = 7, LARGE = 1048576 };
typedef struct { unsigned char bytes[64]; } __attribute__((aligned(8))) Message;

void *zmq_ctx_new(void);
void *zmq_socket(void *context, int type);
int zmq_connect(void *socket, const char *endpoint);
int zmq_msg_init(Message *message);
int zmq_msg_init_size(Message *message, size_t size);
int zmq_msg_recv(Message *message, void *socket, int flags);
int zmq_msg_send(Message *message, void *socket, int flags);
size_t zmq_msg_size(const Message *message);
void *zmq_msg_data(Message *message);

static char body[LARGE];

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  memset(body, 'x', sizeof body);
  void *context = zmq_ctx_new();
  void *requests = zmq_socket(context, PULL), *replies = zmq_socket(context, PUB);
  if (zmq_connect(replies, argv[2]) != 0 || zmq_connect(requests, argv[1]) != 0) return 1;
  Message request, reply;
  zmq_msg_init(&request);
  while (zmq_msg_recv(&request, requests, 0) >= 0) {
    const char *text = zmq_msg_data(&request);
    const char *end = text + zmq_msg_size(&request);
    const char *id = memchr(text, ' ', end - text);
    const char *path = id == NULL ? NULL : memchr(id + 1, ' ', end - id - 1);
    if (path == NULL) continue;
    size_t size = end - path > 7 && memcmp(path, " /bytes", 7) == 0 ? LARGE : 11;
    char head[512];
    int idBytes = path - id - 1;
    int headBytes = snprintf(head, sizeof head,
        "%.*s %d:%.*s, HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
        (int)(id - text), text, idBytes, idBytes, id + 1, size);
    zmq_msg_init_size(&reply, headBytes + size);
    memcpy(zmq_msg_data(&reply), head, headBytes);
    memcpy((char *)zmq_msg_data(&reply) + headBytes, size == LARGE ? body : "Hello World", size);
    zmq_msg_send(&reply, replies, 0);
  }
}
