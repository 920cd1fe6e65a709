/* ei PEER CALLS COOKIE: p50 and p99 in microseconds of calls of erlang:node/0, one after the other. */
#include <ei.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int less(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 4) return 1;
    int calls = atoi(argv[2]);
    double *micros = malloc(calls * sizeof(double));
    ei_cnode node;
    ei_init();
    if (ei_connect_init(&node, "ei_suite", argv[3], 1) < 0) return 2;
    int socket = ei_connect(&node, argv[1]);
    if (socket < 0) return 3;
    for (int i = 0; i < calls; i++) {
        struct timespec from, to;
        ei_x_buff arguments, result;
        clock_gettime(CLOCK_MONOTONIC, &from);
        ei_x_new(&arguments);
        ei_x_encode_empty_list(&arguments);
        ei_x_new(&result);
        if (ei_rpc(&node, socket, "erlang", "node", arguments.buff, arguments.index, &result) < 0) return 4;
        ei_x_free(&arguments);
        ei_x_free(&result);
        clock_gettime(CLOCK_MONOTONIC, &to);
        micros[i] = (to.tv_sec - from.tv_sec) * 1e6 + (to.tv_nsec - from.tv_nsec) / 1e3;
    }
    qsort(micros, calls, sizeof(double), less);
    printf("%f %f\n", micros[calls / 2], micros[calls * 99 / 100]);
    return 0;
}
