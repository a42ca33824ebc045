/* A load generator for line protocols: fast enough to leave the server the slower side.
 *
 * load requests  PORT TLS CONNECTIONS OUTSTANDING SECONDS WELCOME_LINES LINE [FLOOD]
 * load fanout    PORT LISTENERS OUTSTANDING SECONDS WELCOME_LINES LINES_PER_MESSAGE SUBSCRIBE LINE
 * load across    PORT LISTENERS_PORT LISTENERS OUTSTANDING SECONDS WELCOME_LINES LINES_PER_MESSAGE
 *                SUBSCRIBE LINE
 * load hold      PORT TLS CONNECTIONS WELCOME_LINES [LINE]
 * load connect   PORT CONCURRENCY SECONDS WELCOME_LINES
 * load mixed     PORT CONNECTIONS RATE SECONDS WELCOME_LINES LINE...
 *
 * All traffic goes to 127.0.0.1, and every mode ends by itself: hold when its standard
 * input does, the others after SECONDS. With FLOOD, one more client sends nothing but this
 * line (it may be empty), as often as the server takes it, and drops what it gets. Results are one JSON object on standard output.
 * Times are in microseconds. LINE and SUBSCRIBE are sent with a line end after them; a # in a LINE
 * becomes a number: in hold the client's, in mixed one that grows with each round. With LOAD_WAITS in the environment, requests
 * sleeps while there is nothing to read, and leaves its core to a server there.
 *
 * mixed sends RATE requests a second, one at a time from each client in its turn, each client its
 * own one of the LINEs, and measures from the moment at which a request was due.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The few functions of libssl.so.3 that are used, so that no header package is needed. */
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_st SSL;
const void *TLS_client_method(void);
SSL_CTX *SSL_CTX_new(const void *);
SSL *SSL_new(SSL_CTX *);
int SSL_set_fd(SSL *, int);
int SSL_connect(SSL *);
int SSL_read(SSL *, void *, int);
int SSL_write(SSL *, const void *, int);

#define MAX_OUTSTANDING 64
#define BUFFER (256 * 1024)
#define HISTOGRAM 2000000 /* one slot for each 1 us, up to 2 s */
#define WARM_UP_SECONDS 0.1
#define HUSH_SECONDS 0.1
#define SILENCE_SECONDS 5 /* across gives up after so long without a message */
#define AT_ONCE 50 /* as many connect before the first is waited for */
#define PORTS_PER_ADDRESS 20000

struct client {
    int fd;
    SSL *ssl;
    int head, outstanding;
    uint64_t heard;
    uint64_t sent_at[MAX_OUTSTANDING];
};

static char buffer[BUFFER];
static uint32_t histogram[HISTOGRAM];
static SSL_CTX *tls;

static void die(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct sockaddr_in loopback(uint32_t host, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
    return a;
}

/* Connects; client number `index` decides the source address, for ports are finite. */
static int connect_to(int port, int index) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0) die("socket");
    struct sockaddr_in from = loopback(1 + index / PORTS_PER_ADDRESS, 0);
    struct sockaddr_in to = loopback(0, port);
    setsockopt(fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&from, sizeof from)) die("bind");
    if (connect(fd, (struct sockaddr *)&to, sizeof to)) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void open_client(struct client *c, int port, int index, int use_tls) {
    memset(c, 0, sizeof *c);
    c->fd = connect_to(port, index);
    if (!use_tls) return;
    if (!tls) tls = SSL_CTX_new(TLS_client_method());
    c->ssl = SSL_new(tls);
    SSL_set_fd(c->ssl, c->fd);
    if (SSL_connect(c->ssl) != 1) die("TLS handshake");
}

static void send_all(struct client *c, const char *data, int size) {
    while (size > 0) {
        int n = c->ssl ? SSL_write(c->ssl, data, size) : (int)write(c->fd, data, size);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = c->fd, .events = POLLOUT};
            poll(&p, 1, 1000);
            continue;
        }
        if (n <= 0) die("write");
        data += n;
        size -= n;
    }
}

/* Reads what is there; 0 where nothing is. */
static int receive(struct client *c) {
    int n = c->ssl ? SSL_read(c->ssl, buffer, BUFFER) : (int)read(c->fd, buffer, BUFFER);
    if (n > 0) return n;
    if (n == 0 && !c->ssl) die("the server closed a connection");
    return 0;
}

static int count_lines(int size) {
    int lines = 0;
    for (char *p = buffer, *end = buffer + size; (p = memchr(p, '\n', end - p)); p++) lines++;
    return lines;
}

