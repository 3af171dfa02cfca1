/* A library with the SDK's 17 symbols that does what its arguments ask for, dying included.
 * Compiled by the tests; independent of the mock, so that the fence is not checked with itself.
 *
 * DecryptData obeys the beginning of the body; GetChatData obeys the corpid given to Init;
 * GetMediaData obeys the sdkfileid. Define MISSING to leave three symbols out, KILLER to abort while loading.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct { char *buf; int len; } Slice_t;
typedef struct { char *outindexbuf; int out_len; char *data; int data_len; int is_finish; } MediaData_t;
typedef struct { char *corpid; } Sdk;

extern char **environ;

#ifdef KILLER
__attribute__((constructor)) static void killer(void) { abort(); }
#endif

/* Objects handed out and not yet freed; never negative unless something is freed twice. */
static int live;
int OddLive(void) { return live; }

Sdk *NewSdk(void) { live++; return calloc(1, sizeof(Sdk)); }
void DestroySdk(Sdk *sdk) { live--; free(sdk->corpid); free(sdk); }
int Init(Sdk *sdk, const char *corpid, const char *secret) {
    if (!corpid || !*corpid || !secret || !*secret) return 10000;
    sdk->corpid = strdup(corpid);
    return 0;
}

Slice_t *NewSlice(void) { live++; return calloc(1, sizeof(Slice_t)); }
void FreeSlice(Slice_t *slice) { live--; free(slice->buf); free(slice); }
char *GetContentFromSlice(Slice_t *slice) { return slice->buf; }

static void fill(Slice_t *slice, const char *text, size_t len) {
    slice->buf = malloc(len + 1);
    memcpy(slice->buf, text, len);
    slice->buf[len] = 0;
    slice->len = (int)len;
}

static int begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* Writes to every pipe of the process above the standard streams, as stray vendor code might. */
static void scribble(const void *bytes, size_t len) {
    for (int fd = 3; fd < 1024; fd++) {
        struct stat st;
        if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
            if (write(fd, bytes, len) < 0) continue;
        }
    }
}

static void die(const char *how) {
    if (begins(how, "segv")) raise(SIGSEGV);
    if (begins(how, "wild")) *(volatile int *)8 = 1;
    if (begins(how, "abort")) abort();
    if (begins(how, "exit")) _exit(0);
    if (begins(how, "kill9")) raise(SIGKILL);
    if (begins(how, "hang")) for (;;) pause();
    if (begins(how, "garbage")) { scribble("this is no frame at all", 23); for (;;) pause(); }
    /* The beginning of a well-formed reply to the third request that claims 1,000 bytes, and then the end. */
    if (begins(how, "torn")) { scribble("SG\1\204\3\0\0\0\350\3\0\0abc", 15); _exit(0); }
}

int DecryptData(const char *key, const char *body, Slice_t *slice) {
    char text[4096];
    if (!key) return 10000;
    if (begins(body, "code:")) { fill(slice, "said no", 7); return atoi(body + 5); }
    if (begins(body, "once:")) { /* once:HOW:PATH dies only while PATH does not exist */
        const char *path = strchr(body + 5, ':') + 1;
        int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd >= 0) { close(fd); die(body + 5); }
        fill(slice, "survived", 8);
        return 0;
    }
    if (begins(body, "flaky:")) { /* flaky:PATH is 10003 the first time */
        int fd = open(body + 6, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd >= 0) { close(fd); return 10003; }
    }
    if (begins(body, "print")) {
        printf("%s\n{\"content\":\"%s\"} on stdout\n", body, body);
        fflush(stdout);
        fprintf(stderr, "key %s on stderr\n", key);
    }
    if (begins(body, "leak")) { char *lost = malloc(64 << 20); memset(lost, 1, 64 << 20); live += lost[5] - 1; }
    if (begins(body, "slow")) usleep(400 * 1000);
    if (begins(body, "empty")) return 0;
    die(body);
    int len = snprintf(text, sizeof text, "%s opens %s", key, body);
    if (len >= (int)sizeof text) { fill(slice, body, strlen(body)); return 0; }
    fill(slice, text, len);
    return 0;
}

