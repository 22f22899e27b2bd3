// What icapd asks of libyara beyond what go-yara offers. libyara.go says why.

#ifndef ICAPD_LIBYARA_H
#define ICAPD_LIBYARA_H

#include <stddef.h>
#include <stdint.h>

enum {
	HIT_STRINGS = 8, // strings of a rule that are reported

	SCAN_FAULTED = -1, // a memory fault: the scanner must not be touched again
	SCAN_NO_MEMORY = -2,
};

struct hit_string {
	const char *name; // lives as long as the rules
	int64_t offset, length;
};

// A rule that matched.
struct hit {
	int rule;          // its index in the rules
	int strings, more; // how many are listed, and how many matched beyond them
	struct hit_string string[HIT_STRINGS];
};

struct result {
	struct hit *hits; // for free(3)
	int count, room;
	int truncated; // libyara stopped counting the matches of a string
	int failed;    // no memory for a hit
};

// icapd_guard_install makes memory faults inside of icapd_scan end the scan. It may be called once.
// It returns 0, or errno.
int icapd_guard_install(void);

// icapd_scan scans buffer with a YR_SCANNER. It returns an error code of libyara or one of SCAN_*.
// Without guard a memory fault ends the process.
int icapd_scan(void *scanner, const uint8_t *buffer, size_t size, int guard, struct result *r);

// icapd_interrupt makes the scan that runs in another thread end with a time-out. The scanner must exist,
// and its time-out must not be zero.
void icapd_interrupt(void *scanner);

const char *icapd_yara_version(void);

#endif