/* Waits, blocking, for so many lines. */
static void expect(struct client *c, int lines) {
    while (lines > 0) {
        int n = receive(c);
        if (n <= 0) die("waiting for a line");
        lines -= count_lines(n);
    }
}

static void nonblocking(struct client *c, int epoll) {
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e)) die("epoll_ctl");
}

static char *repeated(const char *line, int count, int *size) {
    *size = strlen(line) + 1;
    char *many = malloc((size_t)*size * count);
    for (int i = 0; i < count; i++) {
        memcpy(many + i * *size, line, *size - 1);
        many[(i + 1) * *size - 1] = '\n';
    }
    return many;
}

static void ask(struct client *c, const char *lines, int size, int count, uint64_t t) {
    for (int i = 0; i < count; i++)
        c->sent_at[(c->head + c->outstanding + i) % MAX_OUTSTANDING] = t;
    c->outstanding += count;
    send_all(c, lines, size * count);
}

static uint64_t answered(struct client *c, int count, uint64_t t) {
    for (int i = 0; i < count && c->outstanding; i++, c->outstanding--) {
        uint64_t took = t - c->sent_at[c->head];
        histogram[took < HISTOGRAM ? took : HISTOGRAM - 1]++;
        c->head = (c->head + 1) % MAX_OUTSTANDING;
    }
    return count;
}

static int percentile(double share) {
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < HISTOGRAM; i++) total += histogram[i];
    for (int i = 0; i < HISTOGRAM; i++)
        if ((seen += histogram[i]) >= total * share) return i;
    return HISTOGRAM;
}

static void report(uint64_t messages, double seconds) {
    printf("{\"messages\":%llu,\"seconds\":%.6f,\"p50\":%d,\"p99\":%d,\"p999\":%d,\"most\":%d}\n",
           (unsigned long long)messages, seconds, percentile(0.5), percentile(0.99),
           percentile(0.999), percentile(1.0));
}

/* Reads away what the members of a room hear of one another's coming, until it is quiet. */
static void hush(int epoll) {
    struct epoll_event events[256];
    for (uint64_t end = now() + HUSH_SECONDS * 1e6; now() < end;) {
        int ready = epoll_wait(epoll, events, 256, 10);
        if (ready) end = now() + HUSH_SECONDS * 1e6;
        for (int i = 0; i < ready; i++) receive(events[i].data.ptr);
    }
}

/* Sends more of a flood, from where the last write has ended, and drops the answers. */
static void pour(int fd, const char *lines, int size, int *at) {
    static char dropped[BUFFER];
    int sent = write(fd, lines + *at, size - *at);
    if (sent < 0 && errno != EAGAIN) die("flood");
    if (sent > 0) *at = (*at + sent) % size;
    while (read(fd, dropped, sizeof dropped) > 0) continue;
}

static void requests(char **a, const char *flooding) {
    int port = atoi(a[0]), use_tls = atoi(a[1]), n = atoi(a[2]), outstanding = atoi(a[3]);
    double seconds = atof(a[4]);
    int welcome = atoi(a[5]), size, epoll = epoll_create1(0);
    int patience = getenv("LOAD_WAITS") ? 100 : 0;
    char *lines = repeated(a[6], outstanding, &size);
    struct client *clients = calloc(n, sizeof *clients);
    for (int i = 0; i < n; i++) {
        open_client(&clients[i], port, i, use_tls);
        expect(&clients[i], welcome);
        nonblocking(&clients[i], epoll);
    }
    hush(epoll);
    uint64_t begin = now() + WARM_UP_SECONDS * 1e6, end = begin + seconds * 1e6, t, done = 0;
    for (int i = 0; i < n; i++) ask(&clients[i], lines, size, outstanding, now());
    char *much = NULL;
    int much_size = 0, at = 0;
    struct client flood;
    if (flooding) {
        much = repeated(flooding, 65536 / (strlen(flooding) + 1), &much_size);
        open_client(&flood, port, n, 0);
        expect(&flood, welcome);
        fcntl(flood.fd, F_SETFL, O_NONBLOCK);
    }
    int warm = 0;
    struct epoll_event events[256];
    while ((t = now()) < end) {
        if (flooding) pour(flood.fd, much, much_size, &at);
        if (!warm && t >= begin) {
            warm = 1;
            done = 0;
            memset(histogram, 0, sizeof histogram);
            fprintf(stderr, "begin\n");
        }
        int ready = epoll_wait(epoll, events, 256, patience);
        t = now();
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            int got, count = 0;
            while ((got = receive(c)) > 0) {
                count += count_lines(got);
                if (!c->ssl && got < BUFFER) break;
            }
            /* Who enters the room is told in lines that nobody has asked for. */
            if (count > c->outstanding) count = c->outstanding;
            done += answered(c, count, t);
            if (count) ask(c, lines, size, count, t);
        }
    }
    fprintf(stderr, "end\n");
    report(done, (t - begin) / 1e6);
}

