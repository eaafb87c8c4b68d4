/* The bench's client: many SMTP sessions in one thread, out of the way of Python's interpreter lock.
 *
 *   client PORT SESSIONS COUNT FIRST FILE [once|batch]
 *
 * sends COUNT mails over SESSIONS connections to 127.0.0.1:PORT, one command at a time, as most senders do. FILE is a
 * mail with CRLF and no line that begins with a dot. Each "@@@@@@@@" in its first 16 KB becomes the mail's number,
 * counted from FIRST, and the reverse-path holds it too. With "once", each mail has a connection of its own.
 *
 * With "batch", FILE holds COUNT mails, each behind a line with the length of the mail and the domain that it is from.
 * They are sent as they are.
 *
 * Prints one line of JSON. A latency is the time from MAIL (with "once": from connecting) to the reply that ends DATA.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MARK "@@@@@@@@"
#define MARK_LENGTH 8
#define HEAD_LIMIT 16384
#define MARKS_LIMIT 16

enum state { GREETING, EHLO, MAIL, RCPT, DATA, BODY, END, QUIT, CLOSED };

struct session {
    int socket;
    enum state state;
    double began;
    size_t sent, command_length;
    size_t used;
    char command[256];
    char reply[4096];
    char *head; /* this session's copy of the beginning of the mail, with its number in it; of a batch the whole mail */
    size_t head_length;
    const struct letter *letter;
};

struct letter {
    char *octets, *domain;
    size_t length;
};

static const char TAIL[] = ".\r\n";
static char *mail;
static size_t mail_length, head_length, mark_at[MARKS_LIMIT], marks;
static long wanted, first, number, done, refused, running;
static double *latencies;
static struct letter *letters;
static int once, batch, poller;
static struct sockaddr_in address;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void load(const char *path) {
    int file = open(path, O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) < 0)
        die(path);
    mail_length = status.st_size;
    mail = malloc(mail_length + 1);
    if (!mail || read(file, mail, mail_length) != (ssize_t)mail_length)
        die(path);
    mail[mail_length] = 0;
    close(file);
}

static void find_marks(void) {
    head_length = mail_length < HEAD_LIMIT ? mail_length : HEAD_LIMIT;
    for (size_t at = 0; at + MARK_LENGTH <= head_length && marks < MARKS_LIMIT; at++)
        if (!memcmp(mail + at, MARK, MARK_LENGTH)) {
            mark_at[marks++] = at;
            at += MARK_LENGTH - 1; /* an address has one more @ behind its number */
        }
}

/* Cuts the batch into its mails. */
static void find_letters(void) {
    char *at = mail;
    letters = calloc(wanted, sizeof *letters);
    for (long i = 0; i < wanted; i++) {
        char *end = strchr(at, '\n');
        if (!end) {
            fprintf(stderr, "the batch ends after %ld mails\n", i);
            exit(2);
        }
        *end = 0;
        letters[i].length = strtoul(at, &letters[i].domain, 10);
        letters[i].domain++;
        letters[i].octets = end + 1;
        at = end + 1 + letters[i].length;
    }
    mail_length = head_length = 0;
}

static void watch(struct session *s, uint32_t events, int operation) {
    struct epoll_event event = {.events = events, .data.ptr = s};
    if (epoll_ctl(poller, operation, s->socket, &event) < 0)
        die("epoll_ctl");
}

