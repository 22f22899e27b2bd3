package waf

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/types"
)

// codeVersion changes when the engine answers differently with the same rules.
const codeVersion = "1"

// crsVersion is that of the rules that come with icapd; a test holds it to what the rules say of themselves.
const crsVersion = "4.25.0"

// crsFiles are the files of CRS that look at arguments. The others look at methods, heads, uploads and addresses,
// of which a field has none, sum scores up, or look for error messages in responses as a whole.
var crsFiles = []string{
	"REQUEST-901-INITIALIZATION", "REQUEST-921-PROTOCOL-ATTACK", "REQUEST-930-APPLICATION-ATTACK-LFI",
	"REQUEST-931-APPLICATION-ATTACK-RFI", "REQUEST-932-APPLICATION-ATTACK-RCE", "REQUEST-933-APPLICATION-ATTACK-PHP",
	"REQUEST-934-APPLICATION-ATTACK-GENERIC", "REQUEST-941-APPLICATION-ATTACK-XSS", "REQUEST-942-APPLICATION-ATTACK-SQLI",
	"REQUEST-943-APPLICATION-ATTACK-SESSION-FIXATION", "REQUEST-944-APPLICATION-ATTACK-JAVA",
}

// base makes Coraza look and nothing else.
const base = `SecRuleEngine DetectionOnly
SecRequestBodyAccess Off
SecResponseBodyAccess Off
SecAuditEngine Off
SecArgumentsLimit 1000
`

// crsDirectives set CRS up and load it. Names of arguments are not shown to it: they are paths, made here, and the
// names in them are fields of their own.
func crsDirectives(paranoia int) string {
	var b strings.Builder
	level := strconv.Itoa(paranoia)
	b.WriteString(`SecAction "id:900990,phase:1,pass,t:none,nolog,setvar:tx.crs_setup_version=4250,` +
		`setvar:tx.blocking_paranoia_level=` + level + `,setvar:tx.detection_paranoia_level=` + level + "\"\n")
	for _, f := range crsFiles {
		b.WriteString("Include @owasp_crs/" + f + ".conf\n")
	}
	b.WriteString("SecRuleUpdateTargetByTag \"OWASP_CRS\" \"!ARGS_NAMES\"\n")
	return b.String()
}

// compiled is rules, ready for use.
type compiled struct {
	waf     coraza.WAF
	rules   int
	version string
}

// compile makes rules of sources. The error joins everything that does not compile, a *RuleError each.
func compile(s *sources, o *Options) (*compiled, error) {
	var errs []error
	for {
		c, err := s.compileOnce(o)
		if err == nil {
			return c, errors.Join(errs...)
		}
		at := s.root.last
		if at < 0 { // not the operator's files
			return nil, errors.Join(append(errs, err)...)
		}
		d := &s.directives[at]
		d.broken = true
		errs = append(errs, &RuleError{File: s.files[d.file], Line: d.line, Err: bare(err)})
		if len(errs) == maxProblems {
			return nil, errors.Join(append(errs, errors.New("waf: the rest is not compiled"))...)
		}
	}
}

// bare takes what Coraza says about its own ways off an error.
func bare(err error) error {
	text := err.Error()
	for _, mark := range []string{"failed to parse string: ", `failed to compile the directive "secrule": `} {
		if _, after, ok := strings.Cut(text, mark); ok {
			text = after
		}
	}
	return errors.New(text)
}

func (s *sources) compileOnce(o *Options) (*compiled, error) {
	s.root.last, s.root.digest = -1, [sha256.Size]byte{}
	config := coraza.NewWAFConfig().WithRootFS(s.root).WithDirectives(base)
	ids := map[int]bool{}
	config = experimental.WAFConfigWithRuleObserver(config, func(r types.RuleMetadata) { ids[r.ID()] = true })
	for i := range s.directives {
		switch d := &s.directives[i]; {
		case d.crs:
			config = config.WithDirectives(crsDirectives(o.Paranoia))
		case !d.broken:
			config = config.WithDirectivesFromFile(d.name(i))
		}
	}
	for _, name := range o.Disabled {
		if id, err := strconv.Atoi(name); err == nil {
			config = config.WithDirectives("SecRuleRemoveById " + strconv.Itoa(id))
		}
	}
	waf, err := coraza.NewWAF(config)
	if err != nil {
		return nil, err
	}
	c := &compiled{waf: waf, rules: len(ids), version: s.versionOf(o)}
	for _, name := range o.Disabled {
		id, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if ids[id] {
			c.rules--
		} else if s.hasCRS() || id < 900000 || id > 999999 {
			s.root.last = -1
			c.close()
			return nil, fmt.Errorf("waf: no rule %d to switch off", id)
		}
	}
	return c, nil
}

// close lets go of what is compiled. Looks that are under way are not disturbed.
func (c *compiled) close() {
	if closer, ok := c.waf.(experimental.WAFCloser); ok {
		_ = closer.Close() // it only forgets
	}
}

// versionOf is equal for equal rules that are used in the same way.
func (s *sources) versionOf(o *Options) string {
	h := sha256.New()
	disabled := slices.Sorted(slices.Values(o.Disabled))
	_, _ = fmt.Fprintf(h, "%s %s %s %d %q %d %d %v %x\n", codeVersion, crsVersion, corazaVersion(), o.Paranoia, disabled,
		o.MaxFieldBytes, o.MaxBytes, o.Sample, s.root.digest)
	for i := range s.directives {
		_, _ = fmt.Fprintf(h, "%v %q\n", s.directives[i].crs, s.directives[i].text)
	}
	return fmt.Sprintf("crs-%s-pl%d-%s", crsVersion, o.Paranoia, hex.EncodeToString(h.Sum(nil)[:8]))
}

// corazaVersion is that of the module in this program, "" where the build does not say.
func corazaVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/corazawaf/coraza/v3" {
			return m.Version
		}
	}
	return ""
}