static void fanout(char **a) {
    int port = atoi(a[0]), n = atoi(a[1]), outstanding = atoi(a[2]);
    double seconds = atof(a[3]);
    int welcome = atoi(a[4]), lines_per_message = atoi(a[5]), size, subscribe_size;
    char *subscribe = repeated(a[6], 1, &subscribe_size);
    char *lines = repeated(a[7], outstanding, &size);
    int epoll = epoll_create1(0);
    struct client *clients = calloc(n + 1, sizeof *clients), *speaker = &clients[n];
    for (int i = 0; i <= n; i++) {
        open_client(&clients[i], port, i, 0);
        expect(&clients[i], welcome);
        if (i < n && subscribe_size > 1) {
            send_all(&clients[i], subscribe, subscribe_size);
            expect(&clients[i], lines_per_message - 1);
        }
        nonblocking(&clients[i], epoll);
    }
    hush(epoll);
    uint64_t begin = now() + WARM_UP_SECONDS * 1e6, end = begin + seconds * 1e6, t, heard = 0;
    int warm = 0;
    struct epoll_event events[256];
    ask(speaker, lines, size, outstanding, now());
    while ((t = now()) < end) {
        if (!warm && t >= begin) {
            warm = 1;
            heard = 0;
            memset(histogram, 0, sizeof histogram);
            fprintf(stderr, "begin\n");
        }
        int ready = epoll_wait(epoll, events, 256, 0);
        t = now();
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            int got = receive(c), count = got > 0 ? count_lines(got) : 0;
            if (c == speaker) {
                answered(c, count, t);
                if (count) ask(c, lines, size, count, t);
            } else {
                heard += count;
            }
        }
    }
    fprintf(stderr, "end\n");
    report(heard / lines_per_message, (t - begin) / 1e6);
}

static uint64_t least_heard(const struct client *clients, int n) {
    uint64_t least = clients[0].heard;
    for (int i = 1; i < n; i++)
        if (clients[i].heard < least) least = clients[i].heard;
    return least;
}

/* A message counts, and the next one is said, when every listener has heard it. */
static void across(char **a) {
    int port = atoi(a[0]), listeners_port = atoi(a[1]), n = atoi(a[2]), outstanding = atoi(a[3]);
    double seconds = atof(a[4]);
    int welcome = atoi(a[5]), lines_per_message = atoi(a[6]), size, subscribe_size;
    char *subscribe = repeated(a[7], 1, &subscribe_size);
    char *lines = repeated(a[8], outstanding, &size);
    int epoll = epoll_create1(0);
    struct client *clients = calloc(n + 1, sizeof *clients), *speaker = &clients[n];
    for (int i = 0; i <= n; i++) {
        open_client(&clients[i], i < n ? listeners_port : port, i, 0);
        expect(&clients[i], welcome);
        if (i < n && subscribe_size > 1) {
            send_all(&clients[i], subscribe, subscribe_size);
            expect(&clients[i], lines_per_message - 1);
        }
        nonblocking(&clients[i], epoll);
    }
    hush(epoll);
    uint64_t begin = now() + WARM_UP_SECONDS * 1e6, end = begin + seconds * 1e6, t, last = now();
    uint64_t done = 0, counted_from = 0;
    int warm = 0;
    struct epoll_event events[256];
    ask(speaker, lines, size, outstanding, now());
    while ((t = now()) < end) {
        if (!warm && t >= begin) {
            warm = 1;
            counted_from = done;
            memset(histogram, 0, sizeof histogram);
            fprintf(stderr, "begin\n");
        }
        if (t - last > SILENCE_SECONDS * 1e6) die("the listeners hear nothing");
        int ready = epoll_wait(epoll, events, 256, 0);
        t = now();
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            int got = receive(c);
            if (c != speaker && got > 0) c->heard += count_lines(got);
        }
        int count = least_heard(clients, n) / lines_per_message - done;
        if (!count) continue;
        last = t;
        done += answered(speaker, count, t);
        ask(speaker, lines, size, count, t);
    }
    fprintf(stderr, "end\n");
    report(done - counted_from, (t - begin) / 1e6);
}

/* Writes a line with a number in place of each #, and returns its size. */
static int numbered(char *line, int most, const char *form, int number) {
    int size = 0;
    for (; *form && size < most - 16; form++)
        size += *form == '#' ? sprintf(line + size, "%d", number) : (line[size] = *form, 1);
    line[size++] = '\n';
    return size;
}

