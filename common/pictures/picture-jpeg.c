/* Decoded with the integer transform and smooth chroma, as djpeg does by default. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base/report.h"
#include "pictures/exif.h"
#include "pictures/jpeg.h"
#include "pictures/picture.h"

enum { RGB = 3, CMYK = 4, SCALES = 8, EXIF = JPEG_APP0 + 1, PROFILE = JPEG_APP0 + 2 };
enum {
    MAX_SCANS = 100,       /* each passes through all coefficients: encoders make ten */
    MAX_HEADER = 16 << 20, /* bytes before the picture */
};

struct jpeg {
    struct picture *p;
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr from;
    struct jpeg_progress_mgr progress;
    jmp_buf out;
    size_t n_header; /* bytes read; SIZE_MAX behind the header */
    uint8_t *row;
};

static bool fits(const unsigned char *head, size_t n)
{
    return n >= 3 && memcmp(head, "\xff\xd8\xff", 3) == 0;
}

/* --- what libjpeg calls --- */

static struct jpeg *of(j_common_ptr d)
{
    return d->client_data;
}

_Noreturn static void on_error(j_common_ptr d)
{
    struct jpeg *j = of(d);
    char text[JMSG_LENGTH_MAX];

    d->err->format_message(d, text);
    picture_fail(j->p, "%s", j->p->source.ended ? source_reason(&j->p->source) : text);
    longjmp(j->out, 1);
}

/* Warnings of lost pixels are errors, unless they are to be accepted; others say nothing. */
static void on_message(j_common_ptr d, int level)
{
    static const int lost[] = {JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE,     JWRN_ARITH_BAD_CODE,
                               JWRN_JPEG_EOF,   JWRN_BOGUS_PROGRESSION, JWRN_MUST_RESYNC};

    if (level >= 0 || of(d)->p->settings->accepts_truncated)
        return;
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++)
        if (d->err->msg_code == lost[i])
            on_error(d);
}

static void on_scan(j_common_ptr d)
{
    struct jpeg *j = of(d);

    if (j->d.input_scan_number <= MAX_SCANS)
        return;
    picture_fail(j->p, "over %d scans", MAX_SCANS);
    longjmp(j->out, 1);
}

static void on_start(j_decompress_ptr d)
{
    (void)d;
}

static boolean on_fill(j_decompress_ptr d)
{
    static const JOCTET end[] = {0xFF, JPEG_EOI};
    struct jpeg *j = of((j_common_ptr)d);
    struct source *s = &j->p->source;

    if (!source_fill(s)) {
        if (s->error)
            on_error((j_common_ptr)d);
        WARNMS(d, JWRN_JPEG_EOF);
        j->from.next_input_byte = end;
        j->from.bytes_in_buffer = sizeof end;
        return TRUE;
    }
    j->from.next_input_byte = s->buffer + s->at;
    j->from.bytes_in_buffer = s->n - s->at;
    if (j->n_header != SIZE_MAX && (j->n_header += s->n - s->at) > MAX_HEADER) {
        picture_fail(j->p, "over %d MiB before the picture", MAX_HEADER >> 20);
        longjmp(j->out, 1);
    }
    s->at = s->n;
    return TRUE;
}

static void on_skip(j_decompress_ptr d, long n)
{
    struct jpeg_source_mgr *from = d->src;

    while (n > (long)from->bytes_in_buffer) {
        n -= (long)from->bytes_in_buffer;
        on_fill(d);
        if (of((j_common_ptr)d)->p->source.ended)
            return;
    }
    if (n > 0) {
        from->next_input_byte += n;
        from->bytes_in_buffer -= (size_t)n;
    }
}

/* --- the header --- */

/* Adobe's programs store ink inverted, and say that they are Adobe's. */
static enum colour_samples samples(const struct jpeg *j)
{
    return j->d.out_color_space == JCS_RGB ? COLOUR_RGB
        : j->d.saw_Adobe_marker            ? COLOUR_CMYK_INVERTED
                                           : COLOUR_CMYK;
}

static void read_markers(struct jpeg *j)
{
    JOCTET *profile;
    unsigned len;

    for (jpeg_saved_marker_ptr m = j->d.marker_list; m; m = m->next)
        if (j->p->settings->orient && m->marker == EXIF && m->data_length > 6
            && memcmp(m->data, "Exif\0", 6) == 0) {
            j->p->orientation = exif_orientation(m->data, m->data_length);
            break;
        }
    if (j->p->settings->to_srgb && jpeg_read_icc_profile(&j->d, &profile, &len)) {
        picture_profile(j->p, profile, len, samples(j));
        free(profile);
    }
}

