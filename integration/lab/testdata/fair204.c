/*
 * Services of c-icap for tests and benchmarks. c-icap's own echo answers a preview with 204 and 200 in turn, so
 * neither the conformance suite nor a benchmark can use it. lab.CICAP compiles both of these:
 *
 * fair204 takes the whole body and answers 204, for which it keeps nothing of it; where the client does not
 * offer 204, it sends the message back. With -DEARLY it is early204, which answers 204 from the preview.
 */
#include "c-icap.h"
#include "service.h"
#include "simple_api.h"
#include "body.h"

#ifdef EARLY
#define NAME "early204"
#else
#define NAME "fair204"
#endif

static char nothing; /* request data must not be NULL */

static int init(ci_service_xdata_t *xdata, struct ci_server_conf *conf)
{
	ci_service_set_preview(xdata, 1024);
	ci_service_enable_204(xdata);
	ci_service_set_transfer_preview(xdata, "*");
	return CI_OK;
}

static void *begin(ci_request_t *req)
{
	if (ci_req_allow204(req) || !ci_req_hasbody(req))
		return &nothing;
	return ci_cached_file_new(1 << 20);
}

static void end(void *data)
{
	if (data != &nothing)
		ci_cached_file_destroy(data);
}

static int preview(char *buf, int len, ci_request_t *req)
{
	void *data = ci_service_data(req);
#ifdef EARLY
	return CI_MOD_ALLOW204;
#endif
	if (data != &nothing)
		ci_cached_file_write(data, buf, len, ci_req_hasalldata(req));
	return CI_MOD_CONTINUE;
}

static int finish(ci_request_t *req)
{
	void *data = ci_service_data(req);
	if (ci_req_allow204(req))
		return CI_MOD_ALLOW204;
	if (data != &nothing)
		ci_cached_file_write(data, NULL, 0, 1); /* no more will come */
	return CI_MOD_DONE;
}

static int io(char *wbuf, int *wlen, char *rbuf, int *rlen, int eof, ci_request_t *req)
{
	void *data = ci_service_data(req);
	if (data == &nothing) {
		if (wlen)
			*wlen = CI_EOF;
		return CI_OK; /* *rlen stays as it was: all of it is taken */
	}
	if (rlen && rbuf && (*rlen = ci_cached_file_write(data, rbuf, *rlen, eof)) < 0)
		return CI_ERROR;
	if (wlen && wbuf)
		*wlen = ci_cached_file_read(data, wbuf, *wlen);
	return CI_OK;
}

CI_DECLARE_MOD_DATA ci_service_module_t service = {
	NAME, "reads the body and answers 204, or sends it back", ICAP_RESPMOD | ICAP_REQMOD,
	init, NULL, NULL, begin, end, preview, finish, io, NULL, NULL
};