static void answer_file(const char *path, Slice_t *slice) {
    FILE *file = fopen(path, "rb");
    static char bytes[1 << 20];
    if (!file) return;
    size_t len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    fill(slice, bytes, len);
}

int GetChatData(Sdk *sdk, unsigned long long seq, unsigned limit, const char *proxy, const char *passwd, int timeout,
                Slice_t *slice) {
    char text[512];
    if (!limit || limit > 1000) return 10000;
    if (begins(sdk->corpid, "file:")) { answer_file(sdk->corpid + 5, slice); return 0; }
    if (begins(sdk->corpid, "10")) { answer_file(strchr(sdk->corpid, ':') + 1, slice); return atoi(sdk->corpid); }
    if (begins(sdk->corpid, "once:")) {
        int fd = open(strchr(sdk->corpid + 5, ':') + 1, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd >= 0) { close(fd); die(sdk->corpid + 5); }
    }
    if (begins(sdk->corpid, "environ")) { /* the command line, the core limits and every variable as the msgid of an item */
        static char page[1 << 20];
        char line[4096] = {0};
        FILE *file = fopen("/proc/self/cmdline", "rb");
        size_t len = fread(line, 1, sizeof line - 1, file);
        fclose(file);
        for (size_t i = 0; i + 1 < len; i++) if (line[i] < 32 || line[i] == '"') line[i] = ' ';
        struct rlimit core;
        getrlimit(RLIMIT_CORE, &core);
        size_t at = sprintf(page, "{\"chatdata\":[{\"seq\":1000000,\"msgid\":\"CMDLINE=%s\"},"
            "{\"seq\":1000001,\"msgid\":\"core %d, dumpable %d\"},", line, (int)core.rlim_max, prctl(PR_GET_DUMPABLE));
        for (int i = 0; environ[i] && at < sizeof page - 9000; i++) {
            at += sprintf(page + at, "%s{\"seq\":%d,\"msgid\":\"", i ? "," : "", i + 1);
            for (const char *c = environ[i]; *c && at < sizeof page - 100; c++)
                page[at++] = *c < 32 || *c == '"' || *c == '\\' ? '?' : *c;
            at += sprintf(page + at, "\"}");
        }
        at += sprintf(page + at, "]}");
        fill(slice, page, at);
        return 0;
    }
    die(sdk->corpid);
    int len = snprintf(text, sizeof text,
        "{\"errcode\":0,\"errmsg\":\"ok\",\"chatdata\":[{\"seq\":%llu,\"msgid\":\"%s|%s|%d\",\"publickey_ver\":%u,"
        "\"encrypt_random_key\":\"a2V5\",\"encrypt_chat_msg\":\"Ym9keQ==\"}]}",
        seq + 1, proxy, passwd, timeout, limit);
    fill(slice, text, len);
    return 0;
}

#ifndef MISSING
int GetSliceLen(Slice_t *slice) { return slice->len; }
MediaData_t *NewMediaData(void) { live++; return calloc(1, sizeof(MediaData_t)); }
void FreeMediaData(MediaData_t *m) { live--; free(m->outindexbuf); free(m->data); free(m); }
#endif

int GetMediaData(Sdk *sdk, const char *index, const char *id, const char *proxy, const char *passwd, int timeout,
                 MediaData_t *m) {
    (void)sdk; (void)proxy; (void)passwd; (void)timeout;
    if (!*id) return 10000;
    die(id);
    int first = !*index;
    m->data = malloc(8);
    memcpy(m->data, first ? "one\0more" : "the last", 8);
    m->data_len = 8;
    m->outindexbuf = strdup(first ? "Range:bytes=8-15" : "");
    m->out_len = (int)strlen(m->outindexbuf);
    m->is_finish = !first;
    return 0;
}
char *GetOutIndexBuf(MediaData_t *m) { return m->outindexbuf; }
char *GetData(MediaData_t *m) { return m->data; }
int GetIndexLen(MediaData_t *m) { return m->out_len; }
int GetDataLen(MediaData_t *m) { return m->data_len; }
int IsMediaDataFinish(MediaData_t *m) { return m->is_finish; }
