/* A FastCGI responder with libfcgi: says hello at the socket given, with as many threads as given. */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdlib.h>

static int listener;

static void *serve(void *unused) {
  FCGX_Request request;
  FCGX_InitRequest(&request, listener, 0);
  while (FCGX_Accept_r(&request) == 0) {
    FCGX_PutS("Content-Type: text/plain\r\n\r\nhello", request.out);
    FCGX_Finish_r(&request);
  }
  return unused;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  FCGX_Init();
  listener = FCGX_OpenSocket(argv[1], 511);
  if (listener < 0) return 1;
  pthread_t thread;
  for (int i = 1; i < atoi(argv[2]); i++) pthread_create(&thread, NULL, serve, NULL);
  serve(NULL);
}