/* Counts answers: lines with the number of a request, and those of a file, which are no JSON. */
static int count_answers(int size) {
    int answers = 0;
    for (char *p = buffer, *end = buffer + size, *line_end; p < end; p = line_end + 1) {
        if (!(line_end = memchr(p, '\n', end - p))) line_end = end - 1;
        answers += *p != '{' || memmem(p, line_end - p, "\"messageCount\":", 15) != NULL;
    }
    return answers;
}

static void mixed(char **a, int count) {
    int port = atoi(a[0]), n = atoi(a[1]), welcome = atoi(a[4]), kinds = count - 5, size;
    double rate = atof(a[2]), seconds = atof(a[3]);
    int epoll = epoll_create1(0);
    char line[256];
    struct client *clients = calloc(n, sizeof *clients);
    for (int i = 0; i < n; i++) {
        open_client(&clients[i], port, i, 0);
        expect(&clients[i], welcome);
        size = numbered(line, sizeof line, "roomChange room#", i % (n / 20 + 1));
        send_all(&clients[i], line, size);
        nonblocking(&clients[i], epoll);
    }
    hush(epoll);
    struct epoll_event events[256];
    uint64_t start = now(), begin = start + WARM_UP_SECONDS * 1e6, end = begin + seconds * 1e6;
    uint64_t t, sent = 0, done = 0;
    int warm = 0;
    while ((t = now()) < end) {
        if (!warm && t >= begin) {
            warm = 1;
            done = 0;
            memset(histogram, 0, sizeof histogram);
            fprintf(stderr, "begin\n");
        }
        for (uint64_t due; (due = start + sent * 1e6 / rate) <= t; sent++) {
            struct client *c = &clients[sent % n];
            /* Its answer is late: those after it are late as well. */
            if (c->outstanding) break;
            size = numbered(line, sizeof line, a[5 + sent % n % kinds], sent / n % 50);
            ask(c, line, size, 1, due);
        }
        int ready = epoll_wait(epoll, events, 256, 0);
        t = now();
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            int got = receive(c);
            if (got > 0) done += answered(c, count_answers(got), t);
        }
    }
    fprintf(stderr, "end\n");
    report(done, (t - begin) / 1e6);
}

static void hold(char **a, int count) {
    int port = atoi(a[0]), use_tls = atoi(a[1]), n = atoi(a[2]), welcome = atoi(a[3]);
    struct client *clients = calloc(n, sizeof *clients);
    uint64_t begin = now();
    int size = 0;
    char line[256];
    for (int first = 0; first < n; first += AT_ONCE) {
        int last = first + AT_ONCE < n ? first + AT_ONCE : n;
        for (int i = first; i < last; i++) open_client(&clients[i], port, i, use_tls);
        for (int i = first; i < last; i++) {
            expect(&clients[i], welcome);
            if (count == 4) continue;
            size = numbered(line, sizeof line, a[4], i);
            send_all(&clients[i], line, size);
            expect(&clients[i], 1);
        }
    }
    report(n, (now() - begin) / 1e6);
    fflush(stdout);
    while (read(0, buffer, BUFFER) > 0) {
    }
}

static void connects(char **a) {
    int port = atoi(a[0]), n = atoi(a[1]);
    double seconds = atof(a[2]);
    int welcome = atoi(a[3]);
    struct client *clients = calloc(n, sizeof *clients);
    struct linger reset = {1, 0};
    uint64_t begin = now(), end = begin + seconds * 1e6, done = 0;
    fprintf(stderr, "begin\n");
    while (now() < end) {
        for (int i = 0; i < n; i++) open_client(&clients[i], port, i, 0);
        for (int i = 0; i < n; i++) {
            expect(&clients[i], welcome);
            setsockopt(clients[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            close(clients[i].fd);
            done++;
        }
    }
    fprintf(stderr, "end\n");
    report(done, (now() - begin) / 1e6);
}

int main(int count, char **arguments) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    const char *mode = count > 1 ? arguments[1] : "";
    char **a = arguments + 2;
    count -= 2;
    if (!strcmp(mode, "requests") && (count == 7 || count == 8)) requests(a, count == 8 ? a[7] : NULL);
    else if (!strcmp(mode, "fanout") && count == 8) fanout(a);
    else if (!strcmp(mode, "across") && count == 9) across(a);
    else if (!strcmp(mode, "hold") && (count == 4 || count == 5)) hold(a, count);
    else if (!strcmp(mode, "mixed") && count > 5) mixed(a, count);
    else if (!strcmp(mode, "connect") && count == 4) connects(a);
    else {
        fprintf(stderr, "load: see the comment at the top of load.c\n");
        return 2;
    }
    return 0;
}
