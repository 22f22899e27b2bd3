package learn

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

var (
	isUUID  = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	isEmail = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_+-]*(\.[A-Za-z0-9_+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,20}$`)
	isTime  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`)
)

// formatsOf returns the formats of JSON Schema that a string has, strictly: whatever checks them must say the same.
func formatsOf(s string) []string {
	if len(s) < 2 || len(s) > 2000 {
		return nil
	}
	for _, f := range []struct {
		name string
		has  func(string) bool
	}{
		{"uuid", isUUID.MatchString},
		{"date-time", isDateTime},
		{"date", isDate},
		{"email", func(s string) bool { return len(s) < 200 && strings.IndexByte(s, '@') <= 64 && isEmail.MatchString(s) }},
		{"ipv4", func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }},
		{"uri", isURI},
	} {
		if f.has(s) {
			return []string{f.name}
		}
	}
	return nil
}

func isDateTime(s string) bool {
	if !isTime.MatchString(s) {
		return false
	}
	_, err := time.Parse(time.RFC3339Nano, s)
	return err == nil
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func isURI(s string) bool {
	if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") || strings.ContainsAny(s, " \\<>\"{}|^`") {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Host != ""
}
