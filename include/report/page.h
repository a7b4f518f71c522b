/* page: one HTML file that holds data and all that shows them.
 *
 * The files of report/ are part of the program: page.html, with style.css and the scripts put in at
 * their marks <!-- style -->, <!-- data --> and <!-- script -->. At the mark of the data stand
 *
 *     <script type="application/octet-stream" id="block-NAME">BASE64</script>      a block:
 *                                             numbers, little-endian, or a JPEG file
 *     <script type="application/json" id="facts">JSON</script>               everything else
 *
 * Text is data wherever it stands: "<" never does, JSON writes it \u003c.
 */
#ifndef PAGE_H
#define PAGE_H

#include <stddef.h>

#include "files/history.h"
#include "files/json.h"

/* What the files of report/ are. */
extern const char page_html[], page_style[], page_script[];

struct page;

/* Writes all before the data to PATH (NULL or "-": standard output). */
struct page *page_create(const char *path);
void page_add_block(struct page *p, const char *name, const void *data, size_t len);
/* Writes FACTS, which it takes, and all behind, and ends the file with the record H. */
void page_commit(struct page *p, json_t *facts, const struct history *h);

/* Of the files of report/: what decides the page and is no input. */
void page_digest(char digest[DIGEST_SIZE]);

/* TEXT as a value; each byte that is not part of UTF-8 is written \xNN. */
json_t *page_text(const char *text);

#endif
