/*
 * A c-icap service that does what icapd's /echo does: it reads the body whole and answers 204 wherever the
 * client allows it, else sends the message back. c-icap's own echo answers 204 every other time only, which
 * is no fair peer for tests and benchmarks. With the argument "early" it answers 204 from the preview.
 *
 *   gcc -shared -fPIC -O2 -I/usr/include/c_icap -DNAME='"fair"' -DTYPE='ICAP_RESPMOD|ICAP_REQMOD' \
 *       -o srv_fair.so srv_fair.c
 */
#include <string.h>
#include "c-icap.h"
#include "service.h"
#include "body.h"
#include "simple_api.h"

static int init(ci_service_xdata_t *x, struct ci_server_conf *conf)
{
    ci_service_set_preview(x, 1024);
    ci_service_enable_204(x);
    ci_service_set_transfer_preview(x, "*");
    return CI_OK;
}

static void *begin(ci_request_t *req)
{
    return ci_cached_file_new(64 << 10);
}

static void release(void *body)
{
    ci_cached_file_destroy(body);
}

static int preview(char *data, int len, ci_request_t *req)
{
    if (!ci_req_hasbody(req) || strstr(req->args, "early"))
        return CI_MOD_ALLOW204;
    if (len > 0 && ci_cached_file_write(ci_service_data(req), data, len, ci_req_hasalldata(req)) < 0)
        return CI_ERROR;
    return CI_MOD_CONTINUE;
}

static int end(ci_request_t *req)
{
    if (ci_req_allow204(req))
        return CI_MOD_ALLOW204;
    ci_req_unlock_data(req);
    return CI_MOD_DONE;
}

static int io(char *wbuf, int *wlen, char *rbuf, int *rlen, int eof, ci_request_t *req)
{
    ci_cached_file_t *body = ci_service_data(req);

    if (rlen && *rlen > 0 && ci_cached_file_write(body, rbuf, *rlen, eof) < 0)
        return CI_ERROR;
    if (wbuf && wlen) {
        *wlen = ci_cached_file_read(body, wbuf, *wlen);
        if (*wlen == 0 && ci_req_hasalldata(req))
            *wlen = CI_EOF;
    }
    return CI_OK;
}

CI_DECLARE_MOD_DATA ci_service_module_t service = {
    .mod_name = NAME,
    .mod_short_descr = "Reads all, changes nothing",
    .mod_type = TYPE,
    .mod_init_service = init,
    .mod_init_request_data = begin,
    .mod_release_request_data = release,
    .mod_check_preview_handler = preview,
    .mod_end_of_data_handler = end,
    .mod_service_io = io,
};
