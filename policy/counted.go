package policy

import (
	"icapd/scan"
)

// counted returns the verdict without the findings that do not count, and those. A verdict of which all counts
// is returned as it is.
func (p *Profile) counted(v *scan.Verdict) (scan.Verdict, []scan.Finding) {
	good := allowlisted(v.Findings)
	if len(good) == 0 && len(p.Disabled) == 0 {
		return *v, nil
	}
	var keep, ignored []scan.Finding
	for i := range v.Findings {
		f := &v.Findings[i]
		if p.disabled(f) || isMalware(f) && !isAllowance(f) && known(f.Item, good) {
			ignored = append(ignored, *f)
		} else {
			keep = append(keep, *f)
		}
	}
	out := *v
	out.Findings = keep
	return out, ignored
}

func (p *Profile) disabled(f *scan.Finding) bool {
	for i := range p.Disabled {
		if p.Disabled[i].Matches(f) {
			return true
		}
	}
	return false
}

// allowlisted returns the items that an engine found on an allow list.
func allowlisted(fs []scan.Finding) map[*scan.Item]bool {
	var good map[*scan.Item]bool
	for i := range fs {
		f := &fs[i]
		if !isAllowance(f) || f.Item == nil {
			continue
		}
		if good == nil {
			good = map[*scan.Item]bool{}
		}
		good[f.Item] = true
	}
	return good
}

func isAllowance(f *scan.Finding) bool {
	return f.Class == ClassAllowlisted && f.Hint == HintAllow && f.Severity == scan.Info
}

// known reports whether the item is on an allow list, or came out of one that is: then its bytes are a part of
// what the list's digest was taken of.
func known(it *scan.Item, good map[*scan.Item]bool) bool {
	for ; it != nil; it = it.Parent {
		if good[it] {
			return true
		}
	}
	return false
}
