#include <isa-l/crc.h>
#include <isa-l/crc64.h>
#include <isa-l/igzip_lib.h>
#include <stddef.h>
#include <stdlib.h>

/* Swift cannot hold ISA-L's stream, whose arrays are too large for it: these three do, behind a plain pointer. */

struct meshd_gzip {
    struct isal_zstream stream;
    uint8_t level[ISAL_DEF_LVL1_DEFAULT];
};

static inline void *meshd_gzip_open(void) {
    struct meshd_gzip *gzip = malloc(sizeof(struct meshd_gzip));
    if (gzip == NULL) return NULL;
    isal_deflate_init(&gzip->stream);
    gzip->stream.level = 1;
    gzip->stream.level_buf = gzip->level;
    gzip->stream.level_buf_size = sizeof(gzip->level);
    gzip->stream.gzip_flag = IGZIP_GZIP;
    return gzip;
}

static inline void meshd_gzip_close(void *gzip) { free(gzip); }

/* One step: tells how many bytes it took and how many it made. Zero, or ISA-L's error. */
static inline int meshd_gzip_step(void *pointer, const uint8_t *from, uint32_t from_count, int is_last, uint8_t *to,
                                  uint32_t to_count, uint32_t *taken, uint32_t *made) {
    struct isal_zstream *stream = &((struct meshd_gzip *)pointer)->stream;
    stream->next_in = (uint8_t *)from;
    stream->avail_in = from_count;
    stream->end_of_stream = is_last ? 1 : 0;
    stream->flush = NO_FLUSH;
    stream->next_out = to;
    stream->avail_out = to_count;
    int result = isal_deflate(stream);
    *taken = from_count - stream->avail_in;
    *made = to_count - stream->avail_out;
    return result;
}