static void begin(struct session *s) {
    int yes = 1;
    s->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (s->socket < 0)
        die("socket");
    setsockopt(s->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(s->socket, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        die("connect");
    s->state = GREETING;
    s->used = 0;
    s->began = now();
    running++;
    watch(s, EPOLLIN, EPOLL_CTL_ADD);
}

static void end(struct session *s) {
    close(s->socket);
    s->state = CLOSED;
    running--;
}

/* Sends what is left of the command or of the mail; the socket says when there is room for more. */
static void push(struct session *s) {
    for (;;) {
        struct iovec parts[3];
        int count = 0;
        size_t skip = s->sent, total = 0;
        struct iovec whole[3] = {{s->command, s->command_length}, {0, 0}, {0, 0}};
        if (s->state == BODY) {
            whole[0] = (struct iovec){s->head, s->head_length};
            whole[1] = (struct iovec){mail + head_length, mail_length - head_length};
            whole[2] = (struct iovec){(char *)TAIL, sizeof TAIL - 1};
        }
        for (int i = 0; i < 3; i++) {
            total += whole[i].iov_len;
            if (skip >= whole[i].iov_len) {
                skip -= whole[i].iov_len;
                continue;
            }
            parts[count].iov_base = (char *)whole[i].iov_base + skip;
            parts[count++].iov_len = whole[i].iov_len - skip;
            skip = 0;
        }
        if (s->sent == total)
            break;
        ssize_t n = writev(s->socket, parts, count);
        if (n < 0 && errno == EAGAIN) {
            watch(s, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (n < 0)
            die("write");
        s->sent += n;
    }
    watch(s, EPOLLIN, EPOLL_CTL_MOD);
    if (s->state == BODY)
        s->state = END;
}

__attribute__((format(printf, 3, 4)))
static void say(struct session *s, enum state next, const char *command, ...) {
    va_list values;
    va_start(values, command);
    s->command_length = vsnprintf(s->command, sizeof s->command, command, values);
    va_end(values);
    s->sent = 0;
    s->state = next;
    push(s);
}

static void next_mail(struct session *s) {
    if (number >= wanted) {
        say(s, QUIT, "QUIT\r\n");
        return;
    }
    if (batch) {
        s->letter = letters + number++;
        s->head = s->letter->octets;
        s->head_length = s->letter->length;
        s->began = now();
        say(s, MAIL, "MAIL FROM:<ana@%s>\r\n", s->letter->domain);
        return;
    }
    long serial = first + number++;
    char digits[32];
    snprintf(digits, sizeof digits, "%08ld", serial);
    memcpy(s->head, mail, head_length);
    for (size_t i = 0; i < marks; i++)
        memcpy(s->head + mark_at[i], digits, MARK_LENGTH);
    if (!once)
        s->began = now();
    say(s, MAIL, "MAIL FROM:<customer%08ld@clients.example>\r\n", serial);
}

static void finished(struct session *s, int code) {
    if (code == 250)
        latencies[done++] = now() - s->began;
    else {
        if (!refused++)
            fprintf(stderr, "refused: %s\n", s->reply);
    }
    if (once)
        say(s, QUIT, "QUIT\r\n");
    else
        next_mail(s);
}

static void answered(struct session *s, int code) {
    static const int expected[] = {[GREETING] = 220, [EHLO] = 250, [MAIL] = 250, [RCPT] = 250, [DATA] = 354};
    if (s->state <= DATA && code != expected[s->state]) {
        fprintf(stderr, "unexpected in state %d: %s\n", s->state, s->reply);
        exit(1);
    }
    switch (s->state) {
    case GREETING: say(s, EHLO, "EHLO bench.example\r\n"); break;
    case EHLO: next_mail(s); break;
    case MAIL: say(s, RCPT, "RCPT TO:<support@example.org>\r\n"); break;
    case RCPT: say(s, DATA, "DATA\r\n"); break;
    case DATA:
        s->state = BODY;
        s->sent = 0;
        push(s);
        break;
    case BODY:
    case END: finished(s, code); break;
    case QUIT:
        end(s);
        if (once && number < wanted)
            begin(s);
        break;
    case CLOSED: break;
    }
}

/* Reads what there is; a reply is complete with the line that has a space after its code. */
static void pull(struct session *s) {
    ssize_t n = read(s->socket, s->reply + s->used, sizeof s->reply - 1 - s->used);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        fprintf(stderr, "the server hung up in state %d\n", s->state);
        exit(1);
    }
    s->used += n;
    s->reply[s->used] = 0;
    if (s->reply[s->used - 1] != '\n')
        return;
    char *line = s->reply;
    for (char *at = s->reply; at < s->reply + s->used - 1; at++)
        if (*at == '\n')
            line = at + 1;
    if (strlen(line) < 4 || line[3] == '-')
        return;
    s->used = 0;
    answered(s, atoi(line));
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **values) {
    if (count < 6) {
        fprintf(stderr, "usage: client PORT SESSIONS COUNT FIRST FILE [once|batch]\n");
        return 2;
    }
    long sessions = atol(values[2]);
    wanted = atol(values[3]);
    first = atol(values[4]);
    load(values[5]);
    once = count > 6 && !strcmp(values[6], "once");
    batch = count > 6 && !strcmp(values[6], "batch");
    if (batch)
        find_letters();
    else
        find_marks();
    if (sessions > wanted)
        sessions = wanted;
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(values[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    latencies = calloc(wanted, sizeof *latencies);
    struct session *all = calloc(sessions, sizeof *all);
    poller = epoll_create1(0);
    double start = now();
    for (long i = 0; i < sessions; i++) {
        if (!batch) {
            all[i].head = malloc(head_length);
            all[i].head_length = head_length;
        }
        begin(all + i);
    }
    double stop = start;
    while (running) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, 120000);
        if (ready == 0) {
            fprintf(stderr, "no reply in two minutes\n");
            return 1;
        }
        for (int i = 0; i < ready; i++) {
            struct session *s = events[i].data.ptr;
            if (events[i].events & EPOLLOUT && s->state != CLOSED)
                push(s);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && s->state != CLOSED)
                pull(s);
        }
        if (done + refused < wanted)
            stop = 0;
        else if (stop == 0)
            stop = now();
    }
    qsort(latencies, done, sizeof *latencies, ascending);
    printf("{\"sent\": %ld, \"refused\": %ld, \"seconds\": %.4f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f}\n",
           done, refused, (stop ? stop : now()) - start, done ? latencies[done / 2] * 1e3 : 0,
           done ? latencies[done * 99 / 100] * 1e3 : 0, done ? latencies[done - 1] * 1e3 : 0);
    return refused ? 1 : 0;
}
