//go:build cgo && !noyara

#include "libyara.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <yara.h>

// Where a memory fault of this thread goes on, NULL outside of icapd_scan.
static __thread sigjmp_buf *guard;

static struct sigaction former_segv, former_bus; // Go's

static void on_fault(int sig, siginfo_t *info, void *context) {
	if (guard != NULL)
		siglongjmp(*guard, 1);
	struct sigaction *former = sig == SIGSEGV ? &former_segv : &former_bus;
	if (former->sa_flags & SA_SIGINFO) {
		former->sa_sigaction(sig, info, context);
		return;
	}
	signal(sig, SIG_DFL); // the instruction runs again, and now it is fatal
}

int icapd_guard_install(void) {
	struct sigaction act = {0};
	act.sa_sigaction = on_fault;
	act.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART; // what Go asks of handlers beside its own
	sigfillset(&act.sa_mask);
	if (sigaction(SIGSEGV, &act, &former_segv) != 0 || sigaction(SIGBUS, &act, &former_bus) != 0)
		return errno;
	return 0;
}

static struct hit *add_hit(struct result *r) {
	if (r->count == r->room) {
		int room = r->room == 0 ? 4 : 2 * r->room;
		struct hit *more = realloc(r->hits, room * sizeof *more);
		if (more == NULL)
			return NULL;
		r->hits = more;
		r->room = room;
	}
	struct hit *h = &r->hits[r->count++];
	h->strings = h->more = 0;
	return h;
}

static int on_rule(YR_SCAN_CONTEXT *context, YR_RULE *rule, struct result *r) {
	struct hit *h = add_hit(r);
	if (h == NULL) {
		r->failed = 1;
		return CALLBACK_ERROR;
	}
	h->rule = (int) (rule - context->rules->rules_table);
	YR_STRING *string;
	yr_rule_strings_foreach(rule, string) {
		YR_MATCH *match;
		yr_string_matches_foreach(context, string, match) {
			if (h->strings < HIT_STRINGS) {
				struct hit_string *s = &h->string[h->strings++];
				s->name = string->identifier;
				s->offset = match->base + match->offset;
				s->length = match->match_length;
			} else {
				h->more++;
			}
			break; // the first will do
		}
	}
	return CALLBACK_CONTINUE;
}

static int on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *user) {
	struct result *r = user;
	switch (message) {
	case CALLBACK_MSG_RULE_MATCHING:
		return on_rule(context, data, r);
	case CALLBACK_MSG_TOO_MANY_MATCHES:
		r->truncated = 1; // goes on: the other rules may find something
	}
	return CALLBACK_CONTINUE;
}

int icapd_scan(void *scanner, const uint8_t *buffer, size_t size, int guarded, struct result *r) {
	r->count = r->truncated = r->failed = 0;
	yr_scanner_set_callback(scanner, on_message, r);
	// In fast mode a string that is only asked for once is looked for once. libyara's own way to survive
	// faults is off, because its handlers leave those of Go code to repeat forever.
	yr_scanner_set_flags(scanner, SCAN_FLAGS_REPORT_RULES_MATCHING | SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_NO_TRYCATCH);
	sigjmp_buf fault;
	if (guarded) {
		if (sigsetjmp(fault, 1) != 0) {
			guard = NULL;
			return SCAN_FAULTED;
		}
		guard = &fault;
	}
	int code = yr_scanner_scan_mem(scanner, buffer, size);
	guard = NULL;
	return r->failed ? SCAN_NO_MEMORY : code;
}

void icapd_interrupt(void *scanner) {
	// libyara looks at the clock every 4 KiB of input and every hundred instructions of a condition.
	__atomic_store_n(&((YR_SCAN_CONTEXT *) scanner)->timeout, 1, __ATOMIC_RELAXED);
}

const char *icapd_yara_version(void) { return YR_VERSION; }
