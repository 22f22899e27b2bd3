package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// dropPages lets go of the parts of the program file that are in memory: initialising a hundred packages maps most of
// it, and little is needed again. What is needed comes back from the page cache when it is. Only mappings that nobody
// may write to are meant, and of these only those of which no page differs from the file.
func dropPages() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return // nothing is lost but memory
	}
	defer func() { _ = f.Close() }()
	var begin, end uint64 // of the mapping that the lines are about; 0 if it is none of ours
	clean := true         // so far
	code := false         // of which large pages are worth their memory
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) >= 6 && strings.Contains(fields[0], "-"):
			begin, end, clean = 0, 0, true
			if fields[5] == exe && (fields[1] == "r-xp" || fields[1] == "r--p") {
				begin, end = addresses(fields[0])
				code = fields[1] == "r-xp"
			}
		case len(fields) < 2 || end <= begin:
		case fields[0] == "Private_Dirty:", fields[0] == "Shared_Dirty:", fields[0] == "Anonymous:", fields[0] == "Swap:":
			clean = clean && fields[1] == "0" // else there are bytes that are not in the file: what the loader relocated
		case fields[0] == "VmFlags:" && clean: // the last line
			if !code {
				advise(begin, end, unix.MADV_NOHUGEPAGE) // or a byte that is read brings two megabytes
			}
			advise(begin, end, unix.MADV_DONTNEED)
		}
	}
}

func advise(begin, end uint64, advice uintptr) {
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(begin), uintptr(end-begin), advice)
}

// addresses reads the two addresses of a mapping.
func addresses(s string) (begin, end uint64) {
	a, b, _ := strings.Cut(s, "-")
	begin, err := strconv.ParseUint(a, 16, 64)
	if err != nil {
		return 0, 0
	}
	end, err = strconv.ParseUint(b, 16, 64)
	if err != nil {
		return 0, 0
	}
	return begin, end
}