static const char *open_jpeg(struct picture *p)
{
    struct jpeg *j = xcalloc(1, sizeof *j);

    p->state = j;
    j->p = p;
    j->d.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->d.client_data = j;
    if (setjmp(j->out))
        return p->reason;
    jpeg_create_decompress(&j->d);
    j->d.mem->max_memory_to_use = 0; /* JPEGMEM of the environment; the picture is bounded here */
    j->from = (struct jpeg_source_mgr){.init_source = on_start,
                                       .fill_input_buffer = on_fill,
                                       .skip_input_data = on_skip,
                                       .resync_to_restart = jpeg_resync_to_restart,
                                       .term_source = on_start};
    j->d.src = &j->from;
    j->progress.progress_monitor = on_scan;
    j->d.progress = &j->progress;
    if (p->settings->orient)
        jpeg_save_markers(&j->d, EXIF, 0xFFFF);
    if (p->settings->to_srgb)
        jpeg_save_markers(&j->d, PROFILE, 0xFFFF);
    jpeg_read_header(&j->d, TRUE);
    j->n_header = SIZE_MAX;
    p->height = j->d.image_height;
    p->width = j->d.image_width;
    j->d.out_color_space =
        j->d.jpeg_color_space == JCS_CMYK || j->d.jpeg_color_space == JCS_YCCK ? JCS_CMYK : JCS_RGB;
    j->d.dct_method = JDCT_ISLOW;
    read_markers(j);
    return NULL;
}

static uint64_t round_up(uint64_t n, int unit)
{
    return (n + (uint64_t)unit - 1) / (uint64_t)unit * (uint64_t)unit;
}

static uint64_t memory_of(struct jpeg *j)
{
    uint64_t coefficients = 0, row = 0;

    for (int i = 0; i < j->d.num_components; i++) {
        const jpeg_component_info *c = &j->d.comp_info[i];

        coefficients += round_up(c->width_in_blocks, c->h_samp_factor)
            * round_up(c->height_in_blocks, c->v_samp_factor) * DCTSIZE2 * sizeof(JCOEF);
        row += 8 * round_up(j->d.image_width, 8 * j->d.max_h_samp_factor);
    }
    return SOURCE_BUFFER + (1 << 19) + MAX_HEADER * (uint64_t)j->p->settings->to_srgb
        + 3 * row * (uint64_t)j->d.max_v_samp_factor
        + (jpeg_has_multiple_scans(&j->d) ? coefficients : 0);
}

static const char *plan(struct picture *p, size_t rows, size_t columns)
{
    struct jpeg *j = p->state;

    if (setjmp(j->out))
        return p->reason;
    j->d.scale_denom = SCALES;
    for (j->d.scale_num = 1; j->d.scale_num <= SCALES; j->d.scale_num++) {
        jpeg_calc_output_dimensions(&j->d);
        if ((j->d.output_height >= rows && j->d.output_width >= columns)
            || j->d.scale_num == SCALES)
            break;
    }
    p->rows = j->d.output_height;
    p->columns = j->d.output_width;
    p->memory = memory_of(j);
    return NULL;
}

/* --- the picture --- */

/* rgb (n,3) from cmyk (n,4), in place: what is left of the light by the ink of a colour and black.
 */
static void print(uint8_t *row, size_t n, bool inverted)
{
    const uint8_t *cmyk = row;
    const unsigned ink = inverted ? 0 : 255;

    for (size_t i = 0; i < n; i++, row += RGB, cmyk += CMYK) {
        unsigned k = cmyk[3] ^ ink;

        for (int c = 0; c < RGB; c++)
            row[c] = (uint8_t)(((cmyk[c] ^ ink) * k + 127) / 255);
    }
}

static void decode_rows(struct picture *p)
{
    struct jpeg *j = p->state;
    enum colour_samples from = samples(j);
    JSAMPROW row;

    jpeg_start_decompress(&j->d);
    j->row = xmalloc((size_t)j->d.output_width * (size_t)j->d.output_components + 1);
    row = j->row + 1; /* libjpeg-turbo writes aligned rows past the cache: to be waited for */
    while (j->d.output_scanline < j->d.output_height) {
        jpeg_read_scanlines(&j->d, &row, 1);
        if (from != COLOUR_RGB && p->colour)
            colour_convert(p->colour, row, row, p->columns);
        else if (from != COLOUR_RGB)
            print(row, p->columns, from == COLOUR_CMYK_INVERTED);
        picture_row(p, row);
    }
    jpeg_finish_decompress(&j->d); /* to the end of the picture: a file without it is cut short */
}

static const char *decode(struct picture *p)
{
    struct jpeg *j = p->state;

    if (setjmp(j->out))
        return p->reason;
    decode_rows(p);
    return NULL;
}

static void close_jpeg(struct picture *p)
{
    struct jpeg *j = p->state;

    jpeg_destroy_decompress(&j->d);
    free(j->row);
    free(j);
}

const struct picture_format picture_jpeg = {
    "JPEG", " jpg jpeg jpe jfif ", fits, open_jpeg, plan, decode, close_jpeg, jpeg_library};
