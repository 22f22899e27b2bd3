/*
 * An echo service that does the least work an ICAP service can. c-icap's own echo alternates between 204 and
 * 200, so it is no fair peer for a benchmark.
 *
 * fair204 takes the whole body, keeps none of it, and answers 204. Compiled with -DEARLY it is early204, which
 * answers 204 from the preview. lab.CICAP compiles both.
 */
#include "c-icap.h"
#include "service.h"
#include "simple_api.h"

#ifdef EARLY
#define NAME "early204"
#define AT_PREVIEW CI_MOD_ALLOW204
#else
#define NAME "fair204"
#define AT_PREVIEW CI_MOD_CONTINUE
#endif

static char nothing; /* request data must not be NULL, and there is none */

static int init(ci_service_xdata_t *xdata, struct ci_server_conf *conf)
{
	ci_service_set_preview(xdata, 1024);
	ci_service_enable_204(xdata);
	ci_service_set_transfer_preview(xdata, "*");
	return CI_OK;
}

static void *begin(ci_request_t *req) { return &nothing; }

static void end(void *data) { }

static int preview(char *data, int len, ci_request_t *req) { return AT_PREVIEW; }

static int finish(ci_request_t *req) { return CI_MOD_ALLOW204; }

static int io(char *wbuf, int *wlen, char *rbuf, int *rlen, int eof, ci_request_t *req)
{
	if (wlen)
		*wlen = eof ? CI_EOF : 0;
	return CI_OK; /* *rlen stays as it was: all of it is taken */
}

CI_DECLARE_MOD_DATA ci_service_module_t service = {
	NAME, "reads the body and answers 204", ICAP_RESPMOD | ICAP_REQMOD,
	init, NULL, NULL, begin, end, preview, finish, io, NULL, NULL
};
