package yara

import (
	"context"
	"errors"

	"icapd/scan"
)

func tooManyMatches() error {
	return &scan.Gap{
		Engine: "yara", Reason: scan.ReasonLimit, Limit: "yara.matches",
		Err: errors.New("yara: a string matches too often to count"),
	}
}

// timedOut is the error of a scan that was stopped: by ctx, whose error the engine explains, or by libyara's
// own clock.
func timedOut(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return &scan.Gap{Engine: "yara", Reason: scan.ReasonTimeout, Err: errors.New("yara: libyara's own time limit was reached")}
}
