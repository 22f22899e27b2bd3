package odf

import (
	"strings"
	"testing"

	"icapd/cdr/kit"
)

// TestFramesStayWhereTheyAre has what goes from a frame that shows nothing else: a picture without a pixel that is seen keeps
// its room. Where the frame has something else to show, that is shown.
func TestFramesStayWhereTheyAre(t *testing.T) {
	const link = `xlink:href="http://` + canary + `/x"`
	for name, tt := range map[string]struct {
		body  string
		blank bool
	}{
		"image":                {`<draw:frame><draw:image ` + link + `/></draw:frame>`, true},
		"image with text":      {`<draw:frame draw:name="a"><draw:image ` + link + `><text:p/></draw:image><svg:desc xmlns:svg="urn:v"/></draw:frame>`, true},
		"plugin":               {`<draw:frame><draw:plugin ` + link + `/></draw:frame>`, true},
		"floating frame":       {`<draw:frame><draw:floating-frame ` + link + `/></draw:frame>`, true},
		"behind another frame": {`<draw:frame><draw:text-box/></draw:frame><draw:frame><draw:image ` + link + `/></draw:frame>`, true},
		"in a text box":        {`<draw:frame><draw:text-box><draw:frame><draw:image ` + link + `/></draw:frame></draw:text-box></draw:frame>`, true},
		"one more picture":     {`<draw:frame><draw:image ` + link + `/><draw:image xlink:href="Pictures/1.png"/></draw:frame>`, false},
		"behind a picture":     {`<draw:frame><draw:image xlink:href="Pictures/1.png"/><draw:plugin ` + link + `/></draw:frame>`, false},
		"outside of a frame":   {`<draw:frame><draw:text-box/></draw:frame><draw:plugin ` + link + `/>`, false},
		"no frame":             {`<draw:plugin ` + link + `/>`, false},
	} {
		t.Run(name, func(t *testing.T) {
			out, job, err := run(t, Package{}, odt(t, tt.body, "Pictures/1.png", kit.BlankPNG))
			files := unzip(t, out)
			if err != nil || survives(files) != "" || strings.Contains(files["content.xml"], "<draw:image>"+blankPicture+"</draw:image>") != tt.blank {
				t.Errorf("%v %v\n%s", err, job.Removals(), files["content.xml"])
			}
			if again, job, err := run(t, Package{}, out); err != nil || again != nil {
				t.Errorf("a second pass: %v %v", err, job.Removals())
			}
		})
	}
}
